"""The trunk computes what BlazePose's landmark network computes in its first layers."""

import numpy as np
import openvino as ov
import pytest
import torch
from torch import nn

from rtpose.errors import ConfigError, ModelError
from rtpose.modules.blazepose_trunk import BlazePoseTrunk, InvertedResidual
from rtpose.modules.cascaded import Cascaded
from rtpose.modules.resnet import ResNet
from rtpose.networks import downloads
from rtpose.networks.backends.openvino import read_network
from rtpose.train.cascaded.pretrained import convolutions, load_trunk
from rtpose.train.cascaded.settings import CascadedSettings

LAYERS = 45


def original(image: np.ndarray) -> np.ndarray:
    """(1, 256, 256, 3) 0..1 -> what the landmark network has after the shortcut of its last such block of 144
    channels, (1, 144, 8, 8)."""
    graph = read_network(downloads.ensure("pose_landmark_full.tflite"))
    sums = [
        node
        for node in graph.get_ordered_ops()
        if node.get_type_name() == "Add" and list(node.output(0).shape) == [1, 144, 8, 8]
    ]
    # Each block of 144 channels ends in a bias and, but for the first, a shortcut: 1 + 2 + 2 + 2 additions.
    part = ov.Model([sums[6].output(0)], graph.get_parameters(), "first layers")
    return np.array(ov.compile_model(part, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})([image])[0])


def test_the_first_layers_are_blazeposes() -> None:
    """On the same picture of 256 px, at every second place of the finer grid."""
    trunk = BlazePoseTrunk().eval()
    load_trunk(trunk, CascadedSettings(trunk_learns="nothing"))
    image = np.random.default_rng(0).random((1, 256, 256, 3), np.float32)
    expected = original(image)
    with torch.no_grad():
        x = torch.from_numpy(image.transpose(0, 3, 1, 2).copy())
        x = nn.functional.relu6(trunk.stem(x))
        x = trunk.blocks(trunk.project(nn.functional.relu6(trunk.depthwise(x))))
    assert x.shape == (1, 144, 16, 16)
    # A dilated filter at every second place sees what the filter behind the halving saw.
    np.testing.assert_allclose(8 * x.numpy()[:, :, ::2, ::2], expected, atol=1e-2, rtol=1e-3)
    assert np.abs(expected).max() > 10
    assert not any(p.requires_grad for m in trunk.modules() if isinstance(m, nn.Conv2d) for p in m.parameters())
    assert trunk.normalisation.weight.requires_grad


def test_features_of_a_picture() -> None:
    trunk = BlazePoseTrunk().eval()
    assert trunk.features(torch.zeros(2, 3, 64, 96)).shape == (2, 144, 8, 12)
    # A picture of one colour, enlarged, keeps it: the trunk undoes the codec's normalisation.
    seen = []
    trunk.stem.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    grey = (torch.full((1, 3, 64, 64), 0.5) - trunk.mean) / trunk.std
    trunk.features(grey)
    assert torch.allclose(seen[0], torch.full((1, 3, 128, 128), 0.5), atol=1e-6)


def test_cascaded_stands_on_it() -> None:
    network = Cascaded(
        trunk="blazepose", input_px=64, depth_channels=8, width=8, lift_width=16, dropout=0.0
    ).eval()  # fmt: skip
    joints, pose, confidence = network(torch.zeros(2, 3, 64, 64))
    assert joints.shape == (2, 17, 3)
    assert pose.shape == (2, 17, 3)
    assert confidence.shape == (2, 17)
    assert len(network.context) == 3  # one transposed convolution: from an eighth to a quarter


def test_other_weights_are_refused() -> None:
    trunk = BlazePoseTrunk()
    layers = convolutions(downloads.ensure("pose_landmark_full.tflite"), LAYERS)
    assert len(layers) == sum(isinstance(module, nn.Conv2d) for module in trunk.modules()) == LAYERS
    with pytest.raises(ModelError, match="layers that this version does not know"):
        trunk.load([layers[1], layers[0]])


def test_late_learns_the_1x1_convolutions_on_the_smallest_maps() -> None:
    trunk = BlazePoseTrunk()
    load_trunk(trunk, CascadedSettings(trunk_learns="late"))
    features = trunk.features(torch.rand(2, 3, 64, 64))
    features.square().sum().backward()
    learned = {name for name, p in trunk.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    convolutions = {name.rsplit(".", 1)[0] for name in learned} - {"normalisation"}
    assert convolutions == {f"blocks.{i}.{layer}" for i in range(4, 14) for layer in ("expand", "project")}
    weights = [p.numel() for name, p in trunk.named_parameters() if p.requires_grad and name != "normalisation"]
    assert sum(weights) > 0.85 * sum(p.numel() for p in trunk.parameters())


def test_late_is_for_blazepose() -> None:
    with pytest.raises(ConfigError, match="trunk_learns: late is for trunk: blazepose"):
        load_trunk(ResNet("resnet18", width=0.125), CascadedSettings(trunk_learns="late"))


@pytest.mark.parametrize("size", [(8, 8), (12, 4)])
def test_training_and_running_give_the_same(size: tuple[int, int]) -> None:
    """Dilated filters are computed in another way while training."""
    block = InvertedResidual(4, 6, 5, 1, 4, dilation=2)
    x = torch.randn(3, 4, *size, requires_grad=True)
    trained, run = block.train()(x), block.eval()(x)
    torch.testing.assert_close(trained, run)
    weight = torch.randn_like(run)
    gradients = [torch.autograd.grad((y * weight).sum(), [x, block.depthwise.weight]) for y in (trained, run)]
    torch.testing.assert_close(gradients[0], gradients[1], atol=1e-5, rtol=1e-4)


def test_a_native_picture_is_not_enlarged() -> None:
    torch.manual_seed(0)
    enlarging = BlazePoseTrunk().eval()
    native = BlazePoseTrunk(native=True).eval()
    native.load_state_dict(enlarging.state_dict())
    small = torch.randn(1, 3, 64, 64)
    large = torch.nn.functional.interpolate(small, scale_factor=2, mode="bilinear")
    torch.testing.assert_close(native.features(large), enlarging.features(small))
