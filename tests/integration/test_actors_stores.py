"""The first actor on a real Ray: it makes the head's actors, outlives a kill with a large plan, and takes a new one."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
from pydantic import SecretStr

from actors.clients import find
from actors.cluster import names
from actors.plan import Plan
from actors.stores import running_plan, start_stores, stop_stores
from domain.settings import Settings, Store, Telegram
from tests.support.processes import until

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("cluster")]

#: Enough for a plan that Ray would not keep with the actor in one piece.
STORES = 800


def plan(home: Path, *, stores: int = STORES, run: str = "r") -> Plan:
    telegram = Telegram(token=SecretStr("1:a"), api_url="http://127.0.0.1:9")
    made = [Store(id=f"store-{number}", name=f"№{number}", departments=["Toys"]) for number in range(stores)]
    return Plan(settings=Settings(telegram=telegram, stores=made), home=home, run=run)


@pytest.fixture
def stopped() -> Iterator[None]:
    yield
    stop_stores()
    until(lambda: not names() & {"stores", "registry", "dispatcher", "trainer"}, "the end of all actors")


def pid(name: str) -> int:
    told: int = ray.get(find(name).about.remote(), timeout=60)["pid"]
    return told


def test_a_large_plan_outlives_a_kill_and_the_same_head_is_not_touched(home: Path, stopped: None) -> None:
    first = plan(home)
    assert len(first.sealed()) > 100_000
    start_stores(first)
    before = {name: pid(name) for name in ("registry", "dispatcher", "trainer")}
    # another run: nothing that the head's actors must know
    start_stores(plan(home, run="s"))
    assert {name: pid(name) for name in before} == before
    told = running_plan()
    assert told is not None
    assert (told.run, len(told.settings.stores)) == ("s", STORES)

    killed = ray.get(find("stores").pid.remote())
    os.kill(killed, signal.SIGKILL)
    until(lambda: ray.get(find("stores").pid.remote()) != killed, "the first actor again")
    assert running_plan() == told
    assert {name: pid(name) for name in before} == before

    # a store less is something that they must know
    start_stores(plan(home, stores=STORES - 1))
    until(lambda: all(pid(name) != before[name] for name in before), "the head's actors with the new plan")
