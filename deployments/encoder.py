"""VisitorEncoder: crops become embeddings; those that wait share a pass."""

import asyncio

import torch

from deployments.batching import Batches
from deployments.ports import keep_to_own_address
from domain.records import Embedding, TextEmbeddings
from domain.settings import Network, Scaling
from networks import jpeg
from networks.encoder import load_encoder


class VisitorEncoder:
    """One replica: the network, one thread."""

    def __init__(self, network: Network, scaling: Scaling) -> None:
        keep_to_own_address()
        torch.set_num_threads(1)
        self._encoder = load_encoder(network)
        self._batches = Batches(self._encoder.embed, largest=scaling.max_batch_size)

    async def embed(self, crop: bytes) -> Embedding:
        """The embedding of a JPEG of any size. Raises InputError for what is no picture."""
        return await self._batches.ask(jpeg.decode(crop))

    async def identity(self) -> str:
        """Which encoder this is."""
        return self._encoder.identity

    async def embed_texts(self, texts: list[str]) -> TextEmbeddings | None:
        """Vectors that can be compared with crops'; None where the network knows no texts. Takes seconds."""
        return await asyncio.to_thread(self._encoder.embed_texts, texts)
