from dataclasses import replace

import numpy as np
import pytest

from domain.errors import TrainingError
from domain.records import Origin, Sample
from domain.settings import SampleWeights
from learning.challenge import FIGURES, Challenge, challenge
from learning.data import table
from networks.mlp import Classifier
from tests.support.embeddings import DEPARTMENTS, visitors

#: So much noise that a few samples are learnt from badly and many well.
HARD = 1.6


def trained(
    samples: list[Sample], running: Classifier | None = None, departments: tuple[str, ...] = DEPARTMENTS
) -> Challenge:
    return challenge(table(samples), departments, running, SampleWeights())


@pytest.fixture(scope="module")
def early() -> list[Sample]:
    return visitors(210, days=6, noise=HARD)


@pytest.fixture(scope="module")
def running(early: list[Sample]) -> Classifier:
    made = trained(early)
    assert made.decision.promoted
    return made.challenger.with_version(1)


def test_an_honest_improvement_is_promoted() -> None:
    little = visitors(60, days=3, noise=HARD)
    weak = trained(little).challenger
    made = trained([*little, *visitors(900, days=12, first="2026-11-04", seed=1, noise=HARD)], weak)
    assert made.decision.promoted, made.decision.reason
    assert made.figures.running is not None
    assert made.figures.challenger.accuracy > made.figures.running.accuracy


def test_the_same_again_is_not_promoted(early: list[Sample], running: Classifier) -> None:
    made = trained(early, running)
    assert not made.decision.promoted
    assert made.figures.comparison.difference == 0


def test_a_shuffled_day_is_refused(early: list[Sample], running: Classifier) -> None:
    random = np.random.default_rng(0)
    day = visitors(120, first="2026-11-07", seed=1, noise=HARD)
    labels = random.permutation([sample.department for sample in day])
    poison = [replace(sample, department=str(label)) for sample, label in zip(day, labels, strict=True)]
    made = trained(early + poison, running)
    assert not made.decision.promoted
    assert "2026-11-07" in made.decision.reason
    assert "amiko samples forget" in made.decision.reason
    # and it does not spoil what comes after it, since it is left out
    clean = visitors(60, first="2026-11-08", seed=2, noise=HARD)
    after = trained(early + poison + clean, running)
    assert any(one.day == "2026-11-07" for one in after.figures.suspicions)


def test_a_camera_labelled_wrongly_is_refused(early: list[Sample], running: Classifier) -> None:
    day = visitors(120, first="2026-11-07", seed=1, noise=HARD)
    poison = [replace(sample, department="Beauty") if sample.department == "Toys" else sample for sample in day]
    made = trained(early + poison, running)
    assert not made.decision.promoted
    assert "camera of Toys" in made.decision.reason


def test_labels_that_are_not_believed_are_not_learnt(early: list[Sample]) -> None:
    mixed_up = dict(zip(DEPARTMENTS, (*DEPARTMENTS[1:], DEPARTMENTS[0]), strict=True))
    day = visitors(120, first="2026-11-07", seed=1, noise=HARD)
    poison = [replace(sample, department=mixed_up[sample.department]) for sample in day]
    clean = visitors(60, first="2026-11-08", seed=2, noise=HARD)
    made, without = trained(early + poison + clean), trained(early + clean)
    assert len(made.figures.suspicions) == 3
    assert made.challenger.to_bytes() == without.challenger.to_bytes()


def test_shuffled_from_the_first_day_on_is_refused() -> None:
    random = np.random.default_rng(0)
    labels = random.permutation([sample.department for sample in visitors(200, days=4)])
    samples = [
        replace(sample, department=str(label)) for sample, label in zip(visitors(200, days=4), labels, strict=True)
    ]
    assert not trained(samples).decision.promoted


def test_what_is_scored_was_not_trained_on(early: list[Sample]) -> None:
    made = trained(early)
    assert made.figures.trained + made.figures.scored == len(early)
    assert made.challenger.held_out_from == made.figures.held_out_from
    assert made.figures.held_out_from is not None


def test_a_classifier_of_another_encoder_is_replaced(early: list[Sample], running: Classifier) -> None:
    made = trained(early, replace(running, encoder="other@1"))
    assert made.decision.promoted
    assert made.figures.running is None


def test_a_new_department_is_added(early: list[Sample], running: Classifier) -> None:
    names = (*DEPARTMENTS, "Books")
    more = [
        sample
        for sample in visitors(240, days=6, seed=3, noise=HARD, departments=names)
        if sample.department == "Books"
    ]
    made = trained(early + more, running, names)
    assert made.challenger.departments == names
    assert made.decision.promoted, made.decision.reason


def test_a_removed_department_is_not_named_any_more(early: list[Sample], running: Classifier) -> None:
    made = trained(early, running, ("Appliances", "Toys"))
    assert made.challenger.departments == ("Appliances", "Toys")
    assert made.decision.promoted, made.decision.reason


def test_a_department_with_few_samples_waits(early: list[Sample]) -> None:
    names = (*DEPARTMENTS, "Books")
    few = [sample for sample in visitors(16, seed=3, departments=names) if sample.department == "Books"]
    assert trained(early + few, departments=names).figures.left_out == ["Books"]


@pytest.mark.parametrize(
    "samples", [visitors(20), visitors(36), [one for one in visitors(90) if one.department == "Toys"]]
)
def test_too_few_are_refused_with_a_word_about_how_many(samples: list[Sample]) -> None:
    with pytest.raises(TrainingError, match="too few samples"):
        trained(samples)


def test_the_door_is_scored_apart(early: list[Sample]) -> None:
    answers = [replace(sample, camera="door") for sample in visitors(120, days=6, seed=4, origin=Origin.ASSISTANT)]
    figures = trained(early + answers).figures
    assert set(figures.by_origin) == {"camera", "assistant"}
    assert figures.samples["Toys"] == {"camera": 70, "assistant": 40}


def test_figures_go_through_json(early: list[Sample]) -> None:
    figures = trained(early).figures
    assert FIGURES.validate_json(FIGURES.dump_json(figures)) == figures
