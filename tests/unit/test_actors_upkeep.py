"""A disk that is full silences no shop, and what is too old goes, wherever it is kept."""

import os
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from actors.registry import AssistantRegistry
from actors.trainer import Trainer
from actors.upkeep import Upkeep
from domain.errors import StorageError
from domain.records import NoticeKind, NotificationState, Visit
from domain.settings import Settings, Store, Telegram, Training
from storage import assistants, room
from storage.database import Database, copies
from tests.support.disks import fill
from tests.support.kept import embedding, found, keep, sample

ANNA, ADMIN = 11, 99
DAY_S = 24 * 3600.0
SETTINGS = Settings(
    telegram=Telegram(token=SecretStr("1:A"), admins=[ADMIN]),
    training=Training(keep_samples_days=30),
    stores=[Store(id="a", name="A", departments=["Toys", "Cars"])],
)


class Shop:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.registry = AssistantRegistry(SETTINGS, database)
        self.upkeep = Upkeep(SETTINGS, database, self.registry)
        #: What was said to be done.
        self.announced: list[str] = []
        self.update = 0

    async def announce(self, times: int = 1) -> None:
        for _ in range(times):
            await self._announce()

    async def _announce(self) -> None:
        name = f"v{len(self.announced)}"
        await self.registry.announce(Visit(id=name, store="a", camera="door", at=time.time(), embedding=embedding(1)))
        self.announced.append(name)

    async def press(self) -> None:
        for move in (self.registry.pause, self.registry.wait):
            self.update += 1
            assert (await move(telegram_id=ANNA, update=self.update)).changed

    async def queued(self) -> list[str]:
        outbox = await self.registry.outbox(bot="main", seen=None, wait_s=0)
        queued = [one for one in outbox.notifications if one.state is NotificationState.QUEUED]
        for one in queued:
            await self.registry.mark_sent(notification=one.id, message=one.id, revision=one.revision)
        return [one.visit for one in queued]

    async def notices(self) -> list[NoticeKind]:
        outbox = await self.registry.outbox(bot="main", seen=None, wait_s=0)
        return [one.kind for one in outbox.notices]

    async def kept(self) -> set[str]:
        return {row["id"] for row in await self.database.read("SELECT id FROM visits")}


@pytest.fixture
async def shop(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shop]:
    # a small one, so that its end can be seen
    monkeypatch.setattr(room, "RESERVE_BYTES", room.PIECE_BYTES)
    monkeypatch.setattr(room, "FULL_BYTES", 4 * 1024**2)
    async with Database.open(small_disk / "amiko.db") as database:
        async with database.transaction() as connection:
            await assistants.add(connection, store="a", name="Anna", username=None, telegram_id=ANNA, now=1.0)
        opened = Shop(database)
        await opened.registry.wait(telegram_id=ANNA, update=0)
        yield opened


async def test_a_full_disk_silences_nobody(shop: Shop, small_disk: Path) -> None:
    await shop.upkeep.see_disk()
    assert await shop.notices() == []
    ballast = fill(small_disk)
    assert os.statvfs(small_disk).f_bavail == 0

    for _ in range(50):
        await shop.announce()
        assert await shop.queued() == shop.announced[-1:]
        await shop.press()
    await shop.upkeep.see_disk()
    assert await shop.notices() == [NoticeKind.DISK_FULL]
    # what can wait does not take the room of what can't
    trainer = Trainer(SETTINGS, small_disk)
    with pytest.raises(StorageError, match=r"disk of .* is full"):
        await trainer.add_sample(sample("a", "toys", "2026-01-01", 2))
    await trainer.stop()

    # a registry that is started again meanwhile goes on
    async with Database.open(small_disk / "amiko.db") as database:
        again = Shop(database)
        again.announced = shop.announced
        await again.announce()
        await again.upkeep.see_disk()
    assert await shop.queued() == shop.announced[-1:]

    # to the end of what the database has of its own
    with pytest.raises(sqlite3.OperationalError, match="full"):
        await shop.announce(5000)
    assert len(shop.announced) > 500
    assert await shop.kept() == set(shop.announced)

    ballast.unlink()
    # the camera repeats what was not heard
    await shop.announce()
    await shop.upkeep.see_disk()
    kinds = await shop.notices()
    assert kinds[-1] is NoticeKind.DISK_ROOM
    assert await shop.kept() == set(shop.announced)
    (row,) = await shop.database.read("PRAGMA integrity_check")
    assert row[0] == "ok"


