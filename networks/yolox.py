"""YOLOX-Nano (Ge et al. 2021, arXiv:2107.08430): depth 0.33, width 0.25, depthwise, batch norms folded away.

The modules are defined in the order of the convolutions in the exported ONNX graph, so that its weights can
be handed out one after the other (`networks.weights`).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Pixels between neighbouring cells of the three output grids.
STRIDES = (8, 16, 32)


class ConvAct(nn.Module):
    """Convolution with "same" padding and SiLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        return functional.silu(self.conv(x), inplace=True)


def depthwise(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """Each channel filtered by itself, then mixed."""
    return nn.Sequential(ConvAct(inputs, inputs, 3, stride, groups=inputs), ConvAct(inputs, outputs, 1))


class Bottleneck(nn.Module):
    """Mix, filter; with `shortcut` added to what came in."""

    def __init__(self, channels: int, *, shortcut: bool) -> None:
        super().__init__()
        self.reduce = ConvAct(channels, channels, 1)
        self.spatial = depthwise(channels, channels)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.spatial(self.reduce(x))
        return x + y if self.shortcut else y


class CSPLayer(nn.Module):
    """Half of the channels go through the bottlenecks, half go past them."""

    def __init__(self, inputs: int, outputs: int, bottlenecks: int, *, shortcut: bool = True) -> None:
        super().__init__()
        self.through = ConvAct(inputs, outputs // 2, 1)
        self.past = ConvAct(inputs, outputs // 2, 1)
        self.bottlenecks = nn.Sequential(*(Bottleneck(outputs // 2, shortcut=shortcut) for _ in range(bottlenecks)))
        self.merge = ConvAct(outputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        merged: Tensor = self.merge(torch.cat((self.bottlenecks(self.through(x)), self.past(x)), 1))
        return merged


class SpatialPyramid(nn.Module):
    """The same place seen through windows of 1, 5, 9 and 13 cells."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduce = ConvAct(channels, channels // 2, 1)
        self.merge = ConvAct(channels * 2, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.reduce(x)
        pooled = [functional.max_pool2d(x, size, 1, size // 2) for size in (5, 9, 13)]
        merged: Tensor = self.merge(torch.cat((x, *pooled), 1))
        return merged


class Backbone(nn.Module):
    """CSPDarknet: three maps, at 1/8, 1/16 and 1/32 of the picture, of 64, 128 and 256 channels."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvAct(12, 16, 3)
        self.dark2 = nn.Sequential(depthwise(16, 32, 2), CSPLayer(32, 32, 1))
        self.dark3 = nn.Sequential(depthwise(32, 64, 2), CSPLayer(64, 64, 3))
        self.dark4 = nn.Sequential(depthwise(64, 128, 2), CSPLayer(128, 128, 3))
        self.dark5 = nn.Sequential(depthwise(128, 256, 2), SpatialPyramid(256), CSPLayer(256, 256, 1, shortcut=False))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        # Focus: every second pixel to a channel of its own, (B, 3, H, W) -> (B, 12, H/2, W/2)
        corners = (x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2])
        x = self.dark2(self.stem(torch.cat(corners, 1)))
        near = self.dark3(x)
        middle = self.dark4(near)
        return near, middle, self.dark5(middle)


class Neck(nn.Module):
    """PAFPN: details go up to the coarse maps, and what the coarse maps know comes down to the fine one."""

    def __init__(self) -> None:
        super().__init__()
        self.lateral = ConvAct(256, 128, 1)
        self.down_middle = CSPLayer(256, 128, 1, shortcut=False)
        self.reduce = ConvAct(128, 64, 1)
        self.down_near = CSPLayer(128, 64, 1, shortcut=False)
        self.stride_near = depthwise(64, 64, 2)
        self.up_middle = CSPLayer(128, 128, 1, shortcut=False)
        self.stride_middle = depthwise(128, 128, 2)
        self.up_far = CSPLayer(256, 256, 1, shortcut=False)

    def forward(self, near: Tensor, middle: Tensor, far: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Maps of 64, 128 and 256 channels, at 1/8, 1/16 and 1/32 of the picture, both in and out."""
        far = self.lateral(far)
        middle = self.down_middle(torch.cat((_twice(far), middle), 1))
        middle = self.reduce(middle)
        near = self.down_near(torch.cat((_twice(middle), near), 1))
        middle = self.up_middle(torch.cat((self.stride_near(near), middle), 1))
        far = self.up_far(torch.cat((self.stride_middle(middle), far), 1))
        return near, middle, far


class Head(nn.Module):
    """Decoupled head of one map: (B, C, H, W) -> (B, 85, H, W): centre, size, objectness, 80 classes."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.stem = ConvAct(channels, 64, 1)
        self.classify = nn.Sequential(depthwise(64, 64), depthwise(64, 64))
        self.classes = nn.Conv2d(64, 80, 1)
        self.locate = nn.Sequential(depthwise(64, 64), depthwise(64, 64))
        self.box = nn.Conv2d(64, 4, 1)
        self.objectness = nn.Conv2d(64, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        located = self.locate(x)
        scores = torch.sigmoid(torch.cat((self.objectness(located), self.classes(self.classify(x))), 1))
        return torch.cat((self.box(located), scores), 1)


class YoloxNano(nn.Module):
    """(B, 3, H, W) BGR 0 to 255, H and W multiples of 32 -> (B, N, 85) in pixels: centre, size, scores."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Backbone()
        self.neck = Neck()
        self.heads = nn.ModuleList(Head(channels) for channels in (64, 128, 256))

    def forward(self, x: Tensor) -> Tensor:
        maps = self.neck(*self.backbone(x))
        return torch.cat(
            [_decode(head(level), stride) for head, level, stride in zip(self.heads, maps, STRIDES, strict=True)],
            1,
        )


def _twice(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode="nearest")


def _decode(raw: Tensor, stride: int) -> Tensor:
    """Offsets within a grid cell, and logarithms of sizes, to pixels: (B, 85, H, W) -> (B, H*W, 85)."""
    _, _, height, width = raw.shape
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    grid = torch.stack((columns, rows), 0).to(raw)
    centre = (raw[:, :2] + grid) * stride
    size = raw[:, 2:4].exp() * stride
    return torch.cat((centre, size, raw[:, 4:]), 1).flatten(2).transpose(1, 2)
