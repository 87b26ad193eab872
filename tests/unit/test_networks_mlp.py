import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import ClassifierError, EncoderMismatchError, InputError
from domain.records import Embedding
from learning.training import train
from networks.mlp import Classifier
from networks.ranking import rank
from tests.support.embeddings import DEPARTMENTS, DIMENSIONS, ENCODER, embedding, visitors
from tests.support.headers import safetensors_with


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return train(visitors(90), DEPARTMENTS)


def some(count: int = 5) -> list[Embedding]:
    random = np.random.default_rng(1)
    return [embedding(number % 3, random) for number in range(count)]


def test_a_file_gives_back_the_same_classifier(classifier: Classifier) -> None:
    back = Classifier.from_bytes(classifier.with_version(7).to_bytes())
    back.self_test()
    assert back.version == 7
    assert back.departments == classifier.departments
    assert back.encoder == ENCODER
    assert [rank(back, one) for one in some()] == [rank(classifier, one) for one in some()]


def test_rankings_are_probabilities_best_first(classifier: Classifier) -> None:
    for ranking in [rank(classifier, one) for one in some()]:
        assert {ranked.department for ranked in ranking} == set(DEPARTMENTS)
        assert sum(ranked.probability for ranked in ranking) == pytest.approx(1, abs=1e-5)
        values = [ranked.probability for ranked in ranking]
        assert values == sorted(values, reverse=True)


def test_one_at_a_time_or_together_is_the_same(classifier: Classifier) -> None:
    vectors = np.stack([one.vector for one in some()])
    alone = np.concatenate([classifier.probabilities(vectors[row : row + 1]) for row in range(len(vectors))])
    assert classifier.probabilities(vectors) == pytest.approx(alone, abs=1e-5)


def test_another_encoder_is_refused(classifier: Classifier) -> None:
    with pytest.raises(EncoderMismatchError, match=r"tests@0.*other@1.*amiko train"):
        rank(classifier, replace(some(1)[0], encoder="other@1"))
    with pytest.raises(EncoderMismatchError):
        rank(classifier, Embedding(vector=np.zeros(DIMENSIONS + 1, np.float32), encoder=ENCODER))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_none_are_refused(classifier: Classifier, value: float) -> None:
    vector = some(1)[0].vector.copy()
    vector[3] = value
    with pytest.raises(InputError, match="NaN"):
        rank(classifier, Embedding(vector=vector, encoder=ENCODER))


def test_a_vector_of_zeros_has_an_answer(classifier: Classifier) -> None:
    ranking = rank(classifier, Embedding(vector=np.zeros(DIMENSIONS, np.float32), encoder=ENCODER))
    assert np.isfinite([ranked.probability for ranked in ranking]).all()


@pytest.mark.parametrize("change", [{"temperature": 10**400}, {"version": float("inf")}, {"departments": ["one"]}])
def test_a_made_up_file_is_refused(classifier: Classifier, change: dict[str, object]) -> None:
    with pytest.raises(ClassifierError, match="damaged"):
        Classifier.from_bytes(safetensors_with(classifier.to_bytes(), change))


@pytest.mark.parametrize("name", ["mean", "scale", "probes", "answers"])
def test_a_size_that_an_empty_array_only_says_makes_no_network(classifier: Classifier, name: str) -> None:
    made_up = replace(classifier, **{name: np.zeros((10**9, 0), np.float32)})
    with pytest.raises(ClassifierError, match=r"damaged.*sizes"):
        Classifier.from_bytes(made_up.to_bytes())


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_file_never_predicts(classifier: Classifier, data: st.DataObject) -> None:
    """Cut off or changed anywhere: refused when read or by the self-test, or it answers as it should."""
    content = bytearray(classifier.to_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= data.draw(st.integers(1, 255))
    try:
        damaged = Classifier.from_bytes(bytes(content))
        damaged.self_test()
    except ClassifierError:
        return
    # what slips through both is a change too small to matter, or in a name; the file's sha256 guards those
    outputs = damaged.probabilities(classifier.probes)
    assert np.abs(outputs - classifier.answers).max() <= 2e-3


@pytest.mark.parametrize("content", [b"", b"\x80\x04N.", b"{}", b"\xff" * 100, (10**6).to_bytes(8, "little") + b"{}"])
def test_what_is_no_classifier_is_refused(content: bytes) -> None:
    with pytest.raises(ClassifierError):
        Classifier.from_bytes(content)


def test_a_newer_format_is_refused(classifier: Classifier) -> None:
    content = classifier.to_bytes()
    old = json.dumps(json.dumps({"format": 1})[1:-1])[1:-1].encode()
    assert old in content
    with pytest.raises(ClassifierError, match="update"):
        Classifier.from_bytes(content.replace(old, old.replace(b"1", b"2"), 1))


def test_weights_that_are_no_numbers_fail_the_self_test(classifier: Classifier) -> None:
    broken = Classifier.from_bytes(classifier.to_bytes())
    next(broken.model.parameters()).data.fill_(np.nan)
    with pytest.raises(ClassifierError):
        broken.self_test()
    other = replace(classifier, temperature=classifier.temperature * 3)
    with pytest.raises(ClassifierError, match="self-test"):
        other.self_test()
    with pytest.raises(ClassifierError, match="self-test"):
        replace(classifier, temperature=np.nan).self_test()
