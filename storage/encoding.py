"""How records lie in columns: predictions as JSON, embeddings as float16 BLOBs."""

import json
import sqlite3

import numpy as np

from domain.records import Embedding, Prediction, Ranked, Visit


def prediction_to_json(prediction: Prediction | None) -> str | None:
    """Probabilities with six digits."""
    if prediction is None:
        return None
    ranking = [[ranked.department, round(ranked.probability, 6)] for ranked in prediction.ranking]
    return json.dumps({"classifier": prediction.classifier, "ranking": ranking}, ensure_ascii=False)


def prediction_from_json(text: str | None) -> Prediction | None:
    """What `prediction_to_json` wrote."""
    if text is None:
        return None
    document = json.loads(text)
    ranking = tuple(Ranked(department=name, probability=value) for name, value in document["ranking"])
    return Prediction(ranking=ranking, classifier=document["classifier"])


def embedding_to_blob(embedding: Embedding) -> bytes:
    """Half precision: 2.5 kB instead of 5, with a relative error below 0.001."""
    return embedding.vector.astype(np.float16).tobytes()


def embedding_from_blob(blob: bytes | None, encoder: str | None) -> Embedding | None:
    """As float32; None where one of the two is missing."""
    if blob is None or encoder is None:
        return None
    return Embedding(vector=np.frombuffer(blob, np.float16).astype(np.float32), encoder=encoder)


def visit_from_row(row: sqlite3.Row) -> Visit:
    """Without its card, which is in no file."""
    return Visit(
        id=row["id"],
        store=row["store"],
        camera=row["camera"],
        at=row["at"],
        embedding=embedding_from_blob(row["embedding"], row["encoder"]),
        prediction=prediction_from_json(row["prediction"]),
    )


def visit_to_row(visit: Visit) -> tuple[str, str, str, float, bytes | None, str | None, str | None]:
    """The columns id, store, camera, at, embedding, encoder and prediction."""
    embedding = visit.embedding
    return (
        visit.id,
        visit.store,
        visit.camera,
        visit.at,
        embedding_to_blob(embedding) if embedding else None,
        embedding.encoder if embedding else None,
        prediction_to_json(visit.prediction),
    )
