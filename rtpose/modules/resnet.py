"""ResNet (He et al. 2016) as a trunk. The state dict has torchvision's names and shapes, so its weights load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rtpose.errors import InputError, MissingExtraError, ModelError


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut: (N, inputs, H, W) -> (N, planes, H / stride, W / stride)."""

    expansion = 1

    def __init__(self, inputs: int, planes: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(inputs, planes, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, planes, H / stride, W / stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        out: Tensor = self.relu(y + (x if self.downsample is None else self.downsample(x)))
        return out


class Bottleneck(nn.Module):
    """1x1, 3x3 (with the stride, as torchvision has it) and 1x1 convolutions and a shortcut:
    (N, inputs, H, W) -> (N, 4 planes, H / stride, W / stride)."""

    expansion = 4

    def __init__(self, inputs: int, planes: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, 4 * planes, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * planes)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(inputs, 4 * planes, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, 4 planes, H / stride, W / stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        out: Tensor = self.relu(y + (x if self.downsample is None else self.downsample(x)))
        return out


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Sequential | None:
    """A 1x1 convolution where the shapes change, else None: the input itself."""
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


KINDS: dict[str, tuple[type[BasicBlock] | type[Bottleneck], tuple[int, int, int, int]]] = {
    "resnet18": (BasicBlock, (2, 2, 2, 2)),
    "resnet34": (BasicBlock, (3, 4, 6, 3)),
    "resnet50": (Bottleneck, (3, 4, 6, 3)),
}


class ResNet(nn.Module):
    """A picture -> features at a 32nd of its size."""

    def __init__(self, kind: str = "resnet50", *, width: float = 1.0, classes: int = 0) -> None:
        """kind: of `KINDS`. width: factor on all channel counts; 1 is torchvision's. classes: of `fc`, 0 for no `fc`.

        Errors: `ModelError` for an unknown kind.
        """
        super().__init__()
        if kind not in KINDS:
            raise ModelError(f"no trunk '{kind}': choose one of {', '.join(KINDS)}")
        block, counts = KINDS[kind]
        planes = [int(width * 64 * 2**i) for i in range(4)]
        self.conv1 = nn.Conv2d(3, planes[0], 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(planes[0])
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inputs = planes[0]
        layers = []
        for i, count in enumerate(counts):
            blocks = []
            for j in range(count):
                blocks.append(block(inputs, planes[i], 2 if i > 0 and j == 0 else 1))
                inputs = planes[i] * block.expansion
            layers.append(nn.Sequential(*blocks))
        self.layer1, self.layer2, self.layer3, self.layer4 = layers
        self.channels = inputs
        """Of the features."""
        self.stride = 32
        """Of the features in pixels of the picture."""
        self.fc = nn.Linear(inputs, classes) if classes else None
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def features(self, x: Tensor) -> Tensor:
        """(N, 3, S, S) -> (N, channels, S / 32, S / 32)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer2(self.layer1(x))
        out: Tensor = self.layer4(self.layer3(x))
        return out

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, S, S) -> the features (N, channels, S / 32, S / 32), or (N, classes) with `fc`."""
        x = self.features(x)
        return x if self.fc is None else self.fc(x.mean((2, 3)))


def load_imagenet(trunk: ResNet, file: Path) -> None:
    """Fill the trunk with torchvision's weights from a `.pth` or `.safetensors` file; `fc` is left out where the trunk
    has none.

    Errors: `InputError` for a file that cannot be read; `ModelError` if names or shapes do not match the trunk's.
    """
    found = _read(file)
    wanted = trunk.state_dict()
    if trunk.fc is None:
        found = {name: value for name, value in found.items() if not name.startswith("fc.")}
    # Files from before 2018 have no counters of batches; nothing depends on them.
    missing = [name for name in wanted if name not in found and not name.endswith("num_batches_tracked")]
    unknown = [name for name in found if name not in wanted]
    other = [name for name in wanted if name in found and found[name].shape != wanted[name].shape]
    for problem, names in (("lacks", missing), ("has the unknown", unknown), ("has another shape of", other)):
        if names:
            raise ModelError(
                f"{file} {problem} {names[0]} ({len(names)} such): give the ImageNet weights of the same trunk, named "
                "as in torchvision, and a trunk of width 1"
            )
    trunk.load_state_dict({**wanted, **found})


def _read(file: Path) -> dict[str, Tensor]:
    try:
        if file.suffix == ".safetensors":
            try:
                from safetensors.torch import load_file
            except ImportError as error:
                raise MissingExtraError("train", "reading safetensors files") from error
            return load_file(file)
        loaded: Any = torch.load(file, map_location="cpu", weights_only=True)
    except MissingExtraError:
        raise
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror or error}") from None
    except Exception as error:  # both readers have errors of their own for damaged files
        raise InputError(f"{file} is damaged or holds no weights: {type(error).__name__}") from None
    if not isinstance(loaded, dict) or not all(isinstance(value, Tensor) for value in loaded.values()):
        raise InputError(f"{file} holds no state dict: give a file of named weights, like torchvision's")
    return loaded
