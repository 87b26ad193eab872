"""Notifications while nearly a third of all calls go wrong: what became of each, and how many came twice."""

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass

from benchmarks.bot_shop import BenchShop, number_in, open_shop, stores, visit
from bot.sandbox import BAD_GATEWAY, LOST_ANSWER, RESET, Fault, Message, flood
from domain.records import NotificationState

#: Of all calls, polls among them.
SHARE = 0.3
#: A connection that says nothing for a second, and then breaks: shorter than the bot's own patience of ten, which
#: ends in the same way.
HANG = Fault(reset=True, delay_s=1.0)
_FAULTS = {"429": flood(1), "5xx": BAD_GATEWAY, "reset": RESET, "lost answer": LOST_ANSWER, "hang": HANG}
_ENDED = {
    NotificationState.TAKEN,
    NotificationState.DECLINED,
    NotificationState.EXPIRED,
    NotificationState.FAILED,
}
#: Seconds between two looks at the chats, and what a person then does about a visitor.
_LOOK_S = 0.1
_TAKE, _DECLINE, _ANSWER, _MOVE = 0.15, 0.03, 0.1, 0.005
#: Presses of one kind below one message: people press twice where nothing happens.
_OFTEN = 2
#: Seconds after the last end for messages to follow.
_SETTLE_S = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Faults:
    """What became of the notifications of all visits."""

    visits: int
    notifications: int
    #: In no end state half a minute after the last end, or recorded as sent and not in the chat.
    lost: int
    #: Copies in the chats beyond the first.
    duplicates: int
    states: dict[str, int]
    #: Ended before they were sent: somebody was quicker, or the assistant paused, or its time was over.
    unsent: int
    #: Of these, those of visits that nobody took, whose time was over: it was tried until then.
    unsent_expired: int
    #: How long each of these had, seconds: less than a minute where somebody began to wait late in the visit's minute.
    unsent_expired_s: tuple[float, ...]
    #: Messages that do not show what has become of their visit, in the end.
    stale: int
    calls: int
    failed_calls: dict[str, int]
    presses: int
    seconds: float


class _Trouble:
    """Lets calls fail at random."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.calls = 0
        self.failed: Counter[str] = Counter()

    def chance(self) -> Fault | None:
        self.calls += 1
        if self._random.random() >= SHARE:
            return None
        name = self._random.choice(list(_FAULTS))
        self.failed[name] += 1
        return _FAULTS[name]


class _People:
    """Assistants who press what they see, and a protocol of all that was in their chats."""

    def __init__(self, shop: BenchShop, seed: int) -> None:
        self._shop = shop
        self._random = random.Random(seed)
        #: The messages about each visit, by chat and the visit's number.
        self.seen: dict[tuple[int, int], set[int]] = {}
        self.presses = 0
        self._pressed: Counter[tuple[int, int, str]] = Counter()

    async def live(self) -> None:
        while True:
            self.look(press=True)
            await asyncio.sleep(_LOOK_S)

    def look(self, *, press: bool) -> None:
        for person in (one for some in self._shop.people.values() for one in some):
            for message in self._shop.sandbox.messages(person):
                number = number_in(message.text) if message.from_bot else None
                if number is not None:
                    self.seen.setdefault((person, number), set()).add(message.id)
                    if press:
                        self._consider(person, message)
            rows = self._shop.sandbox.keyboard(person)
            if press and rows and self._random.random() < _MOVE:
                # the first one says that one waits, the last one that one does not
                waits = self._random.random() < 0.8
                self._shop.sandbox.press(person, rows[0][0] if waits else rows[-1][-1])
                self.presses += 1

    def _consider(self, person: int, message: Message) -> None:
        by_kind: dict[str, list[str]] = {}
        for row in message.buttons:
            for button in row:
                by_kind.setdefault(button.data[:1], []).append(button.data)
        for kind, likely in (("t", _TAKE), ("d", _DECLINE), ("a", _ANSWER)):
            pressed = (person, message.id, kind)
            if kind in by_kind and self._random.random() < likely and self._pressed[pressed] < _OFTEN:
                self._pressed[pressed] += 1
                self._shop.sandbox.press_data(person, message.id, self._random.choice(by_kind[kind]))
                self.presses += 1
                return


async def faults(*, visits: int = 500, per_s: float = 1.5, lifetime_s: float = 60, seed: int = 5) -> Faults:
    """Ten assistants in five stores; three of these tell all who wait, two one after the other."""
    begun, trouble = time.monotonic(), _Trouble(seed)
    async with open_shop(stores(["all", "all", "all", "one", "one"], lifetime_s=lifetime_s), each=2) as shop:
        people = _People(shop, seed)
        shop.sandbox.fail_by_chance(trouble.chance)
        living = asyncio.create_task(people.live())
        gaps = random.Random(seed)
        for number in range(visits):
            await shop.registry.announce(visit(number, shop.settings.stores[number % 5].id))
            await asyncio.sleep(gaps.expovariate(per_s))
        ends = time.monotonic() + lifetime_s + 30
        while time.monotonic() < ends and await _open(shop):  # noqa: ASYNC110 - the database is asked
            await asyncio.sleep(_LOOK_S)
        living.cancel()
        await asyncio.gather(living, return_exceptions=True)
        # the last presses and changes come through, still with faults
        ends = time.monotonic() + _SETTLE_S
        while time.monotonic() < ends and await _stale(shop):
            people.look(press=False)
            await asyncio.sleep(_LOOK_S)
        people.look(press=False)
        return await _result(shop, people, trouble, visits=visits, seconds=time.monotonic() - begun)


async def _open(shop: BenchShop) -> int:
    """Notifications that have not ended, and visits of which whoever starts to wait would still be told."""
    rows = await shop.database.read(
        "SELECT (SELECT count(*) FROM notifications WHERE state IN ('queued', 'sent'))"
        " + (SELECT count(*) FROM visits WHERE open_until > ?)",
        (time.time(),),
    )
    return int(rows[0][0])


async def _stale(shop: BenchShop) -> int:
    rows = await shop.database.read("SELECT count(*) FROM notifications WHERE shown < revision")
    return int(rows[0][0])


async def _result(shop: BenchShop, people: _People, trouble: _Trouble, *, visits: int, seconds: float) -> Faults:
    rows = await shop.database.read(
        "SELECT n.state, n.message, n.expires_at - n.created_at AS had_s, v.number, v.taken_by, a.telegram_id"
        " FROM notifications n"
        " JOIN visits v ON v.id = n.visit JOIN assistants a ON a.id = n.assistant"
    )
    states = Counter(row["state"] for row in rows)
    lost = unsent = 0
    had_s: list[float] = []
    for row in rows:
        copies = people.seen.get((row["telegram_id"], row["number"]), set())
        late = row["state"] == NotificationState.EXPIRED and not copies and row["taken_by"] is None
        unsent += not copies
        had_s += [round(row["had_s"], 1)] if late else []
        unended = NotificationState(row["state"]) not in _ENDED
        lost += unended or (row["message"] is not None and row["message"] not in copies)
    return Faults(
        visits=visits,
        notifications=len(rows),
        lost=lost,
        duplicates=sum(len(copies) - 1 for copies in people.seen.values()),
        states=dict(states),
        unsent=unsent,
        unsent_expired=len(had_s),
        unsent_expired_s=tuple(sorted(had_s)),
        stale=await _stale(shop),
        calls=trouble.calls,
        failed_calls=dict(trouble.failed),
        presses=people.presses,
        seconds=round(seconds, 1),
    )
