"""What is told of other settings."""

from pathlib import Path

from actors.plan import Plan
from amiko.applying import difference
from domain.settings import Settings


def plan(*stores: dict[str, object]) -> Plan:
    settings = Settings.model_validate({"telegram": {"token": "1:a"}, "stores": list(stores)})
    return Plan(settings=settings, home=Path("home"), run="r")


def store(name: str, *cameras: str, source: str = "0", **more: object) -> dict[str, object]:
    made = [{"id": one, "role": "entrance", "source": source} for one in cameras]
    return {"id": name, "name": name, "departments": ["Toys"], "cameras": made, **more}


def test_what_is_new_another_one_or_gone_is_named() -> None:
    before = plan(store("a", "door", "back"), store("b"), store("c"))
    after = plan(store("a", "door", "side", source="1"), store("b", notify="one"), store("d"))
    made = difference(before, after)
    assert not made.first
    assert made.added == ["camera a/side", "store d"]
    assert made.changed == ["camera a/door", "store b"]
    assert made.removed == ["camera a/back", "store c"]
    assert made.text == (
        "added: camera a/side, store d; changed: camera a/door, store b; removed: camera a/back, store c"
    )


def test_the_same_again_is_nothing_and_the_first_time_everything_is_new() -> None:
    assert difference(plan(store("a", "door")), plan(store("a", "door"))).text == "nothing changed"
    first = difference(None, plan(store("a", "door")))
    assert first.first
    assert first.added == ["telegram", "networks", "training", "store a", "camera a/door"]
