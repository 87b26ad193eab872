from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import TrainingError
from domain.records import Origin
from domain.settings import SampleWeights
from learning.data import DAYS, dataset, drawn, split, table, unseen
from tests.support.embeddings import DEPARTMENTS, visitors


def test_samples_of_departments_that_are_gone_are_left_out() -> None:
    data = dataset(table(visitors(30)), ["Toys", "Books", "Appliances"])
    assert data.departments == ("Toys", "Appliances")
    assert len(data) == 20
    assert set(data.labels) == {0, 1}


def test_numbers_that_are_none_leave_their_sample_out() -> None:
    samples = visitors(30)
    columns = table(samples)
    columns.vectors[4, 2] = np.nan
    columns.vectors[9, 0] = np.inf
    assert len(dataset(columns, DEPARTMENTS)) == 28


def test_encoders_do_not_mix() -> None:
    with pytest.raises(TrainingError, match=r"one@1.*tests@0"):
        table(visitors(3) + visitors(3, encoder="one@1"))
    with pytest.raises(TrainingError, match="import"):
        table([])


def test_weights_follow_the_settings() -> None:
    samples = visitors(3) + visitors(3, seed=1, origin=Origin.ASSISTANT) + visitors(3, seed=2, origin=Origin.IMPORT)
    weights = dataset(table(samples), DEPARTMENTS).weights(
        SampleWeights.model_validate({"assistant": 9, "import": 0.5})
    )
    assert weights.tolist() == [1] * 3 + [9] * 3 + [0.5] * 3


def test_the_newest_days_are_held_out_whole() -> None:
    data = dataset(table(visitors(600, days=20)), DEPARTMENTS)
    parts = split(data)
    assert parts.held_out_from is not None
    newest = data.days >= parts.held_out_from
    assert parts.scored[newest].all()
    assert not parts.train[newest].any()
    assert 0 < newest.sum() <= len(data) / 3
    # and of every day some that nobody ever trains on
    assert parts.scored[~newest].any()


def test_too_few_days_are_split_by_group() -> None:
    data = dataset(table(visitors(300, days=DAYS - 1)), DEPARTMENTS)
    parts = split(data)
    assert parts.held_out_from is None
    assert 0.08 < parts.scored.mean() < 0.25


def test_a_last_day_that_is_most_of_all_is_split_by_group() -> None:
    samples = visitors(30, days=3) + visitors(300, seed=1, first="2026-11-09")
    parts = split(dataset(table(samples), DEPARTMENTS))
    assert parts.held_out_from is None
    assert parts.train.sum() > 200


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9)), min_size=1, max_size=120))
def test_no_group_is_on_both_sides(rows: list[tuple[int, int]]) -> None:
    samples = [
        replace(sample, group=f"group {group}", day=f"2026-11-{day:02}")
        for sample, (group, day) in zip(visitors(len(rows)), rows, strict=True)
    ]
    data = dataset(table(samples), DEPARTMENTS)
    parts = split(data)
    assert not set(data.groups[parts.train]) & set(data.groups[parts.scored])
    assert not (parts.train & parts.scored).any()


def test_what_is_set_aside_stays_so_as_days_come() -> None:
    """A later training's held-out samples of earlier days were held out by the earlier training, too."""
    early = dataset(table(visitors(300, days=5)), DEPARTMENTS)
    late = dataset(table(visitors(300, days=5) + visitors(300, days=5, first="2026-11-06", seed=1)), DEPARTMENTS)
    trained_early = set(early.groups[split(early).train])
    parts = split(late)
    both = parts.scored & unseen(late, split(early).held_out_from)
    assert both.sum() > 50
    assert not trained_early & set(late.groups[both])


def test_lots_are_the_same_for_ever() -> None:
    lots = drawn(np.array(["a", "b", "a"]), "aside")
    assert lots[0] == lots[2] != lots[1]
    assert lots[0] == pytest.approx(drawn(np.array(["x", "a"]), "aside")[1])
    many = drawn(np.array([f"group {number}" for number in range(4000)]), "aside")
    assert abs((many < 0.15).mean() - 0.15) < 0.03
