"""`amiko bench learning`: proof that it learns, that the gate holds, and that a swap costs nothing.

The photographs stand in for departments: `AMIKO_FOOTAGE` names the folder that has them.
"""

import os
from collections.abc import Iterable
from dataclasses import asdict
from json import dumps
from pathlib import Path

import numpy as np

from benchmarks.learning_gap import gap
from benchmarks.learning_gate import Trial, honest, month, poisoned
from benchmarks.learning_large import large
from benchmarks.learning_photos import imported, photos
from benchmarks.learning_swaps import swaps
from benchmarks.shops import Supply
from domain.errors import InputError
from learning.data import Dataset

#: Each part can be measured alone.
PARTS = ("clothing_classes", "grocery_classes", "gate", "month", "gap", "swaps", "large")
#: Simulated visitors are spread wider than the photographs, so that about as many are told right.
SPREAD = 1.4
TRIALS = 10


def footage() -> Path:
    """The folder of recordings and photographs. Raises InputError where it is missing."""
    folder = Path(os.environ.get("AMIKO_FOOTAGE", Path(__file__).parents[1] / ".." / "shared" / "footage"))
    if not (folder / "clothing_classes").is_dir():
        raise InputError(f"{folder}: no photographs there; AMIKO_FOOTAGE names the folder that has clothing_classes")
    return folder.resolve()


def run(parts: Iterable[str] = PARTS, *, json: bool = False) -> dict[str, object]:
    """Measure, print, and give it back; `json`: as one document. All parts take about half an hour.

    Raises InputError for a part that there is not, and where the photographs are missing.
    """
    wanted = list(parts)
    if unknown := set(wanted) - set(PARTS):
        raise InputError(f"no part {min(unknown)!r} of the benchmark; there are: {', '.join(PARTS)}")
    result: dict[str, object] = {}
    clothing: Dataset | None = None
    if set(wanted) - {"grocery_classes", "large"}:
        folder = footage() / "clothing_classes"
        clothing = imported([folder / "train", folder / "validation"])
    for part in wanted:
        if part == "grocery_classes":
            result[part] = asdict(photos(imported([footage() / "grocery_classes" / "train"])))
        elif part == "large":
            result[part] = asdict(large())
        else:
            assert clothing is not None
            result[part] = _on_clothing(part, clothing)
        if not json:
            print(f"{part}: {dumps(result[part], indent=2)}", flush=True)
    if json:
        print(dumps(result))
    return result


def _on_clothing(part: str, data: Dataset) -> dict[str, object]:
    if part == "clothing_classes":
        return asdict(photos(data))
    if part == "gap":
        return {str(one.covers): asdict(one) for one in gap(footage() / "clothing_classes")}
    if part == "swaps":
        return asdict(swaps(data))
    names = list(data.departments)
    if part == "month":
        return asdict(month(_supply(data, 0), names, seed=0, each=4))
    return gate(data)


def gate(data: Dataset, trials: int = TRIALS) -> dict[str, object]:
    """`trials` poisoned days, half of them shuffled and half with one camera labelled wrongly; as many improvements."""
    names = list(data.departments)
    bad: list[list[Trial]] = [
        poisoned(_supply(data, seed), names, seed=seed, days=8, each=8, camera=seed % 2 == 1) for seed in range(trials)
    ]
    good = [honest(_supply(data, 100 + seed), names, seed=seed, start=3, more=12, each=4) for seed in range(trials)]
    return {
        "poisoned": len(bad),
        "poisoned_refused": sum(not same_day.promoted for same_day, _ in bad),
        # a clean day later the challenger may be better in truth, the poison left out
        "day_after_promoted": sum(later.promoted for _, later in bad),
        "day_after_worse": sum(later.after < later.before - 0.01 for _, later in bad),
        "honest": len(good),
        "honest_promoted": sum(trial.promoted for trial in good),
        "trials": [asdict(trial) for pair in bad for trial in pair] + [asdict(trial) for trial in good],
    }


def _supply(data: Dataset, seed: int) -> Supply:
    return Supply(data.vectors.astype(np.float32), data.labels, spread=SPREAD, seed=seed)
