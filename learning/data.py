"""Samples as arrays, and which of them a network may learn from."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from domain.errors import TrainingError
from domain.records import Origin, Sample, SampleTable
from domain.settings import SampleWeights

#: Share of the groups that no training ever sees, on whatever day they were seen: what every version is measured on.
ASIDE = 0.15
#: As many scored samples are aimed at; with fewer, further whole days are held out.
SCORED = 400
#: Whole days are held out from so many days on, and while they are at most this share of all samples.
DAYS = 3
SHARE_OF_DAYS = 1 / 3

Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Dataset:
    """Samples of departments that exist, as columns: row `i` of each is the same sample."""

    #: float16, shape `(N, dimensions)`.
    vectors: NDArray[np.float16]
    #: Shape `(N,)`: numbers of `departments`.
    labels: NDArray[np.int64]
    #: Those that have samples, in the order of the store's settings.
    departments: tuple[str, ...]
    encoder: str
    origins: NDArray[np.str_]
    cameras: NDArray[np.str_]
    days: NDArray[np.str_]
    groups: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.labels)

    def where(self, mask: Mask | NDArray[np.int64]) -> "Dataset":
        """The rows of a mask `(N,)`, or of numbers."""
        return Dataset(
            vectors=self.vectors[mask],
            labels=self.labels[mask],
            departments=self.departments,
            encoder=self.encoder,
            origins=self.origins[mask],
            cameras=self.cameras[mask],
            days=self.days[mask],
            groups=self.groups[mask],
        )

    def only(self, numbers: NDArray[np.int64]) -> "Dataset":
        """The samples of these departments alone; the departments are numbered anew."""
        if len(numbers) == len(self.departments):
            return self
        kept = self.where(np.isin(self.labels, numbers))
        return replace(
            kept,
            labels=np.searchsorted(numbers, kept.labels),
            departments=tuple(self.departments[number] for number in numbers),
        )

    def weights(self, setting: SampleWeights) -> NDArray[np.float32]:
        """How much each sample counts, by its origin; shape `(N,)`."""
        by_origin = {
            Origin.CAMERA: setting.camera,
            Origin.ASSISTANT: setting.assistant,
            Origin.IMPORT: setting.imported,
        }
        weights = np.zeros(len(self), np.float32)
        for origin, weight in by_origin.items():
            weights[self.origins == origin] = weight
        return weights


def dataset(table: SampleTable, departments: Sequence[str]) -> Dataset:
    """The samples whose department is in `departments` (the store's catalogue); those of removed ones are left out.

    Numbers that are none (NaN, infinite) leave their sample out, too.
    """
    present = set(table.departments)
    names = tuple(name for name in departments if name in present)
    numbers = {name: number for number, name in enumerate(names)}
    labels = np.array([numbers.get(name, -1) for name in table.departments], np.int64)
    # a sum is finite only if all of its parts are: no array of the size of all vectors
    finite = np.isfinite(table.vectors.sum(1, dtype=np.float32))
    kept = (labels >= 0) & finite
    whole = bool(kept.all())
    return Dataset(
        vectors=table.vectors if whole else table.vectors[kept],
        labels=labels[kept],
        departments=names,
        encoder=table.encoder,
        origins=np.array(table.origins, np.str_)[kept],
        cameras=np.array(table.cameras, np.str_)[kept],
        days=np.array(table.days, np.str_)[kept],
        groups=np.array(table.groups, np.str_)[kept],
    )


def table(samples: Sequence[Sample]) -> SampleTable:
    """Samples as columns. Raises TrainingError for none at all, and for those of several encoders."""
    encoders = {sample.embedding.encoder for sample in samples}
    if not samples:
        raise TrainingError("there are no samples to train from; see: amiko samples import --help")
    if len(encoders) > 1:
        raise TrainingError(f"samples of several encoders don't mix: {', '.join(sorted(encoders))}; take one encoder's")
    with np.errstate(over="ignore"):
        vectors = np.stack([sample.embedding.vector for sample in samples]).astype(np.float16)
    return SampleTable(
        vectors=vectors,
        encoder=encoders.pop(),
        departments=tuple(sample.department for sample in samples),
        origins=tuple(sample.origin for sample in samples),
        cameras=tuple(sample.camera or "" for sample in samples),
        days=tuple(sample.day for sample in samples),
        groups=tuple(sample.group for sample in samples),
    )


def drawn(groups: NDArray[np.str_], purpose: str) -> NDArray[np.float64]:
    """A number from 0 to 1 for each group, the same for the same group on every day and every machine."""
    names, places = np.unique(groups, return_inverse=True)
    lots = [int.from_bytes(hashlib.blake2b(f"{purpose}\0{name}".encode(), digest_size=6).digest()) for name in names]
    numbers: NDArray[np.float64] = (np.array(lots, np.float64) / 2**48)[places]
    return numbers


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Split:
    """What is trained on and what is scored on; no group, no person, is on both sides."""

    train: Mask
    scored: Mask
    #: The whole days from this one on are scored on alone; None where there are too few days.
    held_out_from: str | None


def unseen(data: Dataset, held_out_from: str | None) -> Mask:
    """The samples that a classifier trained with that `held_out_from` can't have learnt from."""
    mask: Mask = drawn(data.groups, "aside") < ASIDE
    if held_out_from is not None:
        mask = mask | (data.days >= held_out_from)
    return mask


def split(data: Dataset) -> Split:
    """By day, then by group: the newest whole days, and of every day the groups that are always set aside.

    With fewer than DAYS days, or a last day that is most of all, by group alone.
    """
    aside = unseen(data, None)
    held_out_from = None
    days, counts = np.unique(data.days, return_counts=True)
    if len(days) >= DAYS:
        taken = 0
        for day, count in zip(days[::-1], counts[::-1], strict=True):
            if taken + count > SHARE_OF_DAYS * len(data):
                break
            taken += int(count)
            held_out_from = str(day)
            if unseen(data, held_out_from).sum() >= SCORED:
                break
    scored = aside if held_out_from is None else unseen(data, held_out_from)
    # a track that goes on past midnight is one person
    train = ~scored & ~np.isin(data.groups, np.unique(data.groups[scored]))
    return Split(train=train, scored=scored, held_out_from=held_out_from)
