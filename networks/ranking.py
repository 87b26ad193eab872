"""Departments ranked for an embedding, by whatever tells how probable each is: an MLP, or a comparison with texts."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from domain.errors import EncoderMismatchError, InputError
from domain.records import Embedding, Ranked

Floats = NDArray[np.float32]


class Ranker(Protocol):
    """What the third network is to those who ask it."""

    @property
    def departments(self) -> tuple[str, ...]:
        """In the order of the columns of `probabilities`."""
        ...

    @property
    def encoder(self) -> str:
        """The identity of the encoder whose embeddings it understands."""
        ...

    @property
    def dimensions(self) -> int:
        """Numbers in an embedding."""
        ...

    @property
    def version(self) -> int:
        """The number under which the store keeps it; 0 for what was not trained."""
        ...

    def probabilities(self, vectors: Floats) -> Floats:
        """`(N, dimensions)` raw embeddings to `(N, departments)`; rows sum to 1."""
        ...

    def self_test(self) -> None:
        """Raises ClassifierError unless it can be believed."""
        ...


def rank(ranker: Ranker, embedding: Embedding) -> tuple[Ranked, ...]:
    """The departments for an embedding, the most probable first.

    Raises EncoderMismatchError for another encoder's embedding, InputError for numbers that are none.
    """
    if embedding.encoder != ranker.encoder or embedding.vector.shape != (ranker.dimensions,):
        raise EncoderMismatchError(
            f"the classifier (version {ranker.version}) was trained with the encoder {ranker.encoder},"
            f" {ranker.dimensions} numbers; this embedding is of {embedding.encoder},"
            f" {embedding.vector.size}. Train one for it: amiko train"
        )
    if not np.isfinite(embedding.vector).all():
        raise InputError("the embedding holds numbers that are none (NaN or infinite)")
    (shares,) = ranker.probabilities(embedding.vector[np.newaxis].astype(np.float32, copy=False))
    return tuple(
        Ranked(department=ranker.departments[number], probability=float(shares[number]))
        for number in np.argsort(-shares, kind="stable")
    )
