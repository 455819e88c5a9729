"""Training on the embedded pack, tiny."""

import dataclasses
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from rtpose.assets import small_val_pack
from rtpose.errors import ConfigError, OutputError
from rtpose.lift.lifter import NetworkLifter
from rtpose.train import svmac
from rtpose.train.loop import Progress, learning_rate, train_svmac
from rtpose.train.motion_pack import MotionPack, load_motion_pack
from rtpose.train.settings import SvmacSettings
from rtpose.train.shipping import export_trained

TINY = SvmacSettings(width=16, batch_size=8, steps=6, validate_every=2, learning_rate=1e-3)


@pytest.fixture(scope="module")
def pack() -> MotionPack:
    whole = load_motion_pack(small_val_pack())
    poses = whole.poses_m[::40]
    return dataclasses.replace(whole, poses_m=poses, starts=np.array([0, len(poses)]), clips=whole.clips[:1])


class KilledError(Exception):
    pass


def test_a_killed_run_resumes_to_the_same_weights(pack: MotionPack, tmp_path: Path) -> None:
    straight = train_svmac(TINY, pack, pack, tmp_path / "straight")

    def kill(progress: Progress) -> None:
        if progress.step == 5:  # after the checkpoint of step 4
            raise KilledError

    with pytest.raises(KilledError):
        train_svmac(TINY, pack, pack, tmp_path / "killed", report=kill)
    resumed = train_svmac(TINY, pack, pack, tmp_path / "killed", resume=True)
    for name, value in straight.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    logs = [(tmp_path / run / "log.csv").read_text().splitlines() for run in ("straight", "killed")]
    without_speed = [[line.rsplit(",", 1)[0] for line in log] for log in logs]
    assert without_speed[0] == without_speed[1]
    assert len(logs[0]) == 1 + 3


def test_seeds_differ_and_repeat(pack: MotionPack, tmp_path: Path) -> None:
    short = msgspec.structs.replace(TINY, steps=2)
    runs = [
        train_svmac(msgspec.structs.replace(short, seed=seed), pack, pack, tmp_path / str(n))
        for n, seed in enumerate((0, 0, 1))
    ]
    weights = [run.state_dict()["pose.2.weight"] for run in runs]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize("change", [{"angles": 1}, {"angles": 3}, {"discriminator": False}])
def test_variants_run(pack: MotionPack, tmp_path: Path, change: dict[str, object]) -> None:
    settings = msgspec.structs.replace(TINY, steps=1, **change)
    generator = train_svmac(settings, pack, pack, tmp_path / "run")
    assert all(p.isfinite().all() for p in generator.parameters())


def test_only_2d_reaches_the_losses(pack: MotionPack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The losses are called with (N, 34) tensors alone: two numbers for each joint."""
    seen: list[tuple[int, ...]] = []
    for name in ("generator_loss", "critic_loss"):
        original = getattr(svmac.SvmacStep, name)

        def spy(self: svmac.SvmacStep, *tensors: torch.Tensor, original: object = original) -> object:
            seen.extend(tuple(t.shape) for t in tensors)
            return original(self, *tensors)  # type: ignore[operator]

        monkeypatch.setattr(svmac.SvmacStep, name, spy)
    train_svmac(msgspec.structs.replace(TINY, steps=2), pack, pack, tmp_path / "run")
    assert seen == [(8, 34)] * 6


def test_a_used_folder_is_not_clobbered(pack: MotionPack, tmp_path: Path) -> None:
    short = msgspec.structs.replace(TINY, steps=1)
    train_svmac(short, pack, pack, tmp_path / "run")
    with pytest.raises(OutputError, match="--resume"):
        train_svmac(short, pack, pack, tmp_path / "run")
    with pytest.raises(ConfigError, match="differs from the settings"):
        train_svmac(TINY, pack, pack, tmp_path / "run", resume=True)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        train_svmac(short, pack, pack, tmp_path / "file" / "run")


def test_the_learning_rate_decays() -> None:
    settings = SvmacSettings(steps=100, learning_rate=1.0, final_learning_rate=0.1)
    assert learning_rate(50, settings) == pytest.approx(0.55)
    assert learning_rate(100, settings) == pytest.approx(0.1)


def test_the_exported_network_knows_itself_and_runs(pack: MotionPack, tmp_path: Path) -> None:
    settings = msgspec.structs.replace(TINY, steps=1)
    generator = train_svmac(settings, pack, pack, tmp_path)
    path = export_trained(generator, settings, pack, pack, tmp_path)
    lifter = NetworkLifter(str(path))
    assert lifter.facts["architecture"] == {"network": "svmac", "joint_count": 17, "width": 16}
    assert lifter.facts["training_data"]["train_subjects"] == pack.subjects
    assert "NSF EIA-0196217" in lifter.facts["training_data"]["acknowledgement"]
    points = np.random.default_rng(0).normal(scale=0.1, size=(5, 34)).astype(np.float32)
    with torch.no_grad():
        expected = generator.depth(torch.from_numpy(points)).numpy()
    np.testing.assert_allclose(lifter.depth(points), expected, atol=2e-3)
