from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from rtpose.errors import InputError, ModelError
from rtpose.modules.resnet import ResNet, load_imagenet


def torchvision_shapes(counts: tuple[int, ...], expansion: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes by torchvision's rules: stem, `layerL.B.convK` and `bnK`, `downsample.0` and `.1` at the first
    block of a layer whose input differs from its output, `fc`."""
    shapes: dict[str, tuple[int, ...]] = {}

    def convolution(conv: str, norm: str, shape: tuple[int, ...]) -> None:
        shapes[f"{conv}.weight"] = shape
        shapes.update({f"{norm}.{part}": shape[:1] for part in ("weight", "bias", "running_mean", "running_var")})
        shapes[f"{norm}.num_batches_tracked"] = ()

    convolution("conv1", "bn1", (64, 3, 7, 7))
    inputs = 64
    for layer, count in enumerate(counts, start=1):
        planes = 32 * 2**layer
        outputs = planes * expansion
        for block in range(count):
            name = f"layer{layer}.{block}"
            if expansion == 4:
                kernels = ((planes, inputs, 1, 1), (planes, planes, 3, 3), (outputs, planes, 1, 1))
            else:
                kernels = ((planes, inputs, 3, 3), (planes, planes, 3, 3))
            for i, kernel in enumerate(kernels, start=1):
                convolution(f"{name}.conv{i}", f"{name}.bn{i}", kernel)
            if block == 0 and (layer > 1 or inputs != outputs):
                convolution(f"{name}.downsample.0", f"{name}.downsample.1", (outputs, inputs, 1, 1))
            inputs = outputs
    return shapes | {"fc.weight": (1000, inputs), "fc.bias": (1000,)}


@pytest.mark.parametrize(
    ("kind", "counts", "expansion", "parameters"),
    [
        ("resnet50", (3, 4, 6, 3), 4, 25_557_032),
        ("resnet34", (3, 4, 6, 3), 1, 21_797_672),
        ("resnet18", (2, 2, 2, 2), 1, 11_689_512),
    ],
)
def test_the_state_dict_is_torchvisions(kind: str, counts: tuple[int, ...], expansion: int, parameters: int) -> None:
    """The parameter counts are those that torchvision's documentation states."""
    with torch.device("meta"):
        network = ResNet(kind, classes=1000)
    assert {name: tuple(value.shape) for name, value in network.state_dict().items()} == torchvision_shapes(
        counts, expansion
    )
    assert sum(p.numel() for p in network.parameters()) == parameters


def test_features_and_scores() -> None:
    network = ResNet("resnet50", width=0.125, classes=7).eval()
    image = torch.randn(2, 3, 64, 96)
    assert network.features(image).shape == (2, 256, 2, 3)
    assert network(image).shape == (2, 7)
    assert network.channels == 256


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_load_without_the_classes(tmp_path: Path, suffix: str) -> None:
    given = ResNet("resnet18", width=0.125, classes=5)
    file = tmp_path / f"weights{suffix}"
    # Old files lack the counters.
    state = {k: v for k, v in given.state_dict().items() if not k.endswith("num_batches_tracked")}
    save_file(state, file) if suffix == ".safetensors" else torch.save(state, file)
    trunk = ResNet("resnet18", width=0.125)
    load_imagenet(trunk, file)
    image = torch.randn(1, 3, 32, 32)
    torch.testing.assert_close(trunk.eval().features(image), given.eval().features(image))


def test_wrong_weights_are_refused(tmp_path: Path) -> None:
    state = ResNet("resnet18", width=0.125, classes=5).state_dict()
    trunk = ResNet("resnet18", width=0.125)
    file = tmp_path / "weights.pth"
    for change, words in (
        ({"layer2.0.conv1.weight": None}, "lacks layer2.0.conv1.weight"),
        ({"layer9.weight": torch.zeros(1)}, "unknown layer9.weight"),
        ({"conv1.weight": torch.zeros(64, 3, 7, 7)}, "another shape of conv1.weight"),
    ):
        torch.save({k: v for k, v in (state | change).items() if v is not None}, file)
        with pytest.raises(ModelError, match=words):
            load_imagenet(trunk, file)
    file.write_bytes(b"half a file")
    with pytest.raises(InputError, match="damaged"):
        load_imagenet(trunk, file)
    torch.save([1, 2], file)
    with pytest.raises(InputError, match="no state dict"):
        load_imagenet(trunk, file)
    with pytest.raises(InputError, match="cannot be read"):
        load_imagenet(trunk, tmp_path / "gone.pth")
    with pytest.raises(ModelError, match="resnet99"):
        ResNet("resnet99")
