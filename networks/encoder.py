"""The visitor encoder: crops in, embeddings out."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from domain.records import Embedding, Image
from networks import weights
from networks.efficientnet import DIMENSIONS, SIZE, EfficientNetLite0


class Encoder:
    """EfficientNet-Lite0, one thread, no gradients. Not safe for use by several threads at once."""

    dimensions = DIMENSIONS

    def __init__(self, model: EfficientNetLite0, identity: str) -> None:
        self._model = _fold(model.eval())
        # torch's annotations lack memory_format alone
        self._model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.identity = identity

    def embed(self, crops: Sequence[Image]) -> list[Embedding]:
        """An embedding for each crop. Crops are BGR, 0 to 255, of any size from 1x1 up."""
        if not crops:
            return []
        small = np.stack([_square(crop) for crop in crops])
        with torch.inference_mode():
            # the weights' own preprocessing: (RGB - 127) / 128
            vectors = self._model((torch.from_numpy(small).permute(0, 3, 1, 2).float() - 127) / 128).numpy()
        return [Embedding(vector=vector.copy(), encoder=self.identity) for vector in vectors]


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


def load_encoder(name: str = "efficientnet-lite0") -> Encoder:
    """Raises NetworksError where the weights are missing or damaged."""
    tensors, identity = weights.load(weights.embedded(name))
    model = EfficientNetLite0()
    # num_batches_tracked counts training steps and is not kept
    model.load_state_dict(tensors, strict=False)
    return Encoder(model, identity)
