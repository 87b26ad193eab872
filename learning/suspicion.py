"""Days of cameras whose labels look wrong: a camera that was moved, a setting that was mixed up, mischief.

Each sample was predicted by a network that had not learnt from it. Where the labels of one camera on one day agree with
those predictions far less often than on its other days, they are not believed.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from learning.data import Dataset, Mask
from learning.scoring import Right

#: How improbable a day must be by chance alone; some hundred of them are looked at in each training.
IMPROBABLE = 1e-4
#: Fewer samples on all other days are nothing to compare with.
FEWEST_USUAL = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Suspicion:
    """A day's labels that are not believed."""

    #: The camera; a department where the samples came without one; None for the day as a whole.
    source: str | None
    day: str
    count: int
    #: The share of these labels that agree with predictions, and what it is on the other days.
    agreement: float
    usual: float

    def __str__(self) -> str:
        what = f"what {self.source} gave on {self.day}" if self.source else f"the whole of {self.day}"
        return f"{what}: {self.agreement:.0%} of {self.count} labels are as predicted, on other days {self.usual:.0%}"


def sources(data: Dataset) -> NDArray[np.str_]:
    """What is compared with itself from day to day: a camera, or the department of an import."""
    names = np.array(data.departments, np.str_)[data.labels] if len(data) else np.array([], np.str_)
    chosen: NDArray[np.str_] = np.where(data.cameras == "", names, data.cameras)
    return chosen


def suspicions(agreed: Right, data: Dataset) -> tuple[list[Suspicion], Mask]:
    """The suspicious days, and which samples are meant.

    `agreed`, shape `(N,)`: whether a network that had not learnt from the sample predicts its label.
    """
    names = sources(data)
    found: list[Suspicion] = []
    meant = np.zeros(len(data), bool)
    # what has no other days to be compared with says nothing about its day either
    compared = np.zeros(len(data), bool)
    for name in np.unique(names):
        of_name = names == name
        for day in np.unique(data.days[of_name]):
            mask = of_name & (data.days == day)
            if (of_name & ~mask).sum() < FEWEST_USUAL:
                continue
            compared |= mask
            if one := _suspicion(str(name), str(day), agreed, mask, of_name & ~mask):
                found.append(one)
                meant |= mask
    for day in np.unique(data.days[compared]):
        # what is suspected already need not make the rest of its day suspicious
        mask = compared & ~meant & (data.days == day)
        if one := _suspicion(None, str(day), agreed, mask, compared & (data.days != day)):
            found.append(one)
            meant |= mask
    return sorted(found, key=lambda one: (one.day, one.source or "")), meant


def _suspicion(source: str | None, day: str, agreed: Right, mask: Mask, others: Mask) -> Suspicion | None:
    yes, count = int(agreed[mask].sum()), int(mask.sum())
    usual_yes, usual_count = int(agreed[others].sum()), int(others.sum())
    if not count or not usual_count or yes * usual_count >= usual_yes * count:
        return None
    table = [[yes, count - yes], [usual_yes, usual_count - usual_yes]]
    if stats.fisher_exact(table, alternative="less").pvalue >= IMPROBABLE:
        return None
    return Suspicion(source=source, day=day, count=count, agreement=yes / count, usual=usual_yes / usual_count)
