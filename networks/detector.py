"""The person detector: small pictures in, people's boxes out."""

from collections.abc import Sequence
from typing import Protocol

from domain.records import Detection, Image
from domain.settings import DETECTOR, Network
from networks.embedded import load_yolox
from networks.hub_detector import load_hub_detector
from networks.kinds import kind_of
from networks.ultralytics_detector import load_ultralytics


class Detector(Protocol):
    """One thread, no gradients. Not safe for use by several threads at once."""

    @property
    def identity(self) -> str:
        """Name and hash of the weights."""
        ...

    def detect(self, pictures: Sequence[Image], score: float) -> list[list[Detection]]:
        """People in each picture, in its own pixels, best first.

        Pictures are BGR, 0 to 255, both sides multiples of 32, letterboxed with 114 by the sender; they may
        differ in shape: those alike share a pass. `score`: boxes below it are left out, 0 to 1.
        """
        ...


def load_detector(network: Network = DETECTOR) -> Detector:
    """Raises NetworksError where the weights are missing, damaged, or of no person detector."""
    match kind_of(network):
        case "embedded":
            return load_yolox(network)
        case "hub":
            return load_hub_detector(network)
        case "ultralytics":
            return load_ultralytics(network)
