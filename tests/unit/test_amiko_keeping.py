"""`amiko backup`, `restore` and `forget` as people and scripts meet them."""

import asyncio
import shutil
import socket
import time
from pathlib import Path

import pytest
from filelock import FileLock
from pydantic import SecretStr

from actors.registry import AssistantRegistry
from amiko import running
from amiko.running import Running
from domain.records import AssistantState, NotificationState, Visit
from domain.settings import Settings, Store, Telegram
from storage import assistants, backups, forgetting
from storage.database import Database
from tests.support.inside import amiko
from tests.support.kept import embedding, found, keep
from tests.support.processes import amiko as amiko_apart
from tests.support.processes import document

SETTINGS = Settings(
    telegram=Telegram(token=SecretStr("1:A")), stores=[Store(id="a", name="A", departments=["Toys", "Cars"])]
)


def kept(home: Path) -> None:
    # an hour past midnight in Moscow, and the day before in Greenwich
    asyncio.run(keep(home, store="a", camera="door", day="2026-01-01", at=1767218400, mark=1))
    asyncio.run(keep(home, store="b", camera="door", day="2026-01-01", at=1767261600, mark=2))


def test_a_backup_is_made_and_put_back(home: Path, tmp_path: Path) -> None:
    kept(home)
    file = tmp_path / "backup.tar"
    made = amiko("backup", str(file), "--json")
    assert made.returncode == 0, made.stderr
    assert document(made.stdout)["files"] == 5
    again = amiko("backup", str(file))
    assert (again.returncode, "--replace" in again.stderr) == (2, True)
    over = amiko("restore", str(file))
    assert (over.returncode, "--replace" in over.stderr) == (2, True)

    assert amiko("forget", "--store", "a", "--yes", "--json").returncode == 0
    with FileLock(home / "running.lock"):
        runs = amiko("restore", str(file), "--replace")
    assert (runs.returncode, "amiko stop" in runs.stderr) == (2, True)
    assert not found(home, 1)

    put = amiko("restore", str(file), "--replace", "--json")
    assert put.returncode == 0, put.stderr
    assert document(put.stdout)["schema"] == document(made.stdout)["schema"]
    assert found(home, 1) == {"amiko.db"}
    elsewhere = amiko_apart("restore", str(file), AMIKO_HOME=str(tmp_path / "elsewhere"))
    assert elsewhere.returncode == 0, elsewhere.stderr
    assert (tmp_path / "elsewhere" / "classifiers" / "a" / "1.safetensors").read_bytes() == b"weights"

    for wrong in (tmp_path / "missing.tar", Path(__file__)):
        ended = amiko("restore", str(wrong), "--replace")
        assert ended.returncode == 2
        assert wrong.name in ended.stderr
    nothing = amiko_apart("backup", str(tmp_path / "n.tar"), AMIKO_HOME=str(tmp_path / "nowhere"))
    assert (nothing.returncode, "AMIKO_HOME" in nothing.stderr) == (2, True)


def test_nothing_is_put_back_under_a_cluster_that_runs(home: Path, tmp_path: Path) -> None:
    kept(home)
    file = tmp_path / "backup.tar"
    assert amiko("backup", str(file)).returncode == 0
    with socket.create_server(("127.0.0.1", 0)) as head:
        address = f"127.0.0.1:{head.getsockname()[1]}"
        running._write(Running(pid=1, began=0.0, address=address, dashboard=None, owned=False))
        refused = amiko("restore", str(file), "--replace")
        assert (refused.returncode, f"{address}; end it first: amiko stop" in refused.stderr) == (2, True)
    # word of one that is no more keeps nobody from putting things right
    assert amiko("restore", str(file), "--replace").returncode == 0


