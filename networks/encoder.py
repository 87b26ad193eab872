"""The visitor encoder: crops in, embeddings out."""

from collections.abc import Sequence
from typing import Protocol

from domain.records import Embedding, Image, TextEmbeddings
from domain.settings import ENCODER, Network
from networks.embedded import load_efficientnet
from networks.hub_encoder import load_hub_encoder
from networks.kinds import kind_of


class Encoder(Protocol):
    """One thread, no gradients. Not safe for use by several threads at once."""

    @property
    def identity(self) -> str:
        """Name and hash of the weights. Embeddings with the same one may be mixed, whatever runs the network."""
        ...

    @property
    def dimensions(self) -> int:
        """How many numbers an embedding has."""
        ...

    def embed(self, crops: Sequence[Image]) -> list[Embedding]:
        """A vector of length 1 for each crop. Crops are BGR, 0 to 255, of any size from 1x1 up."""
        ...

    def embed_texts(self, texts: Sequence[str]) -> TextEmbeddings | None:
        """Vectors that can be compared with crops'; None where the network knows no texts."""
        ...


def load_encoder(network: Network = ENCODER) -> Encoder:
    """Raises NetworksError where the weights are missing, damaged, or of no encoder of pictures."""
    return load_hub_encoder(network) if kind_of(network) == "hub" else load_efficientnet(network)