async def test_without_a_reserve_it_would(shop: Shop, small_disk: Path) -> None:
    """Else the test above proves nothing."""
    fill(small_disk)
    with pytest.raises(sqlite3.OperationalError, match="full"):
        await shop.announce(50)


async def test_a_reserve_that_would_fill_the_disk_is_not_begun(
    shop: Shop, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "RESERVE_BYTES", 20 * 1024**2)
    before = shutil.disk_usage(small_disk).free
    await shop.upkeep.see_disk()
    # the notice is written, and nothing else
    assert shutil.disk_usage(small_disk).free > before - room.PIECE_BYTES
    assert await shop.notices() == [NoticeKind.DISK_FULL]


async def test_a_start_with_room_is_no_news(shop: Shop) -> None:
    await shop.upkeep.see_disk()
    await Upkeep(SETTINGS, shop.database, shop.registry).see_disk()
    assert await shop.notices() == []


async def test_what_is_too_old_goes_wherever_it_is_kept(home: Path) -> None:
    """Also of a store, and of a camera's journal, that the settings don't have any more, and where nobody comes in."""
    now = 1_800_000_000.0
    for store in ("a", "closed"):
        for mark, days in ((1, 32), (2, 28)):
            at = now - days * DAY_S
            day = {32: "2026-12-14", 28: "2026-12-18"}[days]
            await keep(home, store=store, camera="door", day=day, at=at, mark=mark + (store == "a") * 10)
    old_copy, *_ = copies(home / "amiko.db")
    os.utime(old_copy, (0, 0))
    for mark in (1, 11):
        assert {"amiko.db", "journal.db"} <= found(home, mark)
    async with Database.open(home / "amiko.db") as database:
        passed, registry = [0.0], AssistantRegistry(SETTINGS, database)
        upkeep = Upkeep(SETTINGS, database, registry, clock=lambda: now - DAY_S + passed[0], steady=lambda: passed[0])
        # nobody has come in for four weeks: that the clock says so is believed when it has gone on for a day
        passed[0] = DAY_S
        await upkeep.forget_old()
        # while it runs, its log included
        for mark in (1, 11):
            assert found(home, mark) == set()
        for mark in (2, 12):
            assert {"amiko.db", "journal.db"} <= found(home, mark)
        (row,) = await database.read("SELECT count(*) FROM notifications")
        assert row[0] == 2
    assert copies(home / "amiko.db") == []


async def test_a_clock_that_was_set_far_ahead_deletes_nothing(home: Path) -> None:
    clock, passed = [1_800_000_000.0], [0.0]
    async with Database.open(home / "amiko.db") as database:
        registry = AssistantRegistry(SETTINGS, database, clock=lambda: clock[0])

        async def come_in(name: str) -> None:
            await registry.announce(Visit(id=name, store="a", camera="door", at=clock[0], embedding=embedding(1)))

        async def kept() -> set[str]:
            return {row["id"] for row in await database.read("SELECT id FROM visits")}

        def upkeep() -> Upkeep:
            return Upkeep(SETTINGS, database, registry, clock=lambda: clock[0], steady=lambda: passed[0])

        for day in range(40):
            await come_in(f"v{day}")
            await upkeep().forget_old()
            clock[0] += DAY_S
        before = await kept()
        assert len(before) == 31, "of the last thirty days, while the clock goes on as it should"

        first = upkeep()
        clock[0] += 365 * DAY_S
        await first.forget_old()
        # what that clock dates is no proof of it, and a start under it neither
        await come_in("dated by a clock that is wrong")
        await first.forget_old()
        later = upkeep()
        await later.forget_old()
        assert await kept() == before | {"dated by a clock that is wrong"}

        clock[0] += DAY_S
        passed[0] += DAY_S
        await later.forget_old()
        assert await kept() == {"dated by a clock that is wrong"}
