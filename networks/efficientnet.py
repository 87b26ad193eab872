"""EfficientNet-Lite0 without its ImageNet classes: a crop becomes 1280 numbers.

Architecture: Tan and Le 2019 (arXiv:1905.11946), Lite0 as published by Google in `tensorflow/tpu`: no
squeeze-and-excitation, ReLU6, fixed stem and head. Module names are those of the published weights.
"""

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional

#: The weights came from TensorFlow, whose batch norm has this epsilon.
EPSILON = 1e-3
DIMENSIONS = 1280
#: Pixels of the square input.
SIZE = 224


class Stage(NamedTuple):
    """Blocks in a row: how many, and of the first its stride; `expansion` is how much wider a block is inside."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    outputs: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


class SameConv(nn.Conv2d):
    """Convolution padded as TensorFlow's SAME: where the padding is odd, the extra pixel is at the end."""

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        height, width = (max((-(-n // stride) - 1) * stride + kernel - n, 0) for n in x.shape[-2:])
        if height or width:
            x = functional.pad(x, (width // 2, width - width // 2, height // 2, height - height // 2))
        filtered: Tensor = super().forward(x)
        return filtered


class Block(nn.Module):
    """Inverted residual: widen, filter each channel, narrow."""

    def __init__(self, inputs: int, stage: Stage, stride: int) -> None:
        super().__init__()
        wide = inputs * stage.expansion
        self.expands = stage.expansion != 1
        if self.expands:
            self._expand_conv = SameConv(inputs, wide, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(wide, EPSILON)
        self._depthwise_conv = SameConv(wide, wide, stage.kernel, stride, groups=wide, bias=False)
        self._bn1 = nn.BatchNorm2d(wide, EPSILON)
        self._project_conv = SameConv(wide, stage.outputs, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(stage.outputs, EPSILON)
        self.residual = stride == 1 and inputs == stage.outputs

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu6(self._bn0(self._expand_conv(x)), inplace=True) if self.expands else x
        y = functional.relu6(self._bn1(self._depthwise_conv(y)), inplace=True)
        narrow: Tensor = self._bn2(self._project_conv(y))
        return x + narrow if self.residual else narrow


class EfficientNetLite0(nn.Module):
    """(B, 3, 224, 224) RGB, normalised -> (B, 1280)."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SameConv(3, 32, 3, 2, bias=False)
        self._bn0 = nn.BatchNorm2d(32, EPSILON)
        blocks, inputs = [], 32
        for stage in STAGES:
            for number in range(stage.repeats):
                blocks.append(Block(inputs, stage, stage.stride if number == 0 else 1))
                inputs = stage.outputs
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = SameConv(inputs, DIMENSIONS, 1, bias=False)
        self._bn1 = nn.BatchNorm2d(DIMENSIONS, EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures as the class says to rows that are not yet of length 1."""
        x = functional.relu6(self._bn0(self._conv_stem(x)), inplace=True)
        for block in self._blocks:
            x = block(x)
        x = functional.relu6(self._bn1(self._conv_head(x)), inplace=True)
        pooled: Tensor = x.mean((2, 3))
        return pooled
