"""Made-up visitors whose departments can be learnt, for tests of what learns."""

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np

from domain.records import Embedding, Origin, Sample

DEPARTMENTS = ("Appliances", "Beauty", "Toys")
DIMENSIONS = 24
ENCODER = "tests@0"


def embedding(department: int, random: np.random.Generator, *, noise: float = 1.0, encoder: str = ENCODER) -> Embedding:
    """A visitor of a department: a corner of its own, and noise."""
    vector = noise * random.standard_normal(DIMENSIONS)
    vector[department * 4 : department * 4 + 4] += 2
    return Embedding(vector=vector.astype(np.float32), encoder=encoder)


def visitors(
    count: int,
    *,
    days: int = 1,
    first: str = "2026-11-01",
    seed: int = 0,
    noise: float = 1.0,
    store: str = "spb-1",
    departments: Sequence[str] = DEPARTMENTS,
    origin: Origin = Origin.CAMERA,
    encoder: str = ENCODER,
) -> list[Sample]:
    """`count` samples, spread evenly over departments and days."""
    random = np.random.default_rng(seed)
    made = []
    for number in range(count):
        department = number % len(departments)
        made.append(
            Sample(
                id=f"{seed}/{number}",
                store=store,
                department=departments[department],
                origin=origin,
                camera=f"camera of {departments[department]}" if origin is Origin.CAMERA else None,
                day=(date.fromisoformat(first) + timedelta(number * days // count)).isoformat(),
                group=f"{seed}/{number}",
                embedding=embedding(department, random, noise=noise, encoder=encoder),
            )
        )
    return made