def test_what_is_forgotten_is_told_and_looked_for(home: Path) -> None:
    kept(home)
    for wrong, told in (
        (("--store", "c", "--yes"), "there are: a, b"),
        (("--store", "../a", "--yes"), "a store's id"),
        (("--store", "a", "--json"), "--yes"),
        (("--store", "a", "--day", "2026-02-30", "--yes"), "no such day"),
        (("--store", "a", "--day", "2026-01-01", "--staff", "--yes"), "whole store"),
    ):
        ended = amiko("forget", *wrong)
        assert (ended.returncode, told in ended.stderr) == (2, True), ended.stderr
    assert amiko("forget", "--store", "a").returncode == 1  # nobody says yes
    assert found(home, 1) == {"amiko.db", "journal.db"}

    another_day = document(amiko("forget", "--store", "a", "--day", "2026-01-02", "--yes", "--json").stdout)
    assert another_day["deleted"]["visits"] == 0
    day = document(amiko("forget", "--store", "a", "--day", "2026-01-01", "--yes", "--json").stdout)
    assert day["deleted"] == {"notifications": 1, "visits": 1, "samples": 1, "journal": 1, "copies": 0}
    assert set(day["left"].values()) == {0}
    assert not found(home, 1)
    assert found(home, 2)

    store = amiko("forget", "--store", "a", "--staff", "--yes")
    assert store.returncode == 0, store.stderr
    assert "Backups that were made before still hold it" in store.stderr
    gone = amiko("forget", "--store", "a", "--yes")
    assert (gone.returncode, "there are: b" in gone.stderr) == (2, True)


def test_what_is_not_forgotten_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept(home)
    # as if a camera had brought it again
    monkeypatch.setattr(forgetting, "forget", lambda *_: None)
    ended = amiko("forget", "--store", "a", "--yes", "--json")
    assert (ended.returncode, "something of it came in meanwhile" in ended.stderr) == (2, True)
    assert document(ended.stdout)["left"]["visits"] == 1


async def test_a_shop_goes_on_where_the_backup_left_it(home: Path, tmp_path: Path) -> None:
    """With the real registry: who waited waits, who was being told is told, and what was not yet answered can be."""
    now = time.time()
    async with Database.open(home / "amiko.db") as database:
        async with database.transaction() as connection:
            await assistants.add(connection, store="a", name="Anna", username=None, telegram_id=11, now=now)
        registry = AssistantRegistry(SETTINGS, database)
        assert (await registry.wait(telegram_id=11, update=1)).changed
        for name in ("taken", "queued"):
            await registry.announce(Visit(id=name, store="a", camera="door", at=now, embedding=embedding(1)))
        taken, _ = (await registry.outbox(bot="main", seen=None, wait_s=0)).notifications
        await registry.mark_sent(notification=taken.id, message=5, revision=taken.revision)
        await registry.take(notification=taken.id, telegram_id=11)
        # while the system runs
        made = await asyncio.to_thread(backups.make, home, tmp_path / "b.tar", release="1")
        assert made.missing == []
        await registry.pause(telegram_id=11, update=2)
    shutil.rmtree(home)
    restored = await asyncio.to_thread(amiko, "restore", str(tmp_path / "b.tar"))
    assert restored.returncode == 0

    async with Database.open(home / "amiko.db") as database:
        registry = AssistantRegistry(SETTINGS, database)
        assert (await registry.standing(telegram_id=11)).assistant.state is AssistantState.BUSY
        told = {one.visit: one.state for one in (await registry.outbox(bot="main", seen=None, wait_s=0)).notifications}
        assert told["queued"] is NotificationState.QUEUED
        # a press that Telegram repeats is still known, and one that the backup has not seen is heard
        assert (await registry.wait(telegram_id=11, update=1)).changed
        assert (await registry.pause(telegram_id=11, update=2)).changed
        answered = await registry.answer(notification=taken.id, telegram_id=11, answer="Toys")
        assert answered.answer == "Toys"
        (row,) = await database.read("SELECT department FROM samples WHERE id = 'visit:taken'")
        assert row[0] == "Toys"
        await registry.announce(Visit(id="after", store="a", camera="door", at=now))
        assert len(await database.read("SELECT 1 FROM visits")) == 3
