"""A camera's visits on their way to headquarters that are out of reach, refuse, or have another copy's lease."""

import asyncio
import sqlite3
import threading
from pathlib import Path

import numpy as np
import pytest

import actors.announcing
from actors.announcing import LeasedAnnouncer
from domain.errors import InputError, LeaseLostError
from domain.records import Embedding, Prediction, Ranked, Visit
from storage.journal import Journal
from tests.support.waiting import until


class Headquarters:
    """Hears everything while `trouble` is None."""

    def __init__(self) -> None:
        self.trouble: Exception | None = None
        self.heard: list[tuple[Visit, int, float]] = []
        self.tokens = 0

    async def take_lease(self, name: str, holder: str) -> int:
        if self.trouble:
            raise self.trouble
        self.tokens += 1
        return self.tokens

    async def announce_leased(self, visit: Visit, *, lease: str, token: int, age_s: float) -> None:
        if self.trouble:
            raise self.trouble
        if token != self.tokens:
            raise LeaseLostError("camera/s/door: this copy's lease is over")
        self.heard.append((visit, token, age_s))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actors.announcing, "AGAIN_S", 0.01)


def visit(name: str, at: float = 100.0) -> Visit:
    ranking = (Ranked(department="Toys", probability=1.0),)
    return Visit(
        id=name,
        store="s",
        camera="door",
        at=at,
        embedding=Embedding(vector=np.arange(4, dtype=np.float32), encoder="e"),
        prediction=Prediction(ranking=ranking, classifier=1),
        card=b"a picture",
    )


class Camera:
    """An announcer and what became of it."""

    def __init__(self, headquarters: Headquarters, journal: Path, now: float = 100.0) -> None:
        self.lost = asyncio.Event()
        self.now, self.passed = now, 0.0
        self.announcer = LeasedAnnouncer(
            headquarters,
            store="s",
            camera="door",
            journal=journal,
            lost=self.lost.set,
            clock=lambda: self.now,
            steady=lambda: self.passed,
        )
        self.announcer.start()


async def test_a_visit_is_heard_with_its_picture(tmp_path: Path) -> None:
    headquarters = Headquarters()
    camera = Camera(headquarters, tmp_path / "journal.db")
    await camera.announcer.announce(visit("v"))
    await until(lambda: bool(headquarters.heard))
    assert headquarters.heard[0][0].card == b"a picture"
    await until(lambda: not camera.announcer.waiting)
    await camera.announcer.stop()


async def test_a_visit_that_comes_in_while_the_journal_is_read_first_keeps_its_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, looked, noted = threading.Event(), threading.Event(), threading.Event()
    add, pending = Journal.add, Journal.pending

    def slow_add(journal: Journal, one: Visit) -> None:
        add(journal, one)
        written.set()
        noted.wait(10)

    def pending_then(journal: Journal) -> list[Visit]:
        written.wait(10)
        found = pending(journal)
        looked.set()
        return found

    monkeypatch.setattr(Journal, "add", slow_add)
    monkeypatch.setattr(Journal, "pending", pending_then)
    headquarters = Headquarters()
    camera = Camera(headquarters, tmp_path / "journal.db")
    announcing = asyncio.create_task(camera.announcer.announce(visit("v")))
    await asyncio.to_thread(looked.wait, 10)
    # what was read is told by now, if it is told at all
    await asyncio.sleep(0.05)
    noted.set()
    await announcing
    await until(lambda: bool(headquarters.heard) and not camera.announcer.waiting)
    await camera.announcer.stop()
    assert [one[0].card for one in headquarters.heard] == [b"a picture"]


async def test_what_a_cut_link_held_back_is_told_after_it_in_order(tmp_path: Path) -> None:
    headquarters = Headquarters()
    camera = Camera(headquarters, tmp_path / "journal.db")
    headquarters.trouble = TimeoutError()
    for number in range(3):
        # announcing does not wait for the link
        await camera.announcer.announce(visit(f"v{number}", at=100.0 + number))
    for file in tmp_path.glob("journal.db*"):
        assert b"a picture" not in file.read_bytes()
    headquarters.trouble = None
    await until(lambda: not camera.announcer.waiting)
    assert [one[0].id for one in headquarters.heard] == ["v0", "v1", "v2"]
    await camera.announcer.stop()
    assert Journal(tmp_path / "journal.db", store="s", camera="door").pending() == []


