"""The third network: embeddings in, departments out; and the artifact that a training leaves behind."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from domain.errors import ClassifierError
from networks.ranking import Floats

#: The key of the JSON in the safetensors header, and the number of its layout.
METADATA = "amiko.classifier"
FORMAT = 1
#: How far a probability may be from the one that was noted at the training: other processors round otherwise.
TOLERANCE = 1e-3
#: Vectors with known answers that a classifier carries.
PROBES = 8


class MLP(nn.Module):
    """input-64-32-departments: `(N, dimensions)` to logits `(N, departments)`."""

    def __init__(self, dimensions: int, departments: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(dimensions, 64),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(64, 32),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(32, departments),
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """`(N, dimensions)` to logits `(N, departments)`."""
        logits: Tensor = self.layers(inputs)
        return logits


def normalised(vectors: Floats) -> Floats:
    """Square roots, signs kept, then rows of length 1; `(N, dimensions)`.

    How sharp or bright a crop is shows in the length, what it shows in the direction. The roots keep the few large
    numbers of an embedding from speaking for all: 2 points of accuracy on photographs of clothing.
    """
    roots = np.sign(vectors) * np.sqrt(np.abs(vectors))
    scaled: Floats = roots / np.maximum(np.linalg.norm(roots, axis=1, keepdims=True), 1e-12)
    return scaled


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Classifier:
    """A trained MLP with all that a prediction needs. Immutable; as a file it is safetensors with JSON in front."""

    model: MLP
    #: In the order of the network's outputs.
    departments: tuple[str, ...]
    #: The identity of the encoder whose embeddings it understands.
    encoder: str
    #: float32, shape `(dimensions,)`: subtracted from a normalised vector, and what the rest is divided by.
    mean: Floats
    scale: Floats
    #: Logits are divided by it before softmax; found on samples that the network was not fitted to.
    temperature: float
    #: Whole days of the calendar from this one on (`YYYY-MM-DD`) were not trained on; None where all were.
    held_out_from: str | None = None
    #: The number under which the store keeps it; 0 before that.
    version: int = 0
    #: Known answers for the self-test: vectors `(PROBES, dimensions)`, probabilities `(PROBES, departments)`.
    probes: Floats
    answers: Floats

    @property
    def dimensions(self) -> int:
        return int(self.mean.shape[0])

    def with_version(self, version: int) -> Self:
        """The same under the number that the store gives it."""
        return replace(self, version=version)

    def probabilities(self, vectors: Floats) -> Floats:
        """`(N, dimensions)` raw embeddings to `(N, departments)`; rows sum to 1."""
        with torch.inference_mode():
            inputs = torch.from_numpy((normalised(vectors) - self.mean) / self.scale)
            outputs: Floats = torch.softmax(self.model(inputs) / self.temperature, 1).numpy()
        return outputs

    def self_test(self) -> None:
        """Raises ClassifierError unless it gives the answers that it gave when it was trained."""
        if not all(torch.isfinite(tensor).all() for tensor in self.model.state_dict().values()):
            raise ClassifierError(
                f"classifier version {self.version}: weights that are no numbers; train again: amiko train"
            )
        difference = np.abs(self.probabilities(self.probes) - self.answers).max()
        # written so that NaN fails
        if not difference <= TOLERANCE:
            raise ClassifierError(
                f"classifier version {self.version} fails its self-test: it answers otherwise than when trained"
            )

    def to_bytes(self) -> bytes:
        """The file's content: safetensors, the rest as JSON in its header."""
        metadata = {
            "format": FORMAT,
            "departments": self.departments,
            "encoder": self.encoder,
            "temperature": self.temperature,
            "held_out_from": self.held_out_from,
            "version": self.version,
        }
        tensors = {f"model.{name}": tensor.contiguous() for name, tensor in self.model.state_dict().items()}
        for name in ("mean", "scale", "probes", "answers"):
            tensors[name] = torch.from_numpy(np.ascontiguousarray(getattr(self, name)))
        return safetensors.torch.save(tensors, {METADATA: json.dumps(metadata, ensure_ascii=False)})

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Raises ClassifierError for anything but what `to_bytes` wrote."""
        try:
            tensors = safetensors.torch.load(data)
            size = int.from_bytes(data[:8], "little")
            metadata = json.loads(json.loads(data[8 : 8 + size])["__metadata__"][METADATA])
            if metadata["format"] != FORMAT:
                raise ClassifierError(
                    f"the classifier's format is {metadata['format']}, this Amiko reads {FORMAT}: update it"
                )
            arrays = {name: tensors[name].numpy() for name in ("mean", "scale", "probes", "answers")}
            departments = tuple(str(name) for name in metadata["departments"])
            # before a network of that size is made: an array without numbers may say that it is of any size
            dimensions = tensors["model.layers.0.weight"].shape[1]
            _check_sizes(arrays, dimensions, len(departments))
            model = MLP(dimensions, len(departments)).eval()
            model.load_state_dict(
                {name.removeprefix("model."): tensor for name, tensor in tensors.items() if name.startswith("model.")}
            )
            return cls(
                model=model,
                departments=departments,
                encoder=str(metadata["encoder"]),
                temperature=float(metadata["temperature"]),
                held_out_from=metadata["held_out_from"],
                version=int(metadata["version"]),
                **arrays,
            )
        except (
            safetensors.SafetensorError, KeyError, ValueError, TypeError, RuntimeError, IndexError, OverflowError,
        ) as error:  # fmt: skip
            raise ClassifierError(
                f"the classifier's file is damaged or is none: {str(error).splitlines()[0]}"
            ) from error


def _check_sizes(arrays: Mapping[str, Floats], dimensions: int, departments: int) -> None:
    """Raises ValueError."""
    known = len(arrays["probes"])
    shapes = [arrays[name].shape for name in ("mean", "scale", "probes", "answers")]
    if not known or shapes != [(dimensions,), (dimensions,), (known, dimensions), (known, departments)]:
        raise ValueError("arrays whose sizes don't fit each other")
