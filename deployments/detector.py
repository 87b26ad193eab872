"""PersonDetector: people in small pictures; those that wait share a pass."""

from collections.abc import Sequence

import torch

from deployments.batching import Batches
from deployments.ports import keep_to_own_address
from domain.errors import InputError
from domain.records import Detection, Image
from domain.settings import Network, Scaling
from networks import jpeg
from networks.detector import load_detector


class PersonDetector:
    """One replica: the network, one thread."""

    def __init__(self, network: Network, scaling: Scaling) -> None:
        keep_to_own_address()
        torch.set_num_threads(1)
        self._detector = load_detector(network)
        self._batches = Batches(self._pass, largest=scaling.max_batch_size)

    async def detect(self, picture: bytes, score: float) -> list[Detection]:
        """People in a JPEG of the network's input size (both sides multiples of 32), in its pixels, best first.

        `score`: boxes below it are left out. Raises InputError for what is no such picture.
        """
        return await self._batches.ask((_decode(picture), score))

    def _pass(self, requests: Sequence[tuple[Image, float]]) -> list[list[Detection]]:
        lowest = min(score for _, score in requests)
        found = self._detector.detect([picture for picture, _ in requests], lowest)
        return [
            [one for one in people if one.score >= score] for people, (_, score) in zip(found, requests, strict=True)
        ]


def _decode(data: bytes) -> Image:
    picture = jpeg.decode(data)
    height, width = picture.shape[:2]
    if height % 32 or width % 32:
        raise InputError(f"expected sides that are multiples of 32 pixels, not {width}x{height}")
    return picture
