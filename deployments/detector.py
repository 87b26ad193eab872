"""PersonDetector: people in small pictures, several pictures to a pass."""

import asyncio

import torch
from ray import serve

from deployments.batching import UNDER_WAY, NetworkThread
from deployments.loopback import stay_on_loopback
from domain.errors import InputError
from domain.records import Detection, Image
from domain.settings import Network, Scaling
from networks import jpeg
from networks.detector import load_detector


class PersonDetector:
    """One replica: the network, one thread."""

    def __init__(self, network: Network, scaling: Scaling) -> None:
        stay_on_loopback()
        torch.set_num_threads(1)
        self._detector = load_detector(network)
        self._thread = NetworkThread(self._detect_batch, scaling)

    async def detect(self, picture: bytes, score: float) -> list[Detection]:
        """People in a JPEG of the network's input size (both sides multiples of 32), in its pixels, best first.

        `score`: boxes below it are left out. Raises InputError for what is no such picture.
        """
        found = await self._detect_batch((picture, score))
        if isinstance(found, InputError):
            raise found
        return found

    @serve.batch(max_concurrent_batches=UNDER_WAY)
    async def _detect_batch(self, requests: list[tuple[bytes, float]]) -> list[list[Detection] | InputError]:
        # while the batch before is in the network
        pictures = await asyncio.to_thread(lambda: [_decode(picture) for picture, _ in requests])
        sound = [picture for picture in pictures if not isinstance(picture, InputError)]
        lowest = min(score for _, score in requests)
        found = iter(await self._thread.run(lambda: self._detector.detect(sound, lowest)))
        # an error that is returned fails its own request alone
        return [
            picture if isinstance(picture, InputError) else [one for one in next(found) if one.score >= score]
            for picture, (_, score) in zip(pictures, requests, strict=True)
        ]


def _decode(data: bytes) -> Image | InputError:
    try:
        picture = jpeg.decode(data)
    except InputError as error:
        return error
    height, width = picture.shape[:2]
    if height % 32 or width % 32:
        return InputError(f"expected sides that are multiples of 32 pixels, not {width}x{height}")
    return picture
