"""From `announce` to the Bot API call that arrives: one waiting assistant, 200 of them, and ten visits a second."""

import asyncio
import time
from collections import Counter

from benchmarks.bot_shop import BenchShop, cost, open_shop, quantiles, stores, visit
from bot.pacing import OVERALL

#: Seconds until a message that has not arrived is none.
_LATE_S = 30.0
_STORE = "store-1"


async def one_waiting(*, visits: int = 60) -> dict[str, object]:
    """One assistant waits; a visitor every 1.1 s, which one chat's pace lets through."""
    async with open_shop(stores(["all"], lifetime_s=60), each=1) as shop:
        return {"visits": visits, "send_ms": quantiles(await _announce(shop, visits, gap_s=1.1))}


async def mode_one(*, waiting: int = 200, visits: int = 200) -> dict[str, object]:
    """Many wait, and one of them is told of each visitor."""
    async with open_shop(stores(["one"], lifetime_s=60), each=waiting) as shop:
        before = shop.database.transactions
        times = await _announce(shop, visits, gap_s=0.15)
        return {
            "waiting": waiting,
            "visits": visits,
            "send_ms": quantiles(times),
            "transactions_per_visit": round((shop.database.transactions - before) / visits, 1),
        }


async def mode_all(*, waiting: int = 200, visits: int = 3) -> dict[str, object]:
    """Many wait, and all of them are told: most of the time is Telegram's pace, which lets 30 a second through."""
    times: list[float] = []
    firsts: list[float] = []
    async with open_shop(stores(["all"], lifetime_s=60), each=waiting) as shop:
        for number in range(1, visits + 1):
            told = sorted(await _announce(shop, 1, first=number, copies=waiting))
            times += told
            firsts.append(told[0])
            # all chats and the bot as a whole may have their burst again
            await asyncio.sleep(3)
    # the pace alone: the n-th message may go n/30 s after the first
    pace = quantiles([n / OVERALL for _ in range(visits) for n in range(waiting)])
    measured = quantiles(times)
    return {
        "waiting": waiting,
        "visits": visits,
        "send_ms": measured,
        "first_ms": quantiles(firsts),
        "pace_ms": pace,
        "share_of_pace": round(pace["p50"] / measured["p50"], 3),
    }


async def held(*, per_s: float = 10, seconds: float = 60, waiting: int = 200) -> dict[str, object]:
    """Ten visits a second for a minute, one assistant told of each: 20 calls a second.

    Nobody presses, so that each message is changed once when its ten seconds are over.
    """
    async with open_shop(stores(["one"], lifetime_s=10), each=waiting) as shop:
        thread = shop.sandbox_thread
        before, transactions = cost(thread), shop.database.transactions
        visits = round(per_s * seconds)
        begun = time.monotonic()
        times = await _announce(shop, visits, gap_s=1 / per_s)
        spent = time.monotonic() - begun
        after = cost(thread)
        sends = Counter(int(at - begun) for at in shop.sends().values())
        whole = [sends[second] for second in range(1, int(seconds) - 1)]
        calls = sum(1 for at, method, _, _ in list(shop.heard) if at >= begun and method != "getUpdates")
        return {
            "visits": visits,
            "arrived": len(times),
            "seconds": round(spent, 1),
            "per_s": round(len(times) / spent, 2),
            "per_s_least": min(whole, default=0),
            "per_s_most": max(whole, default=0),
            "send_ms": quantiles(times),
            "calls": calls,
            "cpu_ms_per_call": round(1000 * (after.cpu_s - before.cpu_s) / calls, 2),
            "cpu_share": round((after.cpu_s - before.cpu_s) / spent, 3),
            "transactions_per_visit": round((shop.database.transactions - transactions) / visits, 1),
            "memory_mb": round(after.memory_mb, 1),
            "memory_grown_mb": round(after.memory_mb - before.memory_mb, 1),
        }


async def _announce(
    shop: BenchShop, visits: int, *, gap_s: float = 0.0, first: int = 1, copies: int = 1
) -> list[float]:
    """Announce so many visits, `gap_s` apart; seconds until each message came in, for those that did."""
    announced: dict[int, float] = {}
    begun = time.monotonic()
    for count in range(visits):
        number = first + count
        await asyncio.sleep(max(0.0, begun + count * gap_s - time.monotonic()))
        announced[number] = time.monotonic()
        await shop.registry.announce(visit(number, _STORE))
    until = time.monotonic() + _LATE_S
    while True:
        arrived = _arrived(shop, announced, copies)
        if len(arrived) >= visits * copies or time.monotonic() > until:
            return arrived
        await asyncio.sleep(0.05)


def _arrived(shop: BenchShop, announced: dict[int, float], copies: int) -> list[float]:
    """The first `copies` messages about each visit: later ones are second offers."""
    took: dict[int, list[float]] = {}
    for (_, number), at in shop.sends().items():
        if number in announced:
            took.setdefault(number, []).append(at - announced[number])
    return [seconds for some in took.values() for seconds in sorted(some)[:copies]]
