"""One training of one store: in this process, or in one of its own of low priority."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from domain.errors import TrainingError
from domain.settings import Store, Training


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of a training."""

    store: str
    #: None where nothing was trained.
    version: int | None
    promoted: bool
    #: One line for people.
    reason: str


async def train_apart(home: Path, store: Store, training: Training) -> Outcome:
    """Train in a process of its own."""
    await asyncio.sleep(0)
    raise TrainingError(f"store {store.id}: training is not there yet ({home}, {training.at})")
