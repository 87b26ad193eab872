"""Made-up shops for the gate: days of samples drawn from real embeddings, some of them with wrong labels."""

from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from domain.records import Origin, SampleTable

Vectors = NDArray[np.float32]
Labels = NDArray[np.int64]

FIRST_DAY = date(2026, 3, 1)


class Supply:
    """Endless visitors that look like real embeddings: the departments' real means, and the real spread around them.

    `spread` times the real one, so that a department is about as hard to tell as among the photographs themselves
    (whose means are not known as exactly as here).
    """

    def __init__(self, vectors: Vectors, labels: Labels, *, spread: float, seed: int) -> None:
        self.departments = int(labels.max()) + 1
        # square roots and back, since embeddings are never negative and the spread is more even there
        roots = np.sqrt(np.maximum(vectors, 0))
        self._means = np.stack([roots[labels == number].mean(0) for number in range(self.departments)])
        self._residuals = spread * (roots - self._means[labels])
        self._random = np.random.default_rng(seed)

    def draw(self, labels: Labels) -> Vectors:
        """`(N,)` departments to `(N, dimensions)` embeddings of as many different people."""
        count = len(self._residuals)
        shares = self._random.standard_normal((len(labels), count)).astype(np.float32) / np.sqrt(count)
        roots = self._means[labels] + shares @ self._residuals
        drawn: Vectors = np.square(np.maximum(roots, 0)).astype(np.float32)
        return drawn


@dataclass(slots=True)
class Shop:
    """A shop's samples, a day at a time; one camera a department, whose visitors all want that department."""

    departments: list[str]
    encoder: str = "simulated"
    _vectors: list[Vectors] = field(default_factory=list)
    _labels: list[Labels] = field(default_factory=list)
    _cameras: list[Labels] = field(default_factory=list)
    days: int = 0

    def add_day(self, vectors: Vectors, labels: Labels, cameras: Labels | None = None) -> None:
        """`labels`: what is written down; `cameras`: the departments whose cameras saw them, the same if not given."""
        self._vectors.append(vectors)
        self._labels.append(labels)
        self._cameras.append(labels if cameras is None else cameras)
        self.days += 1

    def table(self) -> SampleTable:
        sizes = [len(labels) for labels in self._labels]
        days = [(FIRST_DAY + timedelta(number)).isoformat() for number, size in enumerate(sizes) for _ in range(size)]
        return SampleTable(
            vectors=np.concatenate(self._vectors).astype(np.float16),
            encoder=self.encoder,
            departments=tuple(self.departments[label] for label in np.concatenate(self._labels)),
            origins=(Origin.CAMERA,) * len(days),
            cameras=tuple(self.departments[camera] for camera in np.concatenate(self._cameras)),
            days=tuple(days),
            groups=tuple(f"visitor {number}" for number in range(len(days))),
        )


def shuffled(labels: Labels, random: np.random.Generator) -> Labels:
    """The right labels in the wrong order."""
    return random.permutation(labels)


def mislabelled(labels: Labels, random: np.random.Generator) -> Labels:
    """One camera's labels are those of another department."""
    departments = np.unique(labels)
    wrong, instead = random.choice(departments, 2, replace=False)
    return np.where(labels == wrong, instead, labels)
