"""Several seeds in one process: the stack computes what its networks compute one by one."""

import copy
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from rtpose.assets import small_val_pack
from rtpose.errors import ConfigError
from rtpose.modules.svmac import SvmacGenerator
from rtpose.train.data.motion_pack import MotionPack, load_motion_pack
from rtpose.train.data.pack_evaluation import PackEvaluationSet
from rtpose.train.data.pack_training import PackTrainingSet
from rtpose.train.lifters.catalogue import METHODS
from rtpose.train.lifters.seeds import SeedStack, train_seeds


@pytest.fixture(scope="module")
def pack() -> MotionPack:
    whole = load_motion_pack(small_val_pack())
    poses = whole.poses_m[::60]
    return dataclasses.replace(whole, poses_m=poses, starts=np.array([0, len(poses)]), clips=whole.clips[:1])


def test_a_stack_is_its_networks_side_by_side() -> None:
    """Outputs, gradients and running statistics, with batch normalisation over each network's own rows."""
    torch.manual_seed(0)
    networks = [SvmacGenerator(width=8) for _ in range(3)]
    stack = SeedStack(networks)
    points = torch.randn(3, 5, 34)
    depth, camera = stack(points.flatten(0, 1))
    assert depth.shape == (15, 17)
    (depth.square().sum() + camera.square().sum()).backward()
    for i, network in enumerate(networks):
        alone, its_camera = network(points[i])
        torch.testing.assert_close(depth[5 * i : 5 * i + 5], alone)
        (alone.square().sum() + its_camera.square().sum()).backward()
        for name, parameter in network.named_parameters():
            gradient = stack.get_parameter(name.replace(".", "/")).grad
            assert gradient is not None
            torch.testing.assert_close(gradient[i], parameter.grad, atol=1e-5, rtol=1e-4)
        member = stack.member(i, networks[0])
        network.eval()
        torch.testing.assert_close(member(points[i])[0], network(points[i])[0])


@pytest.mark.parametrize("name", ["svmac", "consistency"])
def test_a_resumed_training_of_seeds_ends_the_same(name: str, pack: MotionPack, tmp_path: Path) -> None:
    kind = METHODS[name]
    settings = kind.settings(width=8, batch_size=4, steps=4, validate_every=2, learning_rate=1e-3)
    data = PackTrainingSet(pack), PackEvaluationSet(pack)
    straight = train_seeds(kind.method, settings, (0, 1), *data, tmp_path / "straight")

    class KilledError(Exception):
        pass

    def kill(progress: object) -> None:
        if getattr(progress, "step", 0) == 3:
            raise KilledError

    with pytest.raises(KilledError):
        train_seeds(kind.method, settings, (0, 1), *data, tmp_path / "killed", report=kill)
    resumed = train_seeds(kind.method, settings, (0, 1), *data, tmp_path / "killed", resume=True)
    points = torch.randn(3, 34)
    for a, b in zip(straight, resumed, strict=True):
        assert torch.equal(copy.deepcopy(a.lifter)(points), b.lifter(points))
    assert not torch.equal(straight[0].lifter(points), straight[1].lifter(points))
    assert (tmp_path / "killed" / "log.csv").read_text().count("\n") == 3


def test_several_seeds_of_several_networks_are_refused(pack: MotionPack, tmp_path: Path) -> None:
    kind = METHODS["svmac"]
    data = PackTrainingSet(pack), PackEvaluationSet(pack)
    with pytest.raises(ConfigError, match="networks=2"):
        train_seeds(kind.method, kind.settings(width=8, networks=2), (0, 1), *data, tmp_path / "run")
