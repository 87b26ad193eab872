from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.errors import SettingsError
from domain.settings import Door, Settings, read_all, read_settings

GOOD = """
telegram: {token: "${TOKEN}", admins: [1]}
stores:
  - id: spb-1
    name: "Амико, Невский"
    timezone: Europe/Moscow
    departments: [Appliances, Toys]
    cameras:
      - {id: door, role: entrance, source: "rtsp://user:secret@10.0.0.5/door",
         door: {line: [213, 148, 328, 148], inside: [270, 100]}}
      - {id: toys, role: department, department: Toys, source: 0}
"""
ENVIRONMENT = {"TOKEN": "123:abc"}


def read(tmp_path: Path, text: str, environment: dict[str, str] = ENVIRONMENT) -> Settings:
    path = tmp_path / "stores.yaml"
    path.write_text(text, encoding="utf-8")
    return read_settings(path, environment)


def test_the_designs_example_is_read(tmp_path: Path) -> None:
    settings = read(tmp_path, GOOD)
    (store,) = settings.stores
    assert store.name == "Амико, Невский"
    assert [camera.source.get_secret_value() for camera in store.cameras] == ["rtsp://user:secret@10.0.0.5/door", "0"]
    assert settings.telegram.token.get_secret_value() == "123:abc"


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


def test_secrets_do_not_show(tmp_path: Path) -> None:
    settings = read(tmp_path, GOOD)
    shown = repr(settings) + str(settings) + settings.model_dump_json()
    assert "123:abc" not in shown
    assert "secret" not in shown.replace("SecretStr", "")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("admins: [1]", "admin: [1]", "telegram.admin: unknown key"),
        ("admins: [1]", "admins: [x]", "telegram.admins.0: 'x'"),
        ("role: entrance", "role: exit", "stores.0.cameras.0.role: 'exit'"),
        ("id: toys, role", "id: door, role", "camera id 'door' stands twice"),
        ("department: Toys", "department: Cars", "'Cars', which is not one of Appliances, Toys"),
        ("Europe/Moscow", "Mars/Olympus", "stores.0.timezone: 'Mars/Olympus': expected a time zone"),
        ("[Appliances, Toys]", "[Toys, Toys]", "department 'Toys' stands twice"),
        ("[Appliances, Toys]", "[]", "stores.0.departments"),
        ("[270, 100]", "[270, 148]", "the point inside lies on the door's line"),
        ("[213, 148, 328, 148]", "[213, 148, 213, 148]", "two different ends"),
        ("id: spb-1", "id: 'a/b'", "stores.0.id: 'a/b'"),
        ("id: spb-1", "id: spb-", "with a letter or a digit at both ends"),
        ("id: spb-1", f"id: {'a' * 64}", "expected up to 63 of"),
        ('    name: "Амико, Невский"\n', "", "stores.0.name: missing"),
        ("stores:", "stores: [", "is not YAML"),
        ("admins: [1]", "bots: {main: {token: '2:b'}}", "main is the name of the bot of telegram.token"),
        ("admins: [1]", 'bots: {north: {token: "${TOKEN}"}}', "two bots have the same token"),
        ("id: spb-1", "id: spb-1\n    bot: north", "store 'spb-1' names the bot 'north'; there are: main"),
        ("id: spb-1", "id: spb-1\n    notify: everyone", "stores.0.notify: 'everyone'"),
        ("id: spb-1", "id: spb-1\n    offer_s: 0", "stores.0.offer_s: 0"),
        ("id: spb-1", "id: spb-1\n    department_names: {Cars: {ru: Машины}}", "department_names names 'Cars'"),
        ("id: spb-1", "id: spb-1\n    department_names: {Toys: {fr: Jouets}}", "stores.0.department_names.Toys.fr"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in GOOD
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, GOOD.replace(old, new, 1))
    assert told in str(caught.value)
    assert "stores.yaml" in str(caught.value)
    assert "123:abc" not in str(caught.value)
    assert "user:secret" not in str(caught.value)


def test_a_store_may_stand_once(tmp_path: Path) -> None:
    store = GOOD[GOOD.index("  - id:") :]
    with pytest.raises(SettingsError, match="store id 'spb-1' stands twice"):
        read(tmp_path, GOOD + store)


@pytest.mark.parametrize("environment", [{}, {"TOKEN": ""}])
def test_an_unset_variable_is_named_with_its_key(tmp_path: Path, environment: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"telegram\.token: the environment variable TOKEN is not set"):
        read(tmp_path, GOOD, environment)


@pytest.mark.parametrize(("old", "new"), [('"${TOKEN}"', "4711.5"), ("source: 0}", "source: 4711.5}")])
def test_what_stands_in_a_secrets_place_is_not_repeated(tmp_path: Path, old: str, new: str) -> None:
    with pytest.raises(SettingsError, match=r"(token|source): input should be a valid string") as caught:
        read(tmp_path, GOOD.replace(old, new))
    assert "4711" not in str(caught.value)


def test_who_says_nothing_of_it_keeps_no_picture_and_nothing_for_long(tmp_path: Path) -> None:
    settings = read(tmp_path, GOOD)
    (store,) = settings.stores
    assert (store.card, store.notify, store.notification_lifetime_s) == ("none", "all", 60)
    assert settings.training.keep_samples_days == 90


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file"):
        read_settings(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("content", [b"", b"- a\n- b", b"\xff\xfe\x00", b"just words"])
def test_what_is_no_settings_file_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "stores.yaml"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"stores\.yaml"):
        read_settings(path)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("any") / "stores.yaml"
    path.write_text(text, encoding="utf-8", errors="replace")
    with pytest.raises(SettingsError):
        read_settings(path, {})


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


def test_stores_may_lie_in_several_files_but_each_in_one(tmp_path: Path) -> None:
    def write(name: str, *stores: str, token: str = "1:x") -> Path:
        lines = [f"telegram: {{token: '{token}'}}", "stores:"]
        lines += [f"  - {{id: {one}, name: {one}, departments: [Toys]}}" for one in stores]
        (tmp_path / name).write_text("\n".join(lines))
        return tmp_path / name

    both = read_all([write("a.yaml", "s1"), write("b.yaml", "s2")])
    assert [store.id for store in both.stores] == ["s1", "s2"]
    with pytest.raises(SettingsError, match=r"b\.yaml: store id 's1' stands in .*a\.yaml already"):
        read_all([write("a.yaml", "s1"), write("b.yaml", "s1")])
    with pytest.raises(SettingsError, match="beside the stores"):
        read_all([write("a.yaml", "s1"), write("b.yaml", "s2", token="2:y")])


def test_a_key_that_breaks_lines_is_told_in_one(tmp_path: Path) -> None:
    path = tmp_path / "stores.yaml"
    path.write_text('telegram: {token: "1:a", "a\\nb": 1}\nstores: []\n', encoding="utf-8")
    with pytest.raises(SettingsError, match=r"telegram\.'a\\nb': unknown key") as error:
        read_settings(path)
    assert all(line.startswith(str(path)) for line in str(error.value).splitlines())
