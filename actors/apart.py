"""A training in a process of its own, as the trainer asks for it: this side of it needs neither torch nor samples."""

import asyncio
import contextlib
import dataclasses
import json
import os
import sys
from pathlib import Path

from pydantic import BaseModel, TypeAdapter

import domain.errors
from domain.errors import AmikoError, TrainingError
from domain.settings import SampleWeights, Store, Training


class Job(BaseModel):
    """What a training needs to know; no secret of the settings is among it."""

    home: Path
    store: str
    departments: list[str]
    weights: SampleWeights
    keep: int

    @classmethod
    def of(cls, home: Path, store: Store, training: Training) -> "Job":
        return cls(
            home=home,
            store=store.id,
            departments=store.departments,
            weights=training.weights,
            keep=training.keep_classifiers,
        )


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """What became of a training."""

    store: str
    version: int
    promoted: bool
    #: One line for people.
    reason: str
    seconds: float


#: How it comes back from the process.
TRAINED = TypeAdapter(Trained)


async def train_apart(home: Path, store: Store, training: Training) -> Trained:
    """As `actors.training.train_here`, in a process of its own with low priority, which ends with this one."""
    job = Job.of(home, store, training).model_dump_json(by_alias=True)
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "actors.training",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    try:
        with contextlib.suppress(ConnectionError):
            # stays open: its end tells the child that nobody waits for it any more
            child.stdin.write(job.encode() + b"\n")
            await child.stdin.drain()
        output, complaint = await asyncio.gather(child.stdout.read(), child.stderr.read())
        status = await child.wait()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
        child.stdin.close()
    if status == 0:
        return TRAINED.validate_json(output)
    try:
        error = json.loads(output)
        raise_as: type[AmikoError] = getattr(domain.errors, error["error"])
    except ValueError:
        last = (complaint.decode(errors="replace").strip().splitlines() or ["killed"])[-1]
        raise TrainingError(f"store {store.id}: the training ended with status {status}: {last}") from None
    raise raise_as(error["text"])
