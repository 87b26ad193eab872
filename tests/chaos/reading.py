"""Both sides of a run, read for the accounts: the database and the processes' logs, and what the harness wrote down."""

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from domain.settings import Settings
from tests.chaos.accounting import Announced, Book, Kept, Verdict, waiting
from tests.chaos.assistants import BEGIN, NEXT, PAUSE, People
from tests.chaos.trouble import Trouble
from tests.chaos.victims import Victims

#: Of a visit that is open whoever starts to wait would still be told.
_UNSETTLED = (
    "SELECT (SELECT count(*) FROM notifications WHERE state IN ('queued', 'sent') OR shown < revision)"
    " + (SELECT count(*) FROM visits WHERE open_until > strftime('%s', 'now') + 0)"
)


def settle(database: Path, limit_s: float) -> None:
    """Until every notification has ended and its message says so, or the time is over."""
    until = time.monotonic() + limit_s
    while time.monotonic() < until and _rows(database, _UNSETTLED)[0][0]:
        time.sleep(0.5)
    # for answers that are no notifications
    time.sleep(3)


def announced(logs: Path) -> Iterator[Announced]:
    """What cameras' processes wrote once they had kept a visit, whoever has heard of it since."""
    seen = set()
    for file in logs.glob("worker-*.err"):
        for line in file.read_text(errors="replace").splitlines():
            if '"a visitor came in"' not in line:
                continue
            told = json.loads(line)
            if told["visit"] not in seen:
                seen.add(told["visit"])
                at = told["timestamp_ns"] / 1e9
                yield Announced(at=at, visit=told["visit"], store=told["store"], camera=told["camera"])


def book(settings: Settings, database: Path, logs: Path, *, hands: People, trouble: Trouble, victims: Victims) -> Book:
    """All of it."""
    kept = _rows(
        database,
        "SELECT n.visit, v.number, a.telegram_id AS chat, n.state, n.message, n.created_at, n.expires_at,"
        " n.answered_at, v.taken_at IS NOT NULL AS taken, n.reason FROM notifications n"
        " JOIN visits v ON v.id = n.visit JOIN assistants a ON a.id = n.assistant",
    )
    staff = _rows(database, "SELECT telegram_id, store, state FROM assistants")
    return Book(
        lifetime_s=settings.stores[0].notification_lifetime_s,
        announced=sorted(announced(logs), key=lambda one: one.at),
        heard={row["id"]: row["number"] for row in _rows(database, "SELECT id, number FROM visits")},
        notifications=[Kept(**dict(row)) for row in kept],
        staff={row["telegram_id"]: (row["store"], row["state"]) for row in staff},
        to_all=frozenset(store.id for store in settings.stores if store.notify == "all"),
        copies=hands.copies,
        shown=hands.shown,
        presses=hands.presses,
        lost_answers=trouble.lost_answers,
        senders_died=[hit.at for hit in victims.hits if hit.fault.victim == "dispatcher"],
    )


def figures(book: Book, verdict: Verdict, victims: Victims) -> dict[str, Any]:
    """What is printed."""
    recovered = _recovered(book, victims)
    times = [one for some in recovered.values() for one in some]
    return {
        "visits": len(book.announced),
        "notifications": len(book.notifications),
        "kills": len(victims.hits),
        "lost": len(verdict.lost),
        "duplicated": len(verdict.duplicated),
        "wrong_status": len(verdict.wrong_status),
        "recovery_s": {"p50": round(median(times), 1) if times else None, "max": max(times, default=None)},
        "by_kind": {
            kind: {"times": len(some), "p50": round(median(some), 1), "max": max(some)}
            for kind, some in sorted(recovered.items())
        },
        "not_back": [hit.fault.kind for hit in victims.hits if hit.back is None],
        "copies": verdict.copies,
        "states": verdict.states,
        "unsent": verdict.unsent,
        "seen_by_real_cameras": sum(one.camera != "drawn" for one in book.announced),
    }


def delays(book: Book) -> list[float]:
    """Seconds from each visit that was announced, while somebody certainly waited, to the first message about it."""
    told = _told(book)
    spans = {chat: waiting(book, chat) for chat in book.staff}

    def waited(one: Announced) -> bool:
        its = [chat for chat, (store, _) in book.staff.items() if store == one.store]
        return any(since <= one.at < until for chat in its for since, until in spans[chat])

    return [
        max(0.0, told[one.visit] - one.at)
        for one in book.announced
        if one.visit in told and one.store in book.to_all and waited(one)
    ]


def answers(book: Book) -> list[float]:
    """Seconds from each press that moves somebody to the bot's answer."""
    found = []
    for press in book.presses:
        if press.what in {BEGIN, NEXT, PAUSE}:
            later = [one.at for one in book.shown[press.person] if one.at >= press.at]
            found += [min(later) - press.at] if later else []
    return found


def _told(book: Book) -> dict[str, float]:
    """When somebody was first told of each visit."""
    told: dict[str, float] = {}
    for one in book.notifications:
        for copy in book.copies.get((one.chat, one.number), ()):
            told[one.visit] = min(copy.at, told.get(one.visit, copy.at))
    return told


def _recovered(book: Book, victims: Victims) -> dict[str, list[float]]:
    """Seconds from each fault until what was hit works again and somebody was told of a visit that came after it."""
    told = _told(book)
    found: dict[str, list[float]] = {}
    for hit in victims.hits:
        later = [told[one.visit] for one in book.announced if one.at > hit.at and one.visit in told]
        if hit.back is not None and later:
            found.setdefault(hit.fault.kind, []).append(round(max(hit.back, min(later)) - hit.at, 1))
    return found


def _rows(path: Path, sql: str) -> list[sqlite3.Row]:
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute(sql).fetchall()
