"""One training of one store: from the database to a new version in it. In this process, or in one of its own.

`python -m actors.training` reads a job from standard input, and ends at once when that is closed: whoever asked for
the training is gone then.
"""

import asyncio
import dataclasses
import json
import os
import sys
import threading
import time

import filelock
import torch

from actors.apart import TRAINED, Job, Trained
from domain.errors import AmikoError, ClassifierError, TrainingBusyError, TrainingError
from domain.places import CLASSIFIERS, DATABASE
from learning.challenge import FIGURES, Challenge, Figures, challenge
from networks.coldstart import ColdStart
from networks.mlp import Classifier
from storage import samples
from storage.classifiers import ClassifierStore, Json, StoredClassifier
from storage.database import Database

#: How much later than others the training gets its turn at the processor, 0 to 19.
NICE = 10


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Outcome(Trained):
    """What became of a training, with all that was measured."""

    figures: Figures


async def train_here(job: Job) -> Outcome:
    """Train, score, keep the new version, and take it into use if it earned that.

    Raises TrainingBusyError where another training of this store is under way, TrainingError where there is too
    little to train from, StorageError where the disk is full.
    """
    began = time.monotonic()
    folder = job.home / CLASSIFIERS
    folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / f"{job.store}.lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise TrainingBusyError(f"store {job.store}: a training is under way; wait until it is over") from error
    try:
        async with Database.open(job.home / DATABASE) as database:
            return await _train(job, database, ClassifierStore(database, folder), began)
    finally:
        lock.release()


async def _train(job: Job, database: Database, classifiers: ClassifierStore, began: float) -> Outcome:
    encoders = await samples.encoders(database, job.store)
    if not encoders:
        raise TrainingError(f"store {job.store} has no samples to train from; see: amiko samples import --help")
    # the newest sample's encoder is the one that runs
    encoder = next(iter(encoders))
    table = await samples.table(database, job.store, encoder)
    version = await classifiers.next_version(job.store)
    running, trouble = await _running(classifiers, job.store, encoder)
    cold = _cold_start(classifiers, job.store)
    try:
        made = await asyncio.to_thread(challenge, table, job.departments, running, job.weights, cold=cold)
    except TrainingError as error:
        others = sum(count for name, count in encoders.items() if name != encoder)
        told = f"; {others} samples of other encoders than {encoder} can't be used" if others else ""
        raise TrainingError(f"store {job.store}: {error}{told}") from error
    reason = made.decision.reason + trouble
    await _keep(job, classifiers, made, version, reason)
    return Outcome(
        store=job.store,
        version=version,
        promoted=made.decision.promoted,
        reason=reason,
        seconds=round(time.monotonic() - began, 2),
        figures=made.figures,
    )


async def _running(classifiers: ClassifierStore, store: str, encoder: str) -> tuple[Classifier | None, str]:
    """The classifier in use with this encoder; none where its file is damaged, and a word about it."""
    current = await classifiers.current(store, encoder)
    if current is None:
        return None, ""
    try:
        return Classifier.from_bytes(await classifiers.file(store, current[0])).with_version(current[0]), ""
    except ClassifierError:
        return None, f" (version {current[0]} could not be compared: its file is damaged)"


def _cold_start(classifiers: ClassifierStore, store: str) -> ColdStart | None:
    """What the trainer left, if the encoder knows texts; a damaged one is made anew at the next start."""
    try:
        return ColdStart.from_bytes(classifiers.cold_path(store).read_bytes())
    except (OSError, ClassifierError):
        return None


async def _keep(job: Job, classifiers: ClassifierStore, made: Challenge, version: int, reason: str) -> None:
    challenger = made.challenger.with_version(version)
    data = challenger.to_bytes()
    # what can't be read back, or answers otherwise, is never kept
    Classifier.from_bytes(data).self_test()
    figures: Json = FIGURES.dump_python(made.figures, mode="json")
    stored = StoredClassifier(
        store=job.store,
        version=version,
        created_at=time.time(),
        encoder=challenger.encoder,
        sha256="",
        kept=True,
        reason=reason,
        scores=figures,
        current=made.decision.promoted,
        used_at=None,
    )
    await classifiers.add(stored, data, promote=made.decision.promoted, keep=job.keep)


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


def main() -> int:
    """The process of `train_apart`."""
    os.nice(NICE)
    torch.set_num_threads(1)
    job = Job.model_validate_json(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        outcome = asyncio.run(train_here(job))
    except AmikoError as error:
        sys.stdout.write(json.dumps({"error": type(error).__name__, "text": str(error)}))
        sys.stdout.flush()
        # the thread that waits for standard input would hold the interpreter up
        os._exit(1)
    told = Trained(**{field.name: getattr(outcome, field.name) for field in dataclasses.fields(Trained)})
    sys.stdout.buffer.write(TRAINED.dump_json(told))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
