"""Settings sealed for the actors, and what changes for whom."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from actors.plan import CameraPlan, Plan, mismatch, release
from amiko.applying import difference
from domain.errors import ClusterError
from domain.settings import Camera, Settings, Store, Telegram

TOKEN = "1000000001:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "a" * 64)


def store(name: str = "s", *cameras: str, **fields: object) -> Store:
    made = [Camera(id=one, role="entrance", source=SecretStr(f"rtsp://u:secret@10.0.0.5/{one}")) for one in cameras]
    return Store.model_validate({"id": name, "name": name, "departments": ["Toys"], "cameras": made} | fields)


def plan(*stores: Store, token: str = TOKEN, placed: bool = True) -> Plan:
    return Plan(
        settings=Settings(telegram=Telegram(token=SecretStr(token)), stores=list(stores)),
        home=Path("/h"),
        run="r",
        placed=placed,
    )


def test_it_comes_back_as_it_was_and_shows_nothing_meanwhile() -> None:
    made = plan(store("s", "door"))
    sealed = made.sealed()
    assert b"secret" not in sealed
    assert TOKEN.encode() not in sealed
    opened = Plan.opened(sealed)
    assert opened == made
    assert opened.settings.stores[0].cameras[0].source.get_secret_value() == "rtsp://u:secret@10.0.0.5/door"


def test_another_token_opens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = plan(store()).sealed()
    monkeypatch.setenv("RAY_AUTH_TOKEN", "b" * 64)
    with pytest.raises(ClusterError, match="another token"):
        Plan.opened(sealed)


def test_a_missing_token_is_told_with_the_way_to_give_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("RAY_AUTH_TOKEN")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "none"))
    with pytest.raises(ClusterError, match="RAY_AUTH_TOKEN_PATH"):
        plan(store()).sealed()


def test_a_camera_is_told_apart_by_what_it_looks_at() -> None:
    def part(one: Store, *, placed: bool = True) -> CameraPlan:
        return plan(one, placed=placed).camera(one, one.cameras[0])

    before = part(store("s", "door"))
    assert part(store("s", "door", "another")).digest == before.digest
    assert part(store("s", "door", departments=["Toys", "Cars"])).digest == before.digest
    assert part(store("s", "door", networks="local")).digest != before.digest
    assert part(store("s", "door", timezone="Asia/Omsk")).digest != before.digest
    assert part(store("s", "door", card="blurred")).store.card == "blurred"
    assert part(store("s", "door"), placed=False).digest != before.digest
    other = store("s", "door")
    changed = other.cameras[0].model_copy(update={"source": SecretStr("rtsp://u:other@10.0.0.5/door")})
    assert part(other.model_copy(update={"cameras": [changed]})).digest != before.digest


def test_the_head_is_not_touched_by_a_camera() -> None:
    before = plan(store("s", "door")).head_digest
    assert plan(store("s", "door", "another")).head_digest == before
    assert plan(store("s", "door"), store("t")).head_digest != before
    assert plan(store("s", "door"), token=TOKEN[:-1] + "B").head_digest != before


def test_what_changed_is_named() -> None:
    before, after = plan(store("s", "door", "back"), store("t", "door")), plan(store("s", "door"), store("u", "door"))
    told = difference(before, after)
    assert told.added == ["store u", "camera u/door"]
    assert told.removed == ["camera s/back", "store t", "camera t/door"]
    assert told.changed == []
    assert difference(before, before).text == "nothing changed"
    moved = difference(plan(store("s", "door"), store("t")), plan(store("s"), store("t", "door")))
    assert moved.text == "added: camera t/door; removed: camera s/door"
    assert "secret" not in repr(told) + told.text


def test_releases_that_do_not_go_together_are_told() -> None:
    assert mismatch(release()) is None
    assert mismatch(".".join([*release().split(".")[:2], "99"])) is None
    major, minor = release().split(".")[:2]
    assert mismatch(f"{major}.{int(minor) + 1}.0") is not None
    problem = mismatch("99.0.0")
    assert problem is not None
    assert "99.0.0" in problem
    assert release() in problem


def test_a_camera_keeps_its_journal_in_the_data_folder_or_on_its_own_node() -> None:
    shop = store("s", "door")
    alone, placed = plan(shop, placed=False), plan(shop, placed=True)
    assert alone.camera(shop, shop.cameras[0]).home == alone.home
    assert placed.camera(shop, shop.cameras[0]).home is None