async def test_what_a_killed_camera_knew_is_told_by_the_next_one(tmp_path: Path) -> None:
    headquarters = Headquarters()
    headquarters.trouble = TimeoutError()
    first = Camera(headquarters, tmp_path / "journal.db")
    await first.announcer.announce(visit("v"))
    await first.announcer.stop()
    headquarters.trouble = None
    # ten minutes later by the same clock
    second = Camera(headquarters, tmp_path / "journal.db", now=700.0)
    await until(lambda: bool(headquarters.heard))
    heard, _, age_s = headquarters.heard[0]
    assert (heard.id, age_s, heard.card) == ("v", 600.0, None)
    assert heard.prediction == visit("v").prediction
    await second.announcer.stop()


async def test_and_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    headquarters = Headquarters()
    headquarters.trouble = TimeoutError()
    first = Camera(headquarters, tmp_path / "journal.db")
    for at, name in enumerate(("b", "c", "a")):
        await first.announcer.announce(visit(name, at=100.0 + at))
    await first.announcer.stop()
    headquarters.trouble = None
    second = Camera(headquarters, tmp_path / "journal.db", now=700.0)
    await until(lambda: len(headquarters.heard) == 3)
    assert [one[0].id for one in headquarters.heard] == ["b", "c", "a"]
    await second.announcer.stop()


async def test_of_two_copies_the_older_one_is_refused_and_ends(tmp_path: Path) -> None:
    headquarters = Headquarters()
    old, new = (Camera(headquarters, tmp_path / name / "journal.db") for name in ("old", "new"))
    await old.announcer.announce(visit("v1"))
    await until(lambda: not old.announcer.waiting)
    await new.announcer.announce(visit("v2"))
    await until(lambda: not new.announcer.waiting)
    await old.announcer.announce(visit("v3"))
    await asyncio.wait_for(old.lost.wait(), 10)
    assert [one[0].id for one in headquarters.heard] == ["v1", "v2"]
    assert not new.lost.is_set()
    for one in (old, new):
        await one.announcer.stop()


async def test_a_visitor_is_told_though_the_journal_can_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    headquarters = Headquarters()
    camera = Camera(headquarters, tmp_path / "journal.db")
    monkeypatch.setattr(Journal, "add", full)
    monkeypatch.setattr(Journal, "remove", full)
    await camera.announcer.announce(visit("v"))
    await until(lambda: not camera.announcer.waiting)
    assert [one[0].id for one in headquarters.heard] == ["v"]
    await camera.announcer.stop()


async def test_telling_goes_on_after_whatever_breaks_it_off(tmp_path: Path) -> None:
    headquarters = Headquarters()
    headquarters.trouble = ZeroDivisionError()
    camera = Camera(headquarters, tmp_path / "journal.db")
    await camera.announcer.announce(visit("v"))
    await asyncio.sleep(0.05)
    headquarters.trouble = None
    await until(lambda: bool(headquarters.heard))
    await camera.announcer.stop()


async def test_a_store_that_was_taken_out_of_the_settings_holds_nothing_up(tmp_path: Path) -> None:
    headquarters = Headquarters()
    headquarters.trouble = InputError("no store 's' in the settings")
    camera = Camera(headquarters, tmp_path / "journal.db")
    await camera.announcer.announce(visit("v"))
    await until(lambda: not camera.announcer.waiting)
    await camera.announcer.stop()


@pytest.mark.parametrize("hours", [1, -1])
async def test_a_visit_is_as_old_as_it_is_though_the_clock_was_set(tmp_path: Path, hours: int) -> None:
    headquarters = Headquarters()
    headquarters.trouble = TimeoutError()
    camera = Camera(headquarters, tmp_path / "journal.db")
    await camera.announcer.announce(visit("v"))
    camera.now += 3600 * hours
    camera.passed += 5
    headquarters.trouble = None
    await until(lambda: bool(headquarters.heard))
    assert headquarters.heard[0][2] == 5
    await camera.announcer.stop()
