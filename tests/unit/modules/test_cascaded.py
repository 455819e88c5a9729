from typing import Any

import pytest
import torch

from rtpose.errors import ModelError
from rtpose.modules.cascaded import VARIANTS, Cascaded, LiftingBlock, soft_argmax

TINY: dict[str, Any] = {
    "input_px": 64, "depth_channels": 8, "trunk": "resnet18", "trunk_width": 0.125, "width": 8, "lift_width": 16,
}  # fmt: skip


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_variant_has_its_blocks(variant: Any) -> None:
    stages = Cascaded(variant=variant, **TINY).stages(torch.randn(2, 3, 64, 64))
    shapes = {
        name: None if (value := getattr(stages, name)) is None else tuple(value.shape)
        for name in ("bones", "heatmaps", "volume", "ordinal", "joints")
    }
    expected: dict[str, tuple[int, ...] | None] = dict.fromkeys(shapes)
    expected["joints"] = (2, 17, 3)
    if variant != "baseline":
        expected["heatmaps"] = (2, 17, 16, 16)
    if variant in ("bj", "full"):
        expected["bones"] = (2, 16, 16, 16)
    if variant == "full":
        expected["volume"] = expected["ordinal"] = (2, 8, 16, 16)
    assert shapes == expected


def test_the_papers_size() -> None:
    with torch.device("meta"):
        network = Cascaded()
        stages = network.stages(torch.empty(2, 3, 256, 256))
    assert stages.heatmaps is not None
    assert stages.heatmaps.shape == (2, 17, 64, 64)
    assert stages.volume is not None
    assert stages.volume.shape == (2, 64, 64, 64)
    assert network.volumes.out_channels == 17 * 64
    assert network.trunk.channels == 2048
    linear = [m for m in network.lifting.modules() if isinstance(m, torch.nn.Linear)]
    assert [m.out_features for m in linear] == [1024] * 11 + [51]


def test_soft_argmax_of_a_delta_is_its_place() -> None:
    volumes = torch.zeros(2, 3, 4, 6, 5)
    volumes[0, 0, 3, 5, 4] = volumes[1, 2, 1, 2, 3] = 1000.0
    out = soft_argmax(volumes)
    assert out[0, 0].tolist() == [4, 5, 3]
    assert out[1, 2].tolist() == [3, 2, 1]
    torch.testing.assert_close(out[0, 1], torch.tensor([2.0, 2.5, 1.5]))  # flat: the middle


def test_soft_argmax_of_two_voxels_by_hand() -> None:
    """Weights e^0 : e^log 3 = 1 : 3 between x = 0 and x = 4."""
    volumes = torch.full((1, 1, 1, 1, 5), -1000.0)
    volumes[..., 0], volumes[..., 4] = 0.0, torch.log(torch.tensor(3.0))
    torch.testing.assert_close(soft_argmax(volumes)[0, 0], torch.tensor([3.0, 0.0, 0.0]))


def test_soft_argmax_is_differentiable() -> None:
    torch.manual_seed(0)
    volumes = torch.randn(1, 2, 2, 3, 3, dtype=torch.float32, requires_grad=True)
    weights = torch.randn(1, 2, 3)
    (soft_argmax(volumes) * weights).sum().backward()
    assert volumes.grad is not None
    step, base = 1e-2, volumes.detach()
    for place in ((0, 0, 0, 0, 0), (0, 1, 1, 2, 1)):
        ahead, behind = base.clone(), base.clone()
        ahead[place] += step
        behind[place] -= step
        slope = ((soft_argmax(ahead) - soft_argmax(behind)) * weights).sum() / (2 * step)
        assert float(volumes.grad[place]) == pytest.approx(float(slope), abs=1e-3)


def test_the_lifting_block_is_relative_to_the_root() -> None:
    pose = LiftingBlock(16, 8, 16, 0.0).eval()(torch.randn(3, 17, 3))
    assert (pose[:, 0] == 0).all()
    assert pose.abs().sum() > 0


def test_what_is_shipped_is_what_is_trained() -> None:
    torch.manual_seed(0)
    network = Cascaded(scale_branch=True, **TINY).eval()
    image = torch.randn(2, 3, 64, 64)
    stages = network.stages(image)
    unit, log_scale = network.lift(stages.joints, stages.pooled)
    joints, pose, confidence = network(image)
    assert log_scale is not None
    torch.testing.assert_close(joints, stages.joints)
    torch.testing.assert_close(pose, unit * log_scale.exp()[:, None, None])
    assert stages.heatmaps is not None
    torch.testing.assert_close(confidence, stages.heatmaps.flatten(2).max(-1).values.clamp(0, 1))
    assert (Cascaded(variant="baseline", **TINY).eval()(image)[2] == 1).all()


def test_the_two_stages_share_out_all_parameters() -> None:
    network = Cascaded(scale_branch=True, **TINY)
    first, second = network.before_lifting(), network.of_lifting()
    assert {id(p) for p in second} == {id(p) for m in (network.lifting, network.scale) for p in m.parameters()}
    assert {id(p) for p in first} | {id(p) for p in second} == {id(p) for p in network.parameters()}
    assert len(first) + len(second) == len(list(network.parameters()))


def test_impossible_networks_are_refused() -> None:
    with pytest.raises(ModelError, match="half"):
        Cascaded(variant="half", **TINY)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="multiple of 32"):
        Cascaded(**TINY | {"input_px": 100})
