from dataclasses import replace

import numpy as np
import pytest

from domain.errors import ClassifierError, EncoderMismatchError
from domain.records import Embedding, TextEmbeddings
from networks.coldstart import VERSION, ColdStart, cold_start
from networks.ranking import rank
from tests.support.headers import safetensors_with

PROMPTS = {"Toys": ["a child", "a parent with a child"], "Books": ["a reader"]}
TEXTS = TextEmbeddings(
    vectors=np.array([[1, 0, 0], [0.8, 0.6, 0], [0, 0, 1]], np.float32), encoder="clip@1", sharpness=10.0
)


@pytest.fixture
def cold() -> ColdStart:
    return cold_start(PROMPTS, TEXTS)


def crop(*vector: float, encoder: str = "clip@1") -> Embedding:
    return Embedding(vector=np.array(vector, np.float32), encoder=encoder)


def test_the_department_whose_texts_are_nearest_comes_first(cold: ColdStart) -> None:
    toys, books = rank(cold, crop(0.9, 0.3, 0.1)), rank(cold, crop(0, 0.1, 3))
    assert [one.department for one in toys] == ["Toys", "Books"]
    assert [one.department for one in books] == ["Books", "Toys"]
    assert sum(one.probability for one in toys) == pytest.approx(1, abs=1e-6)
    assert toys[0].probability > 0.9


def test_a_department_is_the_mean_of_its_texts(cold: ColdStart) -> None:
    np.testing.assert_allclose(cold.vectors[0], np.array([0.9487, 0.3162, 0]), atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(cold.vectors, axis=1), 1, atol=1e-6)


def test_very_sharp_is_still_a_number(cold: ColdStart) -> None:
    shares = replace(cold, sharpness=1e4).probabilities(np.array([[1, 0, 0], [0, 0, 0]], np.float32))
    assert np.isfinite(shares).all()


def test_it_is_read_as_it_was_written(cold: ColdStart) -> None:
    again = ColdStart.from_bytes(cold.to_bytes())
    again.self_test()
    assert (again.version, again.departments, again.prompts) == (VERSION, cold.departments, cold.prompts)
    assert (again.encoder, again.sharpness, again.dimensions) == ("clip@1", 10.0, 3)
    np.testing.assert_array_equal(again.vectors, cold.vectors)


@pytest.mark.parametrize("kept", [0, 9, 60, -1])
def test_a_damaged_file_is_refused(cold: ColdStart, kept: int) -> None:
    with pytest.raises(ClassifierError, match="damaged"):
        ColdStart.from_bytes(cold.to_bytes()[:kept])


@pytest.mark.parametrize("change", [{"sharpness": 10**400}, {"departments": ["one"]}, {"prompts": []}])
def test_a_made_up_file_is_refused(cold: ColdStart, change: dict[str, object]) -> None:
    with pytest.raises(ClassifierError, match="damaged"):
        ColdStart.from_bytes(safetensors_with(cold.to_bytes(), change))


def test_a_header_of_brackets_is_refused(cold: ColdStart) -> None:
    with pytest.raises(ClassifierError, match="damaged"):
        ColdStart.from_bytes(safetensors_with(cold.to_bytes(), "[" * 100_000))


def test_vectors_of_another_size_are_refused(cold: ColdStart) -> None:
    for vectors in (cold.vectors[:1], cold.vectors[:, :0], cold.vectors[0]):
        with pytest.raises(ClassifierError, match="damaged"):
            ColdStart.from_bytes(replace(cold, vectors=vectors).to_bytes())


def test_another_encoders_crop_is_refused(cold: ColdStart) -> None:
    with pytest.raises(EncoderMismatchError):
        rank(cold, crop(1, 0, 0, encoder="dinov2@1"))


def test_numbers_that_are_none_fail_the_self_test(cold: ColdStart) -> None:
    with pytest.raises(ClassifierError, match="damaged"):
        replace(cold, vectors=cold.vectors * np.nan).self_test()
