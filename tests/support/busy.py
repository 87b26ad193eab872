"""A shop at work on a data folder, in a process of its own that notes in a file what it was told is done.

`python -m tests.support.busy HOME ROUNDS SEED`. Each line of `HOME/acks` is JSON: ["try" or "done", what, name, value].
"""

import asyncio
import json
import os
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from actors.registry import AssistantRegistry
from domain.records import Visit
from domain.settings import Settings, Store, Telegram
from storage import assistants, samples
from storage.classifiers import ClassifierStore, StoredClassifier
from storage.database import Database
from storage.journal import Journal
from tests.support.kept import embedding, sample

ACKS = "acks"
PEOPLE = (11, 12)
SETTINGS = Settings(
    telegram=Telegram(token=SecretStr("1:A")),
    stores=[Store(id="a", name="A", departments=["Toys", "Cars"])],
)


@dataclass
class Shop:
    home: Path
    chance: random.Random
    note: Callable[[str, str, str, str | None], None]
    database: Database
    #: How much was done before, so that names are never used twice.
    done: int = 0

    async def hire(self) -> None:
        async with self.database.transaction() as connection:
            for person in PEOPLE:
                if await assistants.by_telegram_id(connection, person) is None:
                    await assistants.add(
                        connection, store="a", name=str(person), username=None, telegram_id=person, now=1.0
                    )

    async def work(self, rounds: int) -> None:
        registry = AssistantRegistry(SETTINGS, self.database)
        journal = Journal(self.home / "journal.db", store="a", camera="door")
        for number in range(self.done, self.done + rounds):
            person = self.chance.choice(PEOPLE)
            state = self.chance.choice(("waiting", "off"))
            self.note("try", "state", str(person), state)
            await (registry.wait if state == "waiting" else registry.pause)(telegram_id=person, update=number)
            self.note("done", "state", str(person), state)

            visit = Visit(id=f"v{number}", store="a", camera="door", at=time.time(), embedding=embedding(number))
            self.note("try", "kept", visit.id, None)
            journal.add(visit)
            self.note("done", "kept", visit.id, None)
            await registry.announce(visit)
            self.note("done", "visit", visit.id, None)
            self.note("try", "told", visit.id, None)
            journal.remove(visit.id)
            await self._answer(registry, visit)

            one = sample("a", "toys", "2026-01-01", number)
            async with self.database.transaction() as connection:
                await samples.insert(connection, one)
            self.note("done", "sample", one.id, None)
            if number % 10 == 0:
                await self._train()
        self.done += rounds

    async def _answer(self, registry: AssistantRegistry, visit: Visit) -> None:
        outbox = await registry.outbox(bot="main", seen=None, wait_s=0)
        mine = next((one for one in outbox.notifications if one.visit == visit.id), None)
        if mine is None:
            return
        await registry.mark_sent(notification=mine.id, message=mine.id, revision=mine.revision)
        self.note("try", "state", str(mine.chat), "busy")
        await registry.take(notification=mine.id, telegram_id=mine.chat)
        self.note("done", "state", str(mine.chat), "busy")
        answer = self.chance.choice(("Toys", "Cars"))
        self.note("try", "answer", visit.id, answer)
        await registry.answer(notification=mine.id, telegram_id=mine.chat, answer=answer)
        self.note("done", "answer", visit.id, answer)

    async def _train(self) -> None:
        classifiers = ClassifierStore(self.database, self.home / "classifiers")
        version = await classifiers.next_version("a")
        await classifiers.add(
            StoredClassifier(
                store="a", version=version, created_at=1.0, encoder="e@1", sha256="", kept=True, reason="", scores={},
                current=False, used_at=None,
            ),
            self.chance.randbytes(20_000),
            promote=True,
            keep=100,
        )  # fmt: skip
        self.note("done", "classifier", str(version), None)


async def main(home: Path, rounds: int, seed: int) -> None:
    home.mkdir(parents=True, exist_ok=True)
    acks = os.open(home / ACKS, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(*what: str | None) -> None:
        os.write(acks, json.dumps(what).encode() + b"\n")

    chance, done = random.Random(seed), 0
    # closed in between as `amiko stop` does: the log is gone then, and is made anew
    for _ in range(2):
        async with Database.open(home / "amiko.db") as database:
            shop = Shop(home, chance, note, database, done)
            await shop.hire()
            await shop.work(rounds // 2)
            done = shop.done


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
