"""The bot's lease: taken, kept, lost, and given up where nobody can be asked."""

import asyncio
import os
import subprocess
import sys

import psutil
from ray.exceptions import RayActorError

from actors.announcing import this_process
from actors.leases import GIVE_UP_S, LASTS_S, Lease, is_gone
from domain.errors import LeaseHeldError, LeaseLostError
from tests.support.waiting import until


class Office:
    """A registry that says what it is told to."""

    def __init__(self) -> None:
        self.holder: str | None = None
        self.trouble: Exception | None = None
        self.renewed = 0

    async def take_lease(self, name: str, holder: str, *, lasts_s: float | None, gone: str | None) -> int:
        if self.holder is not None and self.holder != gone:
            raise LeaseHeldError(f"{self.holder} has the lease", self.holder)
        self.holder = holder
        return 1

    async def renew_lease(self, name: str, token: int, *, lasts_s: float) -> None:
        if self.trouble:
            raise self.trouble
        self.renewed += 1

    async def release_lease(self, name: str, token: int) -> None:
        self.holder = None


def dead_process() -> str:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    name = f"{os.uname().nodename}/{child.pid}/{psutil.Process(child.pid).create_time():.2f}"
    child.communicate()
    return name


async def test_a_dead_holder_of_this_node_is_not_waited_for() -> None:
    office = Office()
    office.holder = dead_process()
    await asyncio.wait_for(Lease(office, "bot").taken(), 10)
    assert office.holder == this_process()


async def test_a_holder_elsewhere_is_waited_for() -> None:
    office = Office()
    office.holder = "other-node/1/1.00"
    waiting = asyncio.create_task(Lease(office, "bot").taken())
    await asyncio.sleep(0.1)
    assert not waiting.done()
    office.holder = None
    await asyncio.wait_for(waiting, 10)


async def test_it_is_lost_once_another_has_it() -> None:
    office = Office()
    lease = Lease(office, "bot", renew_s=0.01)
    await lease.taken()
    lost = asyncio.create_task(lease.lost())
    await until(lambda: office.renewed > 0)
    assert not lost.done()
    office.trouble = LeaseLostError("bot: this copy's lease is over")
    await asyncio.wait_for(lost, 10)


async def test_it_is_given_up_where_the_registry_stays_away() -> None:
    office = Office()
    lease = Lease(office, "bot", renew_s=0.01, give_up_s=0.1)
    await lease.taken()
    office.trouble = RayActorError()
    await asyncio.wait_for(lease.lost(), 10)


async def test_and_in_time_however_long_the_next_renewal_is_away() -> None:
    office = Office()
    lease = Lease(office, "bot", renew_s=3600, give_up_s=0.1)
    await lease.taken()
    office.trouble = RayActorError()
    await asyncio.wait_for(lease.lost(), 30)


def test_the_holder_gives_up_before_another_may_begin() -> None:
    # what is under way when it gives up has five seconds to end
    assert GIVE_UP_S + 5 < LASTS_S


def test_who_is_gone_is_known_on_this_node_alone() -> None:
    assert is_gone(dead_process())
    assert not is_gone(this_process())
    assert not is_gone("other-node/1/1.00")
    # the number was given to another process since
    assert is_gone(f"{os.uname().nodename}/{os.getpid()}/1.00")
