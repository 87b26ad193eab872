"""VisitorEncoder: crops become embeddings, several crops to a pass."""

import asyncio

import torch
from ray import serve

from deployments.batching import UNDER_WAY, NetworkThread
from deployments.loopback import stay_on_loopback
from domain.errors import InputError
from domain.records import Embedding, Image, TextEmbeddings
from domain.settings import Network, Scaling
from networks import jpeg
from networks.encoder import load_encoder


class VisitorEncoder:
    """One replica: the network, one thread."""

    def __init__(self, network: Network, scaling: Scaling) -> None:
        stay_on_loopback()
        torch.set_num_threads(1)
        self._encoder = load_encoder(network)
        self._thread = NetworkThread(self._embed_batch, scaling)

    async def embed(self, crop: bytes) -> Embedding:
        """The embedding of a JPEG of any size. Raises InputError for what is no picture."""
        embedding = await self._embed_batch(crop)
        if isinstance(embedding, InputError):
            raise embedding
        return embedding

    async def identity(self) -> str:
        """Which encoder this is."""
        return self._encoder.identity

    async def embed_texts(self, texts: list[str]) -> TextEmbeddings | None:
        """Vectors that can be compared with crops'; None where the network knows no texts. Takes seconds."""
        return await asyncio.to_thread(self._encoder.embed_texts, texts)

    @serve.batch(max_concurrent_batches=UNDER_WAY)
    async def _embed_batch(self, crops: list[bytes]) -> list[Embedding | InputError]:
        # while the batch before is in the network
        pictures = await asyncio.to_thread(lambda: [_decode(crop) for crop in crops])
        sound = [one for one in pictures if not isinstance(one, InputError)]
        embeddings = iter(await self._thread.run(lambda: self._encoder.embed(sound)))
        return [one if isinstance(one, InputError) else next(embeddings) for one in pictures]


def _decode(data: bytes) -> Image | InputError:
    try:
        return jpeg.decode(data)
    except InputError as error:
        return error
