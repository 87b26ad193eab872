from dataclasses import replace

import numpy as np

from domain.records import Origin
from learning.data import Dataset, dataset, table
from learning.suspicion import suspicions
from tests.support.embeddings import DEPARTMENTS, visitors


def shop(**options: object) -> Dataset:
    return dataset(table(visitors(600, days=10, **options)), DEPARTMENTS)


def agreed(data: Dataset, share: float = 0.8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(size=len(data)) < share


def test_honest_days_are_believed() -> None:
    data = shop()
    for seed in range(20):
        found, meant = suspicions(agreed(data, seed=seed), data)
        assert not found
        assert not meant.any()


def test_one_camera_labelled_wrongly_for_a_day() -> None:
    data = shop()
    wrong = (data.days == "2026-11-07") & (data.cameras == "camera of Toys")
    found, meant = suspicions(agreed(data) & ~wrong, data)
    assert [(one.source, one.day) for one in found] == [("camera of Toys", "2026-11-07")]
    assert (meant == wrong).all()
    assert "camera of Toys" in str(found[0])
    assert "2026-11-07" in str(found[0])


def test_a_day_whose_labels_are_shuffled() -> None:
    data = shop()
    bad = data.days == "2026-11-10"
    found, meant = suspicions(np.where(bad, agreed(data, 0.45, 1), agreed(data)), data)
    assert meant[bad].all()
    assert {one.day for one in found} == {"2026-11-10"}


def test_a_camera_that_is_always_hard_is_no_suspect() -> None:
    data = shop()
    hard = data.cameras == "camera of Beauty"
    found, _ = suspicions(np.where(hard, agreed(data, 0.2, 1), agreed(data, 0.95)), data)
    assert not found


def test_the_first_day_of_a_camera_has_nothing_to_be_compared_with() -> None:
    """The first answers from the door are right less often than what cameras gave; that is no mischief."""
    cameras = visitors(600, days=10)
    answers = [
        replace(sample, camera="door", day="2026-11-10") for sample in visitors(60, seed=1, origin=Origin.ASSISTANT)
    ]
    data = dataset(table(cameras + answers), DEPARTMENTS)
    found, _ = suspicions(np.where(data.cameras == "door", agreed(data, 0.3, 1), agreed(data, 0.9)), data)
    assert not found


def test_imports_are_compared_by_department() -> None:
    data = shop(origin=Origin.IMPORT)
    wrong = (data.days == "2026-11-03") & (data.labels == 1)
    found, _ = suspicions(agreed(data) & ~wrong, data)
    assert [(one.source, one.day) for one in found] == [("Beauty", "2026-11-03")]
