"""Does the gate let honest improvements in and poisoned days stay out?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.shops import Labels, Shop, Supply, Vectors, mislabelled, shuffled
from domain.errors import TrainingError
from domain.settings import SampleWeights
from learning import scoring
from learning.challenge import Challenge, challenge
from learning.data import Dataset, dataset
from networks.mlp import Classifier

WEIGHTS = SampleWeights()


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One training of a simulated shop."""

    kind: str
    promoted: bool
    reason: str
    #: Accuracy on clean samples that no shop has seen, before and after.
    before: float
    after: float
    scored: int


class Truth:
    """Clean samples that no shop ever sees."""

    def __init__(self, vectors: Vectors, labels: Labels, departments: Sequence[str]) -> None:
        shop = Shop(list(departments))
        shop.add_day(vectors, labels)
        self._data: Dataset = dataset(shop.table(), departments)

    def right(self, classifier: Classifier) -> scoring.Right:
        return scoring.right(scoring.probabilities(classifier, self._data), self._data.labels)

    def accuracy(self, classifier: Classifier) -> float:
        return float(self.right(classifier).mean())

    def falls(self, before: Classifier, after: Classifier) -> bool:
        """Whether `after` is worse by more than chance (one in a hundred)."""
        return scoring.compare(self.right(after), self.right(before), self._data.groups).p_not_worse < 0.01


def _train(shop: Shop, running: Classifier | None, seed: int) -> Challenge:
    return challenge(shop.table(), shop.departments, running, WEIGHTS, seed=seed)


def _trial(kind: str, shop: Shop, running: Classifier, truth: Truth, seed: int) -> tuple[Trial, Classifier]:
    made = _train(shop, running, seed)
    now = made.challenger.with_version(running.version + 1) if made.decision.promoted else running
    trial = Trial(
        kind=kind,
        promoted=made.decision.promoted,
        reason=made.decision.reason,
        before=truth.accuracy(running),
        after=truth.accuracy(now),
        scored=made.figures.comparison.count,
    )
    return trial, now


def _days(supply: Supply, shop: Shop, days: int, each: int) -> None:
    for _ in range(days):
        labels = np.repeat(np.arange(supply.departments), each)
        shop.add_day(supply.draw(labels), labels)


def honest(supply: Supply, departments: list[str], *, seed: int, start: int, more: int, each: int) -> Trial:
    """A classifier of `start` days, then `more` honest days of `each` samples a department; one training."""
    shop = Shop(departments)
    _days(supply, shop, start, each)
    running = _train(shop, None, seed).challenger.with_version(1)
    _days(supply, shop, more, each)
    truth = _truth(supply, departments)
    return _trial("honest", shop, running, truth, seed)[0]


def poisoned(supply: Supply, departments: list[str], *, seed: int, days: int, each: int, camera: bool) -> list[Trial]:
    """A classifier of `days` honest days, then a poisoned day twice as large; and that again with a clean day after it.

    The poison is first what is scored on, then what is learnt from. `camera`: one camera is labelled wrongly; else
    all labels are shuffled.
    """
    random = np.random.default_rng(seed)
    shop = Shop(departments)
    _days(supply, shop, days, each)
    running = _train(shop, None, seed).challenger.with_version(1)
    labels = np.repeat(np.arange(supply.departments), 2 * each)
    shop.add_day(supply.draw(labels), mislabelled(labels, random) if camera else shuffled(labels, random), labels)
    truth = _truth(supply, departments)
    kind = "camera" if camera else "shuffled"
    trial, running = _trial(f"{kind}, the same day", shop, running, truth, seed)
    _days(supply, shop, 1, each)
    later, _ = _trial(f"{kind}, the day after", shop, running, truth, seed)
    return [trial, later]


def _truth(supply: Supply, departments: list[str]) -> Truth:
    labels = np.repeat(np.arange(supply.departments), 2000 // supply.departments)
    return Truth(supply.draw(labels), labels, departments)


@dataclass(frozen=True, kw_only=True, slots=True)
class Month:
    """A simulated month of daily trainings."""

    days: int
    poisoned: list[int]
    #: Accuracy on clean samples after each day's training; None before the first classifier.
    accuracy: list[float | None]
    promotions: list[int]
    #: Days on which a promotion made the score fall by more than chance.
    falls: list[int]


def month(supply: Supply, departments: list[str], *, seed: int, each: int, days: int = 30, share: float = 0.2) -> Month:
    """Daily trainings while `share` of the days are poisoned, from the first classifier on."""
    random = np.random.default_rng(seed)
    truth = _truth(supply, departments)
    shop = Shop(departments)
    running: Classifier | None = None
    bad = sorted(int(day) for day in random.choice(np.arange(2, days), round(share * days), replace=False))
    accuracy: list[float | None] = []
    promotions, falls = [], []
    for day in range(days):
        labels = np.repeat(np.arange(supply.departments), each)
        told = labels
        if day in bad:
            told = (shuffled, mislabelled)[bad.index(day) % 2](labels, random)
        shop.add_day(supply.draw(labels), told, labels)
        try:
            made = _train(shop, running, seed + day)
        except TrainingError:
            # the first days have too few samples
            made = None
        if made is not None and made.decision.promoted:
            promotions.append(day)
            after = made.challenger.with_version(day + 1)
            if running is not None and truth.falls(running, after):
                falls.append(day)
            running = after
        accuracy.append(round(truth.accuracy(running), 4) if running else None)
    return Month(days=days, poisoned=bad, accuracy=accuracy, promotions=promotions, falls=falls)
