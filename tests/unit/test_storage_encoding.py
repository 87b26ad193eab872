import sqlite3
from contextlib import closing

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from domain.records import Embedding, Prediction, Ranked, Visit
from storage.encoding import (
    embedding_from_blob,
    embedding_to_blob,
    prediction_from_json,
    prediction_to_json,
    visit_from_row,
    visit_to_row,
)

RANKED = st.builds(Ranked, department=st.text(min_size=1, max_size=20), probability=st.floats(0, 1))
PREDICTIONS = st.builds(Prediction, ranking=st.lists(RANKED, max_size=5).map(tuple), classifier=st.integers(0, 1000))


@given(PREDICTIONS)
def test_a_prediction_comes_back_with_six_digits(prediction: Prediction) -> None:
    back = prediction_from_json(prediction_to_json(prediction))
    assert back is not None
    assert back.classifier == prediction.classifier
    assert [one.department for one in back.ranking] == [one.department for one in prediction.ranking]
    for one, other in zip(back.ranking, prediction.ranking, strict=True):
        assert abs(one.probability - other.probability) <= 5e-7


def test_an_embedding_comes_back_to_a_thousandth() -> None:
    vector = np.random.default_rng(0).normal(size=1280).astype(np.float32)
    blob = embedding_to_blob(Embedding(vector=vector, encoder="e@1"))
    assert len(blob) == 2 * vector.size
    back = embedding_from_blob(blob, "e@1")
    assert back is not None
    assert back.encoder == "e@1"
    assert back.vector.dtype == np.float32
    assert np.abs(back.vector / vector - 1).max() < 0.001


def test_what_is_not_there_stays_so() -> None:
    assert prediction_to_json(None) is None
    assert prediction_from_json(None) is None
    assert embedding_from_blob(None, "e@1") is None
    assert embedding_from_blob(b"", None) is None


def test_a_visit_comes_back_without_its_card() -> None:
    described = Visit(
        id="v",
        store="s",
        camera="door",
        at=12.5,
        embedding=Embedding(vector=np.ones(4, np.float32), encoder="e@1"),
        prediction=Prediction(ranking=(Ranked(department="Игрушки", probability=0.5),), classifier=3),
        card=b"a picture",
    )
    bare = Visit(id="w", store="s", camera="door", at=13.0)
    columns = "id, store, camera, at, embedding, encoder, prediction"
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute(f"CREATE TABLE visits ({columns})")
        for visit in (described, bare):
            connection.execute("INSERT INTO visits VALUES (?, ?, ?, ?, ?, ?, ?)", visit_to_row(visit))
        first, second = (visit_from_row(row) for row in connection.execute("SELECT * FROM visits ORDER BY id"))
    assert (first.id, first.store, first.camera, first.at, first.card) == ("v", "s", "door", 12.5, None)
    assert first.embedding is not None
    assert first.embedding.vector.tolist() == [1.0] * 4
    assert first.prediction == described.prediction
    assert (second.embedding, second.prediction) == (None, None)
