"""What waits shares a pass."""

import asyncio
import contextlib
import os
import threading
from collections.abc import Sequence

import pytest

from deployments.batching import Batches
from domain.priority import SEEING
from tests.support.waiting import until


class Network:
    """Doubles numbers, and knows how many it was given at a time."""

    def __init__(self) -> None:
        self.passes: list[list[int]] = []
        #: A pass goes on for as long as this is not set.
        self.done = threading.Event()
        self.done.set()

    def work(self, requests: Sequence[int]) -> list[int]:
        self.passes.append(list(requests))
        self.done.wait(60)
        if 13 in requests:
            raise ValueError("thirteen")
        return [2 * request for request in requests]


async def test_what_waits_when_a_pass_ends_shares_the_next() -> None:
    network = Network()
    network.done.clear()
    batches = Batches(network.work, largest=3)
    asked = [asyncio.create_task(batches.ask(0))]
    await until(lambda: network.passes)
    asked += [asyncio.create_task(batches.ask(number)) for number in range(1, 6)]
    await asyncio.sleep(0)
    network.done.set()
    assert await asyncio.gather(*asked) == [2 * number for number in range(6)]
    assert network.passes == [[0], [1, 2, 3], [4, 5]]
    # and later ones, when nothing waited any more
    assert await batches.ask(8) == 16


async def test_an_error_is_told_to_those_of_its_pass_alone() -> None:
    batches = Batches(Network().work, largest=1)
    first, wrong, last = await asyncio.gather(*(batches.ask(one) for one in (1, 13, 2)), return_exceptions=True)
    assert (first, last) == (2, 4)
    assert isinstance(wrong, ValueError)


async def test_all_of_a_pass_hear_of_its_error() -> None:
    network = Network()
    network.done.clear()
    batches = Batches(network.work, largest=8)
    before = asyncio.create_task(batches.ask(0))
    await until(lambda: network.passes)
    asked = [asyncio.create_task(batches.ask(one)) for one in (1, 13, 2)]
    await asyncio.sleep(0)
    network.done.set()
    async with asyncio.timeout(30):
        told = await asyncio.gather(*asked, return_exceptions=True)
        assert await before == 0
    assert [type(one) for one in told] == [ValueError] * 3


async def test_an_answer_too_few_is_an_error_and_not_a_wait_for_ever() -> None:
    batches = Batches(lambda requests: list(requests)[1:], largest=8)
    async with asyncio.timeout(30):
        with pytest.raises(ValueError, match="shorter"):
            await batches.ask(1)


async def test_who_gives_up_during_the_pass_takes_no_answer_away() -> None:
    passes: list[list[int]] = []
    before, during = threading.Event(), threading.Event()

    def work(requests: Sequence[int]) -> list[int]:
        passes.append(list(requests))
        (before if len(passes) == 1 else during).wait(60)
        return [2 * request for request in requests]

    batches = Batches(work, largest=8)
    first = asyncio.create_task(batches.ask(0))
    await until(lambda: passes)
    gone, stays = (asyncio.create_task(batches.ask(number)) for number in (1, 2))
    await asyncio.sleep(0)
    before.set()
    await until(lambda: len(passes) == 2)
    assert passes[1] == [1, 2]
    gone.cancel()
    during.set()
    async with asyncio.timeout(30):
        assert (await first, await stays) == (0, 4)
        assert await batches.ask(3) == 6


async def test_who_gave_up_waiting_costs_no_pass() -> None:
    network = Network()
    network.done.clear()
    batches = Batches(network.work, largest=8)
    before = asyncio.create_task(batches.ask(0))
    await until(lambda: network.passes)
    gone = asyncio.create_task(batches.ask(1))
    stays = asyncio.create_task(batches.ask(2))
    # both wait while the pass before goes on
    await asyncio.sleep(0)
    gone.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await gone
    network.done.set()
    assert (await before, await stays) == (0, 4)
    assert network.passes == [[0], [2]]


async def test_a_pass_goes_behind_those_who_talk_with_people() -> None:
    def work(requests: Sequence[int]) -> list[int]:
        return [os.getpriority(os.PRIO_PROCESS, threading.get_native_id())] * len(requests)

    assert await Batches(work, largest=1).ask(1) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + SEEING)
