from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.stores_yaml import GOOD, read

from domain.errors import SettingsError
from domain.settings_file import read_all, read_settings


def test_the_designs_example_is_read(tmp_path: Path) -> None:
    settings = read(tmp_path, GOOD)
    (store,) = settings.stores
    assert store.name == "Амико, Невский"
    assert [camera.source.get_secret_value() for camera in store.cameras] == ["rtsp://user:secret@10.0.0.5/door", "0"]
    assert settings.telegram.token.get_secret_value() == "123:abc"


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
        ("department: Toys, ", "", "a camera with role department needs the key department"),
        ("role: entrance", "role: entrance, department: Toys", "a camera with role entrance has no department"),
        ("source: 0", "source: 0, door: {line: [0, 0, 9, 0], inside: [5, 5]}", "role department has no door"),
        ("source: 0", "source: 0, region: [10, 50, 60, 20]", "with x_min < x_max and y_min < y_max"),
        ("source: 0", "source: 0, region: [60, 20, 10, 50]", "with x_min < x_max and y_min < y_max"),
        ("stores:", "training: {at: '24:00'}\nstores:", "training.at: '24:00'"),
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


@pytest.mark.parametrize("environment", [{}, {"TOKEN": ""}])
def test_an_unset_variable_is_named_with_its_key(tmp_path: Path, environment: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"telegram\.token: the environment variable TOKEN is not set"):
        read(tmp_path, GOOD, environment)


@pytest.mark.parametrize(("old", "new"), [('"${TOKEN}"', "4711.5"), ("source: 0}", "source: 4711.5}")])
def test_what_stands_in_a_secrets_place_is_not_repeated(tmp_path: Path, old: str, new: str) -> None:
    with pytest.raises(SettingsError, match=r"(token|source): input should be a valid string") as caught:
        read(tmp_path, GOOD.replace(old, new))
    assert "4711" not in str(caught.value)


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


def test_all_unset_variables_are_named_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("rtsp://user:secret@10.0.0.5/door", "${DOOR}")
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, text, {})
    assert [line.split("variable ")[1].split()[0] for line in str(caught.value).splitlines()] == ["TOKEN", "DOOR"]


@pytest.mark.parametrize("address", ["rtps://10.0.0.5/door", "file:///recordings/door.mp4", "RTMP://10.0.0.5/door"])
def test_an_address_of_a_kind_that_nothing_reads_is_refused_and_not_repeated(tmp_path: Path, address: str) -> None:
    with pytest.raises(SettingsError, match=r"cameras\.0\.source: expected an address that begins with rtsp") as caught:
        read(tmp_path, GOOD.replace("rtsp://user:secret@10.0.0.5/door", address))
    assert address not in str(caught.value)
