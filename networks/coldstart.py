"""The cold start: departments told by comparing a crop with texts, before anything was learnt.

Needs an encoder with a text tower, as CLIP's and SigLIP's have. Neither torch nor the networks are needed here.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import safetensors
import safetensors.numpy

from domain.errors import ClassifierError
from domain.records import TextEmbeddings
from networks.ranking import Floats

#: Its number among a store's classifiers: before the first one.
VERSION = 0
#: The key of the JSON in the safetensors header, and the number of its layout.
METADATA = "amiko.cold_start"
FORMAT = 1


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ColdStart:
    """A `networks.ranking.Ranker` made of texts. Immutable; as a file it is safetensors with JSON in front."""

    departments: tuple[str, ...]
    #: What each department's vector was made of.
    prompts: dict[str, tuple[str, ...]]
    encoder: str
    #: float32, shape `(departments, dimensions)`, rows of length 1.
    vectors: Floats
    #: What a cosine is multiplied by before softmax, as the network was trained.
    sharpness: float

    @property
    def version(self) -> int:
        """0: no training made it."""
        return VERSION

    @property
    def dimensions(self) -> int:
        return int(self.vectors.shape[1])

    def probabilities(self, vectors: Floats) -> Floats:
        """`(N, dimensions)` embeddings to `(N, departments)`; rows sum to 1."""
        unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        logits = self.sharpness * (unit @ self.vectors.T)
        powers = np.exp(logits - logits.max(1, keepdims=True))
        shares: Floats = (powers / powers.sum(1, keepdims=True)).astype(np.float32)
        return shares

    def self_test(self) -> None:
        """Raises ClassifierError for numbers that are none."""
        if not (np.isfinite(self.vectors).all() and np.isfinite(self.sharpness)):
            raise ClassifierError("the cold start's vectors hold numbers that are none: the encoder is damaged")

    def to_bytes(self) -> bytes:
        """The file's content: safetensors, the rest as JSON in its header."""
        metadata = {
            "format": FORMAT,
            "departments": self.departments,
            "prompts": self.prompts,
            "encoder": self.encoder,
            "sharpness": self.sharpness,
        }
        return safetensors.numpy.save(
            {"vectors": np.ascontiguousarray(self.vectors)}, {METADATA: json.dumps(metadata, ensure_ascii=False)}
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Raises ClassifierError for anything but what `to_bytes` wrote."""
        try:
            vectors = safetensors.numpy.load(data)["vectors"]
            size = int.from_bytes(data[:8], "little")
            metadata = json.loads(json.loads(data[8 : 8 + size])["__metadata__"][METADATA])
            if metadata["format"] != FORMAT:
                raise ClassifierError(f"the cold start's format is {metadata['format']}, this Amiko reads {FORMAT}")
            departments = tuple(str(name) for name in metadata["departments"])
            _check_sizes(vectors, len(departments))
            return cls(
                departments=departments,
                prompts={name: tuple(texts) for name, texts in metadata["prompts"].items()},
                encoder=str(metadata["encoder"]),
                vectors=vectors,
                sharpness=float(metadata["sharpness"]),
            )
        except (
            safetensors.SafetensorError, KeyError, ValueError, TypeError, AttributeError, IndexError, OverflowError,
            RecursionError,
        ) as error:  # fmt: skip
            raise ClassifierError(
                f"the cold start's file is damaged or is none: {str(error).splitlines()[0]}"
            ) from error


def cold_start(prompts: Mapping[str, Sequence[str]], texts: TextEmbeddings) -> ColdStart:
    """The mean of each department's texts. `texts` in the order of `prompts`, one department's after another's."""
    rows, begin = [], 0
    for sentences in prompts.values():
        mean = texts.vectors[begin : begin + len(sentences)].mean(0)
        rows.append(mean / max(float(np.linalg.norm(mean)), 1e-12))
        begin += len(sentences)
    return ColdStart(
        departments=tuple(prompts),
        prompts={name: tuple(sentences) for name, sentences in prompts.items()},
        encoder=texts.encoder,
        vectors=np.stack(rows).astype(np.float32),
        sharpness=texts.sharpness,
    )


def _check_sizes(vectors: Floats, departments: int) -> None:
    """Raises ValueError."""
    if vectors.ndim != 2 or len(vectors) != departments or not vectors.size:
        raise ValueError("vectors that don't fit the departments")
