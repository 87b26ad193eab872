"""The power goes at any moment of a shop's work: what was acknowledged is there afterwards, and the files are whole.

AMIKO_CUTS and AMIKO_SEED make it longer and another; what came of it is printed as one line of JSON:
`AMIKO_CUTS=5000 python -m pytest -s tests/chaos/test_power_cut.py`.
"""

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from domain.errors import AmikoError
from storage.classifiers import ClassifierStore
from storage.database import Database
from storage.journal import Journal
from tests.support import busy, powercut
from tests.support.powercut import Deed, Disk

CUTS = int(os.environ.get("AMIKO_CUTS", "60"))
SEED = int(os.environ.get("AMIKO_SEED", "1"))
#: Of the shop's work; the database's log goes into its file several times meanwhile.
ROUNDS = 120


@dataclass
class Told:
    """What the shop has been told is done, and what it has asked for besides."""

    done: dict[str, dict[str, str | None]] = field(default_factory=dict)
    tried: dict[str, dict[str, str | None]] = field(default_factory=dict)

    def hear(self, line: bytes) -> None:
        how, what, name, value = json.loads(line)
        if how == "try":
            self.tried.setdefault(what, {})[name] = value
        else:
            self.done.setdefault(what, {})[name] = value

    def of(self, what: str) -> dict[str, str | None]:
        return self.done.get(what, {})

    def possible(self, what: str, name: str) -> set[str | None]:
        """What may be there of something that changes: as it was told last, or as it is being changed."""
        return {self.done[what][name], self.tried[what][name]}


@pytest.fixture(scope="module")
def deeds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Deed]]:
    """All that a busy shop does to its files."""
    folder = tmp_path_factory.mktemp("power")
    try:
        recorder = powercut.compiled(folder)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no C compiler: what is written can't be recorded")
    home, record = folder / "home", folder / "record"
    subprocess.run(
        [sys.executable, "-m", "tests.support.busy", str(home), str(ROUNDS), str(SEED)],
        check=True,
        env={**os.environ, "LD_PRELOAD": str(recorder), "RECORD_FOLDER": str(home), "RECORD_TO": str(record)},
    )
    return home, powercut.read(record)


async def missing(home: Path, told: Told) -> list[str]:
    """What is not as it was told. Raises AmikoErrors where the files can't be opened at all."""
    wrong: list[str] = []
    async with Database.open(home / "amiko.db") as database:
        (row,) = await database.read("PRAGMA integrity_check")
        if row[0] != "ok":
            wrong.append(f"the database is damaged: {row[0]}")
        visits = {row["id"]: row["answer"] for row in await database.read("SELECT id, answer FROM visits")}
        wrong += [f"visit {name}" for name in told.of("visit") if name not in visits]
        for name in told.of("answer"):
            if visits.get(name) not in told.possible("answer", name):
                wrong.append(f"answer to {name}")
        labels = {row["id"]: row["department"] for row in await database.read("SELECT id, department FROM samples")}
        wrong += [f"sample {name}" for name in told.of("sample") if name not in labels]
        # in one transaction: an answer has its sample
        wrong += [
            f"sample of {name}" for name, answer in visits.items() if answer and labels.get(f"visit:{name}") != answer
        ]
        rows = await database.read("SELECT CAST(telegram_id AS TEXT) AS name, state FROM assistants")
        states = {row["name"]: row["state"] for row in rows}
        for name in told.of("state"):
            if states.get(name) not in told.possible("state", name):
                wrong.append(f"state of {name}")
        classifiers = ClassifierStore(database, home / "classifiers")
        for row in await database.read("SELECT version FROM classifiers"):
            await classifiers.file("a", row["version"])
        current = await classifiers.current("a")
        newest = max(map(int, told.of("classifier")), default=0)
        if newest and (current is None or current[0] < newest):
            wrong.append(f"classifier {newest}")
    if told.of("kept"):
        pending = {visit.id for visit in Journal(home / "journal.db", store="a", camera="door").pending()}
        tried = told.tried.get("told", {})
        wrong += [f"journal: {name}" for name in told.of("kept") if name not in pending and name not in tried]
    return wrong


async def cut_often(home: Path, deeds: list[Deed], count: int, seed: int, folder: Path) -> tuple[Counter[str], int]:
    """Cut so often. What was missing or wrong, how often, by kind; and how many acknowledgements were looked for."""
    chance = random.Random(seed)
    moments = Counter(chance.randrange(len(deeds)) for _ in range(count))
    disk, told, found, acknowledged = Disk(home), Told(), Counter[str](), 0
    for number, deed in enumerate(deeds):
        if deed.path == str(home / busy.ACKS):
            if deed.what == "W":
                told.hear(deed.data)
        else:
            disk.follow(deed)
        for _ in range(moments[number]):
            target = folder / "after"
            disk.cut(chance, target)
            acknowledged += sum(map(len, told.done.values()))
            try:
                wrong = await missing(target, told)
            except (AmikoError, sqlite3.Error) as error:
                wrong = [type(error).__name__]
            found.update({one.split(" ")[0] for one in wrong})
            shutil.rmtree(target, ignore_errors=True)
    return found, acknowledged


async def test_nothing_that_was_acknowledged_is_missing(deeds: tuple[Path, list[Deed]], tmp_path: Path) -> None:
    found, acknowledged = await cut_often(*deeds, CUTS, SEED, tmp_path)
    figures = {"cuts": CUTS, "seed": SEED, "deeds": len(deeds[1]), "acknowledged": acknowledged, "missing": dict(found)}
    sys.stdout.write(json.dumps(figures) + "\n")
    assert acknowledged > 0
    assert not found


@pytest.mark.parametrize("name", ["amiko.db-wal", "home", "journal.db", ".part"])
async def test_a_sync_left_out_would_be_noticed(name: str, deeds: tuple[Path, list[Deed]], tmp_path: Path) -> None:
    """Else the test above proves nothing."""
    home, all_of_them = deeds
    lazy = [deed for deed in all_of_them if deed.what != "S" or name not in Path(deed.path).name]
    assert len(lazy) < len(all_of_them)
    found, _ = await cut_often(home, lazy, 25, SEED, tmp_path)
    assert found
