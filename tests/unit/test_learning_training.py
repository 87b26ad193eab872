import numpy as np
import pytest
import torch

from domain.errors import TrainingError
from domain.records import Origin
from domain.settings import SampleWeights
from learning import training
from learning.data import dataset, table
from learning.training import fit, train
from networks.mlp import MLP, Classifier
from networks.ranking import rank
from tests.support.embeddings import DEPARTMENTS, embedding, visitors


def accuracy(classifier: Classifier, count: int = 150) -> float:
    random = np.random.default_rng(99)
    right = 0
    for number in range(count):
        ranking = rank(classifier, embedding(number % 3, random))
        right += ranking[0].department == DEPARTMENTS[number % 3]
    return right / count


def test_it_learns() -> None:
    assert accuracy(train(visitors(150), DEPARTMENTS)) > 0.9


def test_the_same_seed_gives_the_same_classifier() -> None:
    first, second = (train(visitors(60), DEPARTMENTS, seed=3).to_bytes() for _ in range(2))
    assert first == second
    assert train(visitors(60), DEPARTMENTS, seed=4).to_bytes() != first


def test_the_rest_of_the_program_draws_the_same_numbers_as_before() -> None:
    import torch

    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train(visitors(60), DEPARTMENTS)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    ("samples", "departments"),
    [
        ([], DEPARTMENTS),
        (visitors(60), ("Books",)),
        (visitors(60), ("Toys",)),
        (visitors(9), DEPARTMENTS),
    ],
)
def test_too_little_to_learn_from(samples: list, departments: tuple[str, ...]) -> None:
    with pytest.raises(TrainingError):
        train(samples, departments)


def test_one_person_alone_teaches_nothing() -> None:
    from dataclasses import replace

    with pytest.raises(TrainingError, match="one visitor"):
        train([replace(sample, group="the same") for sample in visitors(60)], DEPARTMENTS)


def test_a_department_with_too_few_samples_is_left_out() -> None:
    samples = [sample for number, sample in enumerate(visitors(90)) if number % 3 != 2 or number < 9]
    assert train(samples, DEPARTMENTS).departments == ("Appliances", "Beauty")


def test_heavy_samples_decide() -> None:
    """Assistants contradict cameras: who weighs more is believed."""
    from dataclasses import replace

    cameras = visitors(90)
    swapped = {"Appliances": "Beauty", "Beauty": "Appliances", "Toys": "Toys"}
    answers = [
        replace(sample, department=swapped[sample.department])
        for sample in visitors(90, seed=1, origin=Origin.ASSISTANT)
    ]
    data = dataset(table(cameras + answers), DEPARTMENTS)
    heavy = fit(data, weights=SampleWeights(camera=0.05, assistant=20)).classifier
    light = fit(data, weights=SampleWeights(camera=20, assistant=0.05)).classifier
    assert accuracy(light) > 0.8
    assert accuracy(heavy) < 0.5
    with pytest.raises(TrainingError, match="weight"):
        fit(data, weights=SampleWeights.model_validate({"camera": 0, "assistant": 0, "import": 0}))


def test_rare_departments_are_learnt_too() -> None:
    samples = [sample for number, sample in enumerate(visitors(600)) if number % 3 != 2 or number < 60]
    classifier = train(samples, DEPARTMENTS)
    random = np.random.default_rng(5)
    rankings = [rank(classifier, embedding(2, random)) for _ in range(60)]
    assert np.mean([ranking[0].department == "Toys" for ranking in rankings]) > 0.8


def test_of_all_rounds_the_best_is_kept() -> None:
    """Whether stopped early, or asked for so many rounds at once: the same network."""
    data = dataset(table(visitors(120, noise=3.0)), DEPARTMENTS)
    inputs, *_ = training._standardised(data, SampleWeights())
    rows, checked = inputs.where(np.arange(80)), inputs.where(np.arange(80, 120))

    def fitted(**given: object) -> tuple[MLP, int]:
        generator = torch.Generator().manual_seed(1)
        return training._fit(rows, 3, training.Recipe(), generator, **given)

    stopped, rounds = fitted(checked=checked)
    assert rounds < training.Recipe().epochs
    at_once, _ = fitted(epochs=rounds)
    for one, other in zip(stopped.parameters(), at_once.parameters(), strict=True):
        assert torch.equal(one, other)


def test_what_is_foretold_was_not_learnt() -> None:
    """Labels without sense are foretold by chance only, however well they could be learnt by heart."""
    random = np.random.default_rng(0)
    data = dataset(table(visitors(120)), DEPARTMENTS)
    fitted = fit(data)
    assert (fitted.foretold == data.labels).mean() > 0.85
    from dataclasses import replace

    shuffled = replace(data, labels=random.permutation(data.labels))
    assert (fit(shuffled).foretold == shuffled.labels).mean() < 0.5


def test_many_samples_take_the_quicker_way() -> None:
    classifier = train(visitors(4500), DEPARTMENTS)
    classifier.self_test()
    assert accuracy(classifier) > 0.9
