"""The person detector: small pictures in, people's boxes out."""

from collections import defaultdict
from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from domain.records import Detection, Image
from networks import weights
from networks.yolox import YoloxNano

#: Boxes that overlap by more (intersection over union) are one person. YOLOX evaluates with 0.65, leaving
#: doubles on single people; at 0.5 those who walk side by side are still two.
OVERLAP = 0.5
#: COCO's class "person".
PERSON = 5


class Detector:
    """YOLOX-Nano, one thread, no gradients. Not safe for use by several threads at once."""

    def __init__(self, model: YoloxNano, identity: str) -> None:
        self._model = model.eval()
        # torch's annotations lack memory_format alone
        self._model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.identity = identity

    def detect(self, pictures: Sequence[Image], score: float) -> list[list[Detection]]:
        """People in each picture, in its own pixels, best first.

        Pictures are BGR, 0 to 255, both sides multiples of 32, letterboxed with 114 by the sender; they may
        differ in shape: those alike share a pass. `score`: boxes below it are left out, 0 to 1.
        """
        by_shape: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for number, picture in enumerate(pictures):
            by_shape[picture.shape].append(number)
        found: list[list[Detection]] = [[] for _ in pictures]
        for numbers in by_shape.values():
            batch = torch.from_numpy(np.stack([pictures[number] for number in numbers]))
            with torch.inference_mode():
                # NHWC memory seen as NCHW is channels_last already: no copy but the one to float
                output = self._model(batch.permute(0, 3, 1, 2).float())
                scores = (output[..., 4] * output[..., PERSON]).numpy()
                boxes = output[..., :4].numpy()
            for number, box, confidence in zip(numbers, boxes, scores, strict=True):
                found[number] = _suppress(box, confidence, score)
        return found


def _suppress(boxes: NDArray[np.float32], scores: NDArray[np.float32], threshold: float) -> list[Detection]:
    """Boxes `(N, 4)` as centre and size, scores `(N,)`: those above the threshold, one a person."""
    kept = scores >= threshold
    boxes, scores = boxes[kept], scores[kept]
    corners = np.concatenate((boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, 2:]), 1)
    best = cv2.dnn.NMSBoxes(corners.tolist(), scores.tolist(), threshold, OVERLAP)
    return [
        Detection(
            box=(float(x), float(y), float(x + width), float(y + height)),
            score=float(scores[number]),
        )
        for number in best
        for x, y, width, height in (corners[number],)
    ]


def load_detector(name: str = "yolox-nano") -> Detector:
    """Raises NetworksError where the weights are missing or damaged."""
    tensors, identity = weights.load(weights.embedded(name))
    model = YoloxNano()
    model.load_state_dict(tensors)
    return Detector(model, identity)
