import numpy as np

from learning import gate
from learning.data import Dataset, dataset, table
from learning.scoring import Right
from tests.support.embeddings import DEPARTMENTS, visitors


def scored(count: int = 300) -> Dataset:
    return dataset(table(visitors(count, days=10)), DEPARTMENTS)


def right(data: Dataset, share: float, seed: int) -> Right:
    return np.random.default_rng(seed).uniform(size=len(data)) < share


def decide(data: Dataset, challenger: Right, running: Right, **options: object) -> gate.Decision:
    none = np.zeros(len(data), bool)
    arguments: dict[str, object] = {"earlier": none, "at_the_door": none, "departments_changed": False, **options}
    return gate.against(challenger, running, data, **arguments)


def test_better_is_promoted() -> None:
    data = scored()
    decision = decide(data, right(data, 0.85, 1), right(data, 0.6, 2))
    assert decision.promoted
    assert "better" in decision.reason


def test_a_little_better_may_be_chance() -> None:
    data = scored()
    running = right(data, 0.7, 1)
    challenger = running.copy()
    challenger[np.flatnonzero(~running)[:3]] = True
    decision = decide(data, challenger, running)
    assert not decision.promoted
    assert "chance" in decision.reason


def test_worse_is_refused_even_when_the_departments_changed() -> None:
    data = scored()
    assert not decide(data, right(data, 0.5, 1), right(data, 0.8, 2), departments_changed=True).promoted


def test_as_good_is_enough_when_the_departments_changed() -> None:
    data = scored()
    same = right(data, 0.8, 1)
    assert not decide(data, same, same).promoted
    assert decide(data, same, same, departments_changed=True).promoted


def test_what_worked_on_earlier_days_must_not_be_lost() -> None:
    """The newest days convince, as a camera labelled wrongly does; the earlier ones know better."""
    data = scored()
    earlier = data.days < "2026-11-04"
    running = np.where(earlier, True, right(data, 0.2, 1))
    challenger = np.where(earlier, right(data, 0.8, 2), True)
    decision = decide(data, challenger, running, earlier=earlier)
    assert not decision.promoted
    assert "earlier days" in decision.reason


def test_no_department_may_be_forgotten() -> None:
    data = scored()
    earlier = data.days < "2026-11-06"
    running = right(data, 0.6, 1)
    running[earlier & (data.labels == 2)] = True
    challenger = np.ones(len(data), bool)
    challenger[np.flatnonzero(earlier & (data.labels == 2))[:25]] = False
    decision = decide(data, challenger, running, earlier=earlier)
    assert not decision.promoted
    assert "Toys" in decision.reason


def test_what_assistants_labelled_at_the_door_counts_for_itself() -> None:
    data = scored()
    door = np.arange(len(data)) % 6 == 0
    running = np.where(door, True, right(data, 0.5, 1))
    challenger = np.where(door, right(data, 0.6, 2), True)
    decision = decide(data, challenger, running, at_the_door=door)
    assert not decision.promoted
    assert "door" in decision.reason


def test_the_first_must_beat_the_commonest_department() -> None:
    data = scored(60)
    commonest = data.labels == 0
    assert gate.first(right(data, 0.9, 1), commonest, data).promoted
    assert not gate.first(right(data, 0.35, 2), commonest, data).promoted


def test_equals_are_seldom_promoted() -> None:
    data = scored(150)
    promoted = sum(decide(data, right(data, 0.7, seed), right(data, 0.7, seed + 1000)).promoted for seed in range(100))
    assert promoted <= 5


def test_three_hundred_samples_show_ten_points() -> None:
    """How large an improvement must be to be seen: 0.7 to 0.85 on 300 samples nearly always."""
    data = scored(300)
    promoted = sum(decide(data, right(data, 0.85, seed), right(data, 0.7, seed + 1000)).promoted for seed in range(20))
    assert promoted >= 18
