"""The first layers of BlazePose's landmark network as a trainable trunk.

Its features were learned on real pictures of people and are free to use (Apache 2.0); the paper uses ImageNet's.
Inverted residual blocks as in MobileNetV2 (Sandler et al. 2018), batch normalisation folded into the convolutions.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rtpose.errors import ModelError

_BLOCKS: tuple[tuple[int, int, int, int], ...] = (
    # expanded, kernel, stride, outputs
    (64, 3, 2, 24), (144, 3, 1, 24),
    (144, 5, 2, 32), (192, 5, 1, 32),
    (192, 3, 2, 64), (384, 3, 1, 64), (384, 3, 1, 64), (384, 5, 1, 88), (528, 5, 1, 88), (528, 5, 1, 88),
    (528, 5, 2, 144), (864, 5, 1, 144), (864, 5, 1, 144), (864, 5, 1, 144),
)  # fmt: skip
_BALANCE = 8.0
"""BlazePose's values between the blocks reach into the hundreds; the weights that read them are tiny, those that write
them large. This factor brings all to the size that an optimiser expects; a power of two causes no rounding."""
_LATE = 4
"""From this block on the maps have a sixteenth of the enlarged picture's side."""
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def _convolution(
    inputs: int, outputs: int, size: int, *, stride: int = 1, dilation: int = 1, groups: int = 1
) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, size, stride, dilation * (size // 2), dilation, groups)


class InvertedResidual(nn.Module):
    """1x1 to more channels, one filter per channel, 1x1 to fewer; a shortcut where the shape stays:
    (N, inputs, H, W) -> (N, outputs, H / stride, W / stride)."""

    def __init__(self, inputs: int, expanded: int, size: int, stride: int, outputs: int, dilation: int) -> None:
        super().__init__()
        self.expand = _convolution(inputs, expanded, 1)
        self.depthwise = _convolution(expanded, expanded, size, stride=stride, dilation=dilation, groups=expanded)
        self.project = _convolution(expanded, outputs, 1)
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, outputs, H / stride, W / stride)."""
        # Of the two names of this function, one has the faster gradient, the other all exporters know.
        cut = F.relu6 if self.training else _clamped
        y = cut(self.expand(x))
        spread = self.training and self.depthwise.dilation[0] > 1
        y = cut(_dilated_on_parts(self.depthwise, y) if spread else self.depthwise(y))
        out: Tensor = self.project(y)
        return out + x if self.shortcut else out


def _clamped(x: Tensor) -> Tensor:
    return x.clamp(0, 6)


def _dilated_on_parts(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """The result of `layer` for x (N, C, H, W), computed without dilation on each of the interleaved grids. torch's
    gradient of a dilated convolution takes eight times as long on a processor."""
    step = layer.dilation[0]
    n, channels, height, width = x.shape
    parts = x.view(n, channels, height // step, step, width // step, step).permute(3, 5, 0, 1, 2, 4)
    y = F.conv2d(
        parts.flatten(0, 2).contiguous(memory_format=torch.channels_last),
        layer.weight, layer.bias, padding=layer.kernel_size[0] // 2, groups=layer.groups,
    )  # fmt: skip
    return y.view(step, step, n, *y.shape[1:]).permute(2, 3, 4, 0, 5, 1).reshape(x.shape)


class BlazePoseTrunk(nn.Module):
    """A picture -> features at an eighth of its size.

    BlazePose was trained on squares of 256 px around a person. Pictures of 128 px are enlarged to that, and the last
    halving is left out: the filters after it are dilated instead and cover the same area. Pictures that are 256 px to
    begin with show more.
    """

    channels = 144
    """Of the features."""
    stride = 8
    """Of the features in pixels of the picture."""
    _STRIDE = 16  # in pixels of the enlarged picture

    def __init__(self, *, native: bool = False) -> None:
        """native: pictures have twice the side S already and are not enlarged."""
        super().__init__()
        self._enlarged = 1 if native else 2
        self.stem = _convolution(3, 24, 3, stride=2)
        self.depthwise = _convolution(24, 24, 3, groups=24)
        self.project = _convolution(24, 16, 1)
        blocks, inputs, reached, dilation = [], 16, 2, 1
        for expanded, size, step, outputs in _BLOCKS:
            if reached * step > self._STRIDE:
                blocks.append(InvertedResidual(inputs, expanded, size, 1, outputs, 1))
                dilation *= step
            else:
                blocks.append(InvertedResidual(inputs, expanded, size, step, outputs, dilation))
                reached *= step
            inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.normalisation = nn.BatchNorm2d(self.channels)
        # BlazePose expects 0 .. 1, the codec normalises as for ImageNet.
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(_STD)[:, None, None], persistent=False)

    def features(self, x: Tensor) -> Tensor:
        """(N, 3, S, S), for `native` (N, 3, 2 S, 2 S) -> (N, 144, S / 8, S / 8)."""
        if self._enlarged > 1:
            x = F.interpolate(x, scale_factor=self._enlarged, mode="bilinear")
        x = _clamped(self.stem(x * self.std + self.mean))
        x = self.project(_clamped(self.depthwise(x)))
        out: Tensor = self.normalisation(self.blocks(x))
        return out

    def forward(self, x: Tensor) -> Tensor:
        """As `features`."""
        return self.features(x)

    def late(self) -> list[nn.Conv2d]:
        """The 1x1 convolutions on the smallest maps: most of the weights. The gradient of the one-channel filters
        between them costs more time than all others, for few weights."""
        blocks = [block for block in self.blocks if isinstance(block, InvertedResidual)][_LATE:]
        return [layer for block in blocks for layer in (block.expand, block.project)]

    def load(self, weights: Sequence[tuple[Tensor, Tensor]]) -> None:
        """Fill the convolutions in order with BlazePose's (weight, bias); there may be more than needed. The blocks
        then pass on an eighth of BlazePose's values.

        Errors: `ModelError` if the shapes differ: another network or version.
        """
        layers = [module for module in self.modules() if isinstance(module, nn.Conv2d)]
        for layer, (weight, bias) in zip(layers, weights, strict=False):
            if layer.weight.shape != weight.shape or layer.bias is None or layer.bias.shape != bias.shape:
                raise ModelError("BlazePose's landmark network has layers that this version does not know")
            layer.weight.data.copy_(weight)
            layer.bias.data.copy_(bias)
        blocks = [block for block in self.blocks if isinstance(block, InvertedResidual)]
        for block in blocks:
            block.expand.weight.data *= _BALANCE
        for writer in (self.project, *(block.project for block in blocks)):
            writer.weight.data /= _BALANCE
            if writer.bias is not None:
                writer.bias.data /= _BALANCE
