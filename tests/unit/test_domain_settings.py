from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from support.stores_yaml import GOOD, read

from domain.errors import SettingsError
from domain.settings import Door, Network


def test_bots_doors_and_departments_have_names(tmp_path: Path) -> None:
    text = GOOD.replace("admins: [1]", "bots: {north: {token: '2:hidden'}}").replace(
        "id: spb-1", "id: spb-1\n    bot: north\n    department_names: {Toys: {ru: Игрушки}}"
    )
    settings = read(tmp_path, text.replace("id: toys, role", "id: toys, name: Игрушки, role"))
    (store,) = settings.stores
    assert {name: token.get_secret_value() for name, token in settings.telegram.tokens.items()} == {
        "main": "123:abc",
        "north": "2:hidden",
    }
    assert "hidden" not in repr(settings)
    assert (store.bot, store.notify, store.offer_s) == ("north", "all", 15)
    assert [store.department("Toys", language) for language in ("ru", "en")] == ["Игрушки", "Toys"]
    assert [camera.label for camera in store.cameras] == ["door", "Игрушки"]


def test_a_store_may_stand_once(tmp_path: Path) -> None:
    store = GOOD[GOOD.index("  - id:") :]
    with pytest.raises(SettingsError, match="store id 'spb-1' stands twice"):
        read(tmp_path, GOOD + store)


def test_who_says_nothing_of_it_keeps_no_picture_and_nothing_for_long(tmp_path: Path) -> None:
    settings = read(tmp_path, GOOD)
    (store,) = settings.stores
    assert (store.card, store.notify, store.notification_lifetime_s) == ("none", "all", 60)
    assert settings.training.keep_samples_days == 90
    # assistants see who came in at the door; a camera only guesses
    assert settings.training.weights.assistant > settings.training.weights.camera


def test_the_only_store_needs_no_name(tmp_path: Path) -> None:
    settings = read(tmp_path, GOOD)
    assert settings.store(None).id == "spb-1"
    with pytest.raises(SettingsError, match="there are: spb-1"):
        settings.store("spb-2")


def test_of_several_stores_one_has_to_be_named(tmp_path: Path) -> None:
    settings = read(tmp_path, GOOD + "  - {id: msk-1, name: Арбат, departments: [Toys]}\n")
    with pytest.raises(SettingsError, match=r"say which with --store \(spb-1, msk-1\)"):
        settings.store(None)
    assert settings.store("msk-1").name == "Арбат"


@given(st.tuples(*[st.integers(0, 50)] * 4), st.tuples(*[st.integers(0, 50)] * 2))
def test_a_door_has_two_sides(line: tuple[int, int, int, int], inside: tuple[int, int]) -> None:
    x1, y1, x2, y2 = line
    on_it = (x2 - x1) * (inside[1] - y1) == (y2 - y1) * (inside[0] - x1)
    if on_it:
        with pytest.raises(ValidationError):
            Door(line=line, inside=inside)
    else:
        assert Door(line=line, inside=inside).line == line


def test_a_network_is_a_name_or_a_mapping(tmp_path: Path) -> None:
    told = "networks: {detector: yolox-nano, encoder: {checkpoint: efficientnet-lite0, runtime: torch, device: cpu}}"
    networks = read(tmp_path, GOOD + told).networks
    assert (networks.detector.checkpoint, networks.detector.runtime) == ("yolox-nano", "auto")
    assert (networks.encoder.checkpoint, networks.encoder.runtime) == ("efficientnet-lite0", "torch")


def test_replicas_are_from_so_many_to_as_many_or_more(tmp_path: Path) -> None:
    def scaled(least: int, most: int) -> str:
        return GOOD + f"networks: {{scaling: {{encoder: {{min_replicas: {least}, max_replicas: {most}}}}}}}"

    assert read(tmp_path, scaled(2, 2)).networks.scaling.encoder.min_replicas == 2
    with pytest.raises(SettingsError, match="min_replicas is larger than max_replicas"):
        read(tmp_path, scaled(3, 2))


@pytest.mark.parametrize(
    ("network", "told"),
    [
        ("{checkpoint: x, devise: cpu}", "networks.encoder.devise: unknown key"),
        ("{checkpoint: x, device: gpu}", "networks.encoder.device: 'gpu'"),
        ("{device: cpu}", "networks.encoder.checkpoint: missing"),
        ("{checkpoint: x, device: 'cuda:0', runtime: onnxruntime}", "set runtime: torch for a GPU"),
        ("''", "networks.encoder.checkpoint"),
        ("5", "networks.encoder: 5"),
    ],
)
def test_what_is_wrong_with_a_network_is_told(tmp_path: Path, network: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        read(tmp_path, GOOD + f"networks: {{encoder: {network}}}")


def test_prompts_of_a_department_that_is_not_there_are_refused(tmp_path: Path) -> None:
    text = GOOD.replace("    cameras:\n", "    prompts: {Books: [a reader]}\n    cameras:\n")
    with pytest.raises(SettingsError, match="prompts for 'Books', which is not one of the departments: Appliances"):
        read(tmp_path, text)


def test_a_checkpoints_folder_is_the_same_wherever_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clip").mkdir()
    monkeypatch.setenv("HOME", "/home/anna")
    for name, known in (
        ("clip", str(tmp_path / "clip")),
        ("./not-there-yet", str(tmp_path / "not-there-yet")),
        ("~/clip", "/home/anna/clip"),
        ("openai/clip-vit-base-patch32", "openai/clip-vit-base-patch32"),
        ("yolox-nano", "yolox-nano"),
    ):
        assert Network(checkpoint=name).checkpoint == known
