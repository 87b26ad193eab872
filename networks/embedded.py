"""The two networks that come with Amiko: YOLOX-Nano finds people, EfficientNet-Lite0 describes them."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from domain.records import Detection, Embedding, Image
from domain.settings import Network
from networks import weights
from networks.batches import WHOLE, alike, stacked
from networks.efficientnet import DIMENSIONS, SIZE, EfficientNetLite0
from networks.runtime import Floats, Run, device_of, runner
from networks.yolox import YoloxNano

#: Boxes that overlap by more (intersection over union) are one person. YOLOX evaluates with 0.65, leaving
#: doubles on single people; at 0.5 those who walk side by side are still two.
OVERLAP = 0.5
#: COCO's class "person", behind box and objectness.
PERSON = 5


class _People(nn.Module):
    """`(B, H, W, 3)` uint8 BGR to `(B, N, 5)`: centre and size in pixels, and how surely that is a person."""

    def __init__(self, model: YoloxNano) -> None:
        super().__init__()
        self.model = model

    def forward(self, pictures: Tensor) -> Tensor:
        dtype = next(self.model.parameters()).dtype
        # NHWC memory seen as NCHW is channels_last already: no copy but the one to float
        output = self.model(pictures.permute(0, 3, 1, 2).to(dtype))
        people: Tensor = torch.cat((output[..., :4], output[..., 4:5] * output[..., PERSON : PERSON + 1]), -1)
        return people


class YoloDetector:
    """A network that proposes many boxes for each person, as a `networks.detector.Detector`.

    It is run on `(B, H, W, 3)` uint8 BGR and gives `(B, N, 5)`: centre and size in pixels, and the score.
    """

    def __init__(self, run: Run, identity: str, *, together: int) -> None:
        """`together`: pictures in a pass."""
        self._run = run
        self._together = together
        self.identity = identity

    def detect(self, pictures: Sequence[Image], score: float) -> list[list[Detection]]:
        """See `networks.detector.Detector`."""
        found: list[list[Detection]] = [[] for _ in pictures]
        for numbers in alike(pictures, self._together):
            batch = stacked([pictures[number] for number in numbers])
            for number, people in zip(numbers, self._run(batch), strict=True):
                found[number] = _suppress(people, score)
        return found


def _suppress(people: Floats, threshold: float) -> list[Detection]:
    """`(N, 5)`, centre, size and score: those above the threshold, one a person, best first."""
    people = people[people[:, 4] >= threshold]
    scores = people[:, 4]
    corners = np.concatenate((people[:, :2] - people[:, 2:4] / 2, people[:, 2:4]), 1)
    best = cv2.dnn.NMSBoxes(corners.tolist(), scores.tolist(), threshold, OVERLAP)
    return [
        Detection(
            box=(float(x), float(y), float(x + width), float(y + height)),
            score=float(scores[number]),
        )
        for number in best
        for x, y, width, height in (corners[number],)
    ]


def load_yolox(network: Network) -> YoloDetector:
    """Raises NetworksError where the weights are missing or damaged."""
    tensors, identity = weights.load(weights.embedded(network.checkpoint, weights.DETECTOR))
    model = YoloxNano()
    model.load_state_dict(tensors)
    run = runner(
        _People(model).eval(),
        network,
        identity,
        probe=(_noise((2, 256, 416, 3)),),
        dynamic=(0, 1, 2),
        # pixels of box, then the score
        tolerance=np.array([0.1, 0.1, 0.1, 0.1, 1e-3], np.float32),
    )
    return YoloDetector(run, identity, together=_together(network))


class _Directions(nn.Module):
    """`(B, 224, 224, 3)` uint8 RGB to unit vectors `(B, 1280)`."""

    def __init__(self, model: EfficientNetLite0) -> None:
        super().__init__()
        self.model = model

    def forward(self, squares: Tensor) -> Tensor:
        dtype = next(self.model.parameters()).dtype
        # the weights' own preprocessing: (RGB - 127) / 128
        vectors = self.model((squares.permute(0, 3, 1, 2).to(dtype) - 127) / 128).float()
        directions: Tensor = vectors / torch.linalg.vector_norm(vectors, dim=1, keepdim=True).clamp(min=1e-12)
        return directions


class EfficientNet:
    """EfficientNet-Lite0 as a `networks.encoder.Encoder`."""

    dimensions = DIMENSIONS

    def __init__(self, run: Run, identity: str, *, together: int) -> None:
        """`together`: crops in a pass."""
        self._run = run
        self._together = together
        self.identity = identity

    def embed(self, crops: Sequence[Image]) -> list[Embedding]:
        """See `networks.encoder.Encoder`."""
        embeddings: list[Embedding] = []
        for first in range(0, len(crops), self._together):
            vectors = self._run(stacked([_square(crop) for crop in crops[first : first + self._together]]))
            embeddings += [Embedding(vector=vector.copy(), encoder=self.identity) for vector in vectors]
        return embeddings

    def embed_texts(self, texts: Sequence[str]) -> None:
        """It has no text tower."""


def _square(crop: Image) -> Image:
    """`(224, 224, 3)` RGB: the whole crop, its proportions kept, grey around it."""
    height, width = crop.shape[:2]
    scale = SIZE / max(height, width)
    inner = (max(round(width * scale), 1), max(round(height * scale), 1))
    resized = cv2.resize(crop, inner, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    square = np.full((SIZE, SIZE, 3), 127, np.uint8)
    top, left = (SIZE - inner[1]) // 2, (SIZE - inner[0]) // 2
    square[top : top + inner[1], left : left + inner[0]] = resized[..., ::-1]
    return square


def _fold(model: EfficientNetLite0) -> EfficientNetLite0:
    """Batch norms into the convolutions before them: the same numbers for a third less time."""
    for module in list(model.modules()):
        for norm, convolution in (
            ("_bn0", "_conv_stem"),
            ("_bn0", "_expand_conv"),
            ("_bn1", "_depthwise_conv"),
            ("_bn2", "_project_conv"),
            ("_bn1", "_conv_head"),
        ):
            if hasattr(module, convolution):
                setattr(
                    module,
                    convolution,
                    fuse_conv_bn_eval(getattr(module, convolution), getattr(module, norm)),
                )
                setattr(module, norm, nn.Identity())
    return model


def load_efficientnet(network: Network) -> EfficientNet:
    """Raises NetworksError where the weights are missing or damaged."""
    tensors, identity = weights.load(weights.embedded(network.checkpoint, weights.ENCODER))
    model = EfficientNetLite0()
    # num_batches_tracked counts training steps and is not kept
    model.load_state_dict(tensors, strict=False)
    run = runner(
        _Directions(_fold(model.eval())),
        network,
        identity,
        probe=(_noise((2, SIZE, SIZE, 3)),),
        dynamic=(0,),
        tolerance=np.array([1e-4], np.float32),
    )
    return EfficientNet(run, identity, together=_together(network))


def _together(network: Network) -> int:
    """Pictures in a pass of these two networks: on a processor one, since their layers fit its cache for one.

    Eight in one tensor take longer each, YOLOX a tenth and EfficientNet a quarter (docs/measurements.md, "Serving").
    """
    return 1 if device_of(network).type == "cpu" else WHOLE


def _noise(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
