"""How good a classifier is, and whether it is better than another by more than chance."""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

from learning.data import Dataset, Mask
from networks.ranking import Floats, Ranker

Right = NDArray[np.bool_]

#: Groups drawn anew so many times.
RESAMPLES = 4000
#: Bins of confidence for the calibration error.
BINS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Scores:
    """Figures over some samples; shares are 0 to 1."""

    count: int
    accuracy: float
    #: The mean over departments, each counting the same.
    balanced_accuracy: float
    macro_f1: float
    #: Natural logarithm; lower is better.
    log_loss: float
    #: Expected calibration error: how far probabilities are from how often they are right.
    ece: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Bin:
    """Predictions whose highest probability lies in one tenth."""

    confidence: float
    accuracy: float
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """One classifier against another on the same samples."""

    count: int
    #: Accuracy of the first minus that of the second.
    difference: float
    #: The share of resamples in which the first is not better: small means better by more than chance.
    p_not_better: float
    #: The share of resamples in which it is not worse.
    p_not_worse: float
    #: What these samples can tell: a smaller difference would be missed half of the time or more.
    detectable: float


def probabilities(classifier: Ranker, data: Dataset) -> Floats:
    """`(N, departments)` in the order of `data.departments`; 0 for departments that the classifier doesn't know."""
    result = np.zeros((len(data), len(data.departments)), np.float32)
    if not len(data):
        return result
    theirs = [classifier.departments.index(name) if name in classifier.departments else -1 for name in data.departments]
    known = [number for number, place in enumerate(theirs) if place >= 0]
    for begin in range(0, len(data), 8192):
        rows = classifier.probabilities(data.vectors[begin : begin + 8192].astype(np.float32))
        result[begin : begin + 8192, known] = rows[:, [theirs[number] for number in known]]
    return result


def right(outputs: Floats, labels: NDArray[np.int64]) -> Right:
    """Where the most probable department is the sample's."""
    answers: Right = outputs.argmax(1) == labels
    return answers


def scores(outputs: Floats, labels: NDArray[np.int64]) -> Scores:
    """Of probabilities `(N, departments)` against the departments' numbers `(N,)`, N at least 1."""
    guesses = outputs.argmax(1)
    with warnings.catch_warnings():
        # a department that is guessed and never there, or the other way round, is no news here
        warnings.simplefilter("ignore")
        balanced = float(metrics.balanced_accuracy_score(labels, guesses))
        macro_f1 = float(metrics.f1_score(labels, guesses, average="macro", zero_division=0))
    of_label = np.clip(outputs[np.arange(len(labels)), labels], 1e-7, 1)
    return Scores(
        count=len(labels),
        accuracy=float((guesses == labels).mean()),
        balanced_accuracy=balanced,
        macro_f1=macro_f1,
        log_loss=float(-np.log(of_label).mean()),
        ece=calibration_error(calibration(outputs, labels)),
    )


def confusion(outputs: Floats, labels: NDArray[np.int64]) -> list[list[int]]:
    """Row: what it was; column: what was said."""
    matrix = metrics.confusion_matrix(labels, outputs.argmax(1), labels=range(outputs.shape[1]))
    return [[int(value) for value in row] for row in matrix]


def calibration(outputs: Floats, labels: NDArray[np.int64]) -> list[Bin]:
    """How often each tenth of confidence is right; empty tenths are left out."""
    confidence = outputs.max(1).astype(np.float64)
    correct = right(outputs, labels)
    tenths = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    return [
        Bin(
            confidence=float(confidence[tenths == tenth].mean()),
            accuracy=float(correct[tenths == tenth].mean()),
            count=int((tenths == tenth).sum()),
        )
        for tenth in range(BINS)
        if (tenths == tenth).any()
    ]


def calibration_error(bins: list[Bin]) -> float:
    count = sum(part.count for part in bins)
    return sum(part.count * abs(part.accuracy - part.confidence) for part in bins) / max(count, 1)


def compare(first: Right, second: Right, groups: NDArray[np.str_], *, seed: int = 0) -> Comparison:
    """A paired bootstrap over groups: both are asked the same, and one person's samples are drawn together."""
    difference = first.astype(np.float64) - second
    names, places = np.unique(groups, return_inverse=True)
    count = len(names)
    if not count:
        return Comparison(count=0, difference=0.0, p_not_better=1.0, p_not_worse=1.0, detectable=1.0)
    sums = np.bincount(places, difference, count)
    sizes = np.bincount(places, minlength=count).astype(np.float64)
    generator = np.random.default_rng(seed)
    together = max(1, 2_000_000 // count)
    parts = []
    for begin in range(0, RESAMPLES, together):
        drawn = generator.integers(0, count, (min(together, RESAMPLES - begin), count))
        parts.append(sums[drawn].sum(1) / sizes[drawn].sum(1))
    resampled = np.concatenate(parts)
    mean = float(difference.mean())
    return Comparison(
        count=len(difference),
        difference=mean,
        # one more than counted, so that no number of resamples makes certain
        p_not_better=float(((resampled <= 0).sum() + 1) / (RESAMPLES + 1)),
        p_not_worse=float(((resampled >= 0).sum() + 1) / (RESAMPLES + 1)),
        detectable=float(2.33 * max(resampled.std(), 1 / count)),
    )


def by(data: Dataset, column: NDArray[np.str_], outputs: Floats) -> dict[str, Scores]:
    """Figures for each value of a column: a day, an origin."""
    parts: dict[str, Scores] = {}
    for value in np.unique(column):
        mask: Mask = column == value
        parts[str(value)] = scores(outputs[mask], data.labels[mask])
    return parts
