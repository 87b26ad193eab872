"""Which pictures can share a pass through a network."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from domain.records import Image

#: Pictures in a pass where there is no reason for fewer: as many as the settings allow to a batch.
WHOLE = 256


def alike(pictures: Sequence[Image], together: int) -> list[list[int]]:
    """The places of pictures of one shape, `(height, width, 3)`, at most `together`: they share a pass, unpadded."""
    places: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for place, picture in enumerate(pictures):
        places[picture.shape].append(place)
    return [those[first : first + together] for those in places.values() for first in range(0, len(those), together)]


def stacked(pictures: Sequence[Image]) -> Image:
    """`(B, height, width, 3)` of pictures of one shape. One alone is not copied: that would be a fiftieth of a pass."""
    return pictures[0][np.newaxis] if len(pictures) == 1 else np.stack(pictures)
