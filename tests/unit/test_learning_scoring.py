import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from learning import scoring


def outputs_of(labels: np.ndarray, random: np.random.Generator, departments: int = 4) -> np.ndarray:
    logits = random.standard_normal((len(labels), departments))
    logits[np.arange(len(labels)), labels] += 1
    return (np.exp(logits) / np.exp(logits).sum(1, keepdims=True)).astype(np.float32)


def test_figures_are_those_of_an_independent_implementation() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 4, 300)
    outputs = outputs_of(labels, random)
    scores = scoring.scores(outputs, labels)
    assert scores.accuracy == pytest.approx(metrics.accuracy_score(labels, outputs.argmax(1)))
    assert scores.log_loss == pytest.approx(metrics.log_loss(labels, outputs), abs=1e-4)
    matrix = np.array(scoring.confusion(outputs, labels))
    assert matrix.sum() == 300
    assert np.trace(matrix) / 300 == pytest.approx(scores.accuracy)
    assert scores.balanced_accuracy == pytest.approx((np.diag(matrix) / matrix.sum(1)).mean())


def test_calibration_error_of_who_is_right_as_often_as_it_says() -> None:
    random = np.random.default_rng(1)
    confidence = random.uniform(0.5, 1, 20_000)
    labels = (random.uniform(size=20_000) > confidence).astype(np.int64)
    outputs = np.stack([confidence, 1 - confidence], 1).astype(np.float32)
    assert scoring.calibration_error(scoring.calibration(outputs, labels)) < 0.02
    sure = np.tile(np.array([[1.0, 0.0]], np.float32), (20_000, 1))
    wrong = float(labels.mean())
    assert scoring.calibration_error(scoring.calibration(sure, labels)) == pytest.approx(wrong)


def test_a_clear_difference_is_told_from_chance() -> None:
    random = np.random.default_rng(2)
    groups = np.array([str(number) for number in range(400)])
    weak, strong = random.uniform(size=400) < 0.6, random.uniform(size=400) < 0.8
    assert scoring.compare(strong, weak, groups).p_not_better < 0.001
    assert scoring.compare(weak, strong, groups).p_not_worse < 0.001
    same = scoring.compare(strong, strong, groups)
    assert same.difference == 0
    assert same.p_not_better == same.p_not_worse == 1


def test_equals_are_rarely_told_apart() -> None:
    """The stated level holds: of those that are alike, about as many as it says are called better."""
    random = np.random.default_rng(3)
    groups = np.array([str(number) for number in range(200)])
    better = 0
    for trial in range(150):
        first, second = random.uniform(size=(2, 200)) < 0.7
        better += scoring.compare(first, second, groups, seed=trial).p_not_better < 0.05
    assert better <= 17


def test_many_samples_of_one_person_count_as_one() -> None:
    """Ten right answers about one person say little; about ten people they say much."""
    first, second = np.ones(10, bool), np.zeros(10, bool)
    alone = scoring.compare(np.append(first, [False] * 10), np.append(second, [True] * 10), np.repeat(["a", "b"], 10))
    assert alone.p_not_better > 0.2
    people = np.array([str(number) for number in range(10)])
    assert scoring.compare(first, second, people).p_not_better < 0.01


def test_nothing_compared_is_nothing_proved() -> None:
    nothing = np.zeros(0, bool)
    comparison = scoring.compare(nothing, nothing, np.array([], np.str_))
    assert comparison.p_not_better == comparison.p_not_worse == 1


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 6), st.integers(1, 40), st.integers(0, 1000))
def test_figures_are_shares(departments: int, count: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    labels = random.integers(0, departments, count)
    scores = scoring.scores(outputs_of(labels, random, departments), labels)
    for value in (scores.accuracy, scores.balanced_accuracy, scores.macro_f1, scores.ece):
        assert 0 <= value <= 1
    assert scores.log_loss >= 0
