"""Which pictures can share a pass through a network."""

from collections import defaultdict
from collections.abc import Sequence

from domain.records import Image


def alike(pictures: Sequence[Image]) -> dict[tuple[int, ...], list[int]]:
    """The places of the pictures of each shape, `(height, width, 3)`: those alike share a pass, and none is padded."""
    places: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for place, picture in enumerate(pictures):
        places[picture.shape].append(place)
    return places
