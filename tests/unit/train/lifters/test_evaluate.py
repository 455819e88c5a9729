import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from lifter_files import write_lifter

from rtpose.assets import small_val_pack
from rtpose.config import OneEuroSettings
from rtpose.errors import ConfigError
from rtpose.modules.flip import mirrored, mirrored_depth
from rtpose.pose.lift.codec import DepthCodec
from rtpose.train.data.cameras import EVALUATION_CAMERAS_DEG, camera_from_world, unit_poses
from rtpose.train.data.input_kind import AS_IN_VIDEO, InputKind
from rtpose.train.data.motion_pack import load_motion_pack
from rtpose.train.data.pack_evaluation import PackEvaluationSet
from rtpose.train.data.pack_training import as_detected
from rtpose.train.data.settings import NoiseSettings
from rtpose.train.lifters.evaluate import (
    evaluate_depth,
    evaluate_lifter,
    flip_averaged,
    flip_averaging,
    protocol,
)


def test_the_true_depth_has_no_error_and_a_flat_one_has() -> None:
    whole = load_motion_pack(small_val_pack())
    pack = dataclasses.replace(whole, poses_m=whole.poses_m[::200], starts=np.array([0, 34]), clips=whole.clips[:1])
    unit, _ = unit_poses(as_detected(torch.from_numpy(pack.poses_m)))
    truths = []
    for azimuth, elevation in EVALUATION_CAMERAS_DEG:
        angles = torch.deg2rad(torch.tensor([azimuth, elevation, 0.0]))
        rotation = camera_from_world(angles[0:1], angles[1:2], angles[2:3])
        truths.append((unit @ rotation.transpose(1, 2))[..., 2])
    queue = iter(truths)
    perfect = evaluate_depth(lambda points: next(queue), PackEvaluationSet(pack), DepthCodec())
    # The codec's unit is the mean joint distance in the picture, which is a little less than the body's own, so
    # the true depth is nearly, not wholly, right in it.
    assert perfect.p_mpjpe_mm.mean() < 15
    assert len(perfect.p_mpjpe_mm) == 5 * len(pack.poses_m)
    flat = evaluate_depth(lambda points: torch.zeros(len(points), 17), PackEvaluationSet(pack), DepthCodec())
    assert flat.p_mpjpe_mm.mean() > 60
    assert (flat.p_mpjpe_mm <= flat.mpjpe_mm).mean() > 0.9
    assert np.isclose(flat.means()["p_mpjpe_mm"], flat.p_mpjpe_mm.mean())


def test_kinds_of_input() -> None:
    assert InputKind.parse("noise:7.5").noise.sigma_px == 7.5
    assert InputKind.parse("detected").noise == NoiseSettings()
    video = InputKind.parse("detected-video")
    assert (video.noise, video.in_time) == (NoiseSettings(), AS_IN_VIDEO)
    assert InputKind.parse("gt").noise.sigma == 0
    with pytest.raises(ConfigError, match="noise:PX"):
        InputKind.parse("noise:")


def test_noise_is_repeated_by_its_seed_and_makes_it_worse(tmp_path: Path) -> None:
    """A lifter that says depth 0 is wrong by a known amount; noisy joints make it worse."""
    whole = load_motion_pack(small_val_pack())
    lifter = str(write_lifter(tmp_path / "flat.onnx", width=8, zero=True))
    short = dataclasses.replace(
        whole, poses_m=whole.poses_m[: whole.starts[2]], starts=whole.starts[:3], clips=whole.clips[:2]
    )
    exact, noisy, again, other, detected = (
        evaluate_lifter(lifter, PackEvaluationSet(short), input_kind=kind, seed=seed)
        for kind, seed in (("gt", 0), ("noise:20", 0), ("noise:20", 0), ("noise:20", 1), ("detected", 0))
    )
    assert noisy["p_mpjpe_mm"] > exact["p_mpjpe_mm"] + 5
    assert noisy["accel_error_m_s2"] > exact["accel_error_m_s2"]
    assert noisy["p_mpjpe_mm"] == again["p_mpjpe_mm"] != other["p_mpjpe_mm"]
    assert detected["p_mpjpe_mm"] != exact["p_mpjpe_mm"]
    assert exact["poses"] == 5 * len(short.poses_m)
    assert sum(row["poses"] for row in exact["per_subject"].values()) == exact["poses"]
    keys = "lifter weights_sha256 backend pack input seed poses mpjpe_mm p_mpjpe_mm n_mpjpe_mm pck_150 auc"
    assert set(keys.split()) | {"accel_error_m_s2", "per_action", "per_subject"} <= set(exact)
    assert exact["mean_of_actions"]["p_mpjpe_mm"] == pytest.approx(
        np.mean([row["p_mpjpe_mm"] for row in exact["per_action"].values()])
    )
    assert exact["exclusions"] == "none"
    assert exact["flip_averaging"] is False
    for words in ("protocol 1: MPJPE", "protocol 2: P-MPJPE", "flip averaging: no", "left out: none", "scaled to"):
        assert words in exact["protocol"]


def test_a_flip_averaged_lifter_is_the_same_in_a_mirror() -> None:
    """Whatever the network: the mirrored input has the mirrored depths; a symmetric one is not changed."""
    torch.manual_seed(0)
    network = torch.nn.Linear(34, 17)
    points = torch.randn(5, 34)
    with torch.no_grad():
        plain, averaged = network(points), flip_averaged(network)(points)
        assert torch.equal(flip_averaged(network)(mirrored(points)), mirrored_depth(averaged))
        assert not torch.equal(network(mirrored(points)), mirrored_depth(plain))
        twice = flip_averaged(flip_averaged(network))(points)
    assert torch.equal(twice, averaged)


def test_flip_averaging_reaches_the_figures(tmp_path: Path) -> None:
    whole = load_motion_pack(small_val_pack())
    short = dataclasses.replace(whole, poses_m=whole.poses_m[:50], starts=np.array([0, 50]), clips=whole.clips[:1])
    lifter = str(write_lifter(tmp_path / "any.onnx", width=8))
    plain, flipped = (evaluate_lifter(lifter, PackEvaluationSet(short), flip=flip) for flip in (False, True))
    assert flipped["p_mpjpe_mm"] != plain["p_mpjpe_mm"]
    assert flipped["flip_averaging"] is True
    assert "flip averaging: yes" in flipped["protocol"]


def _short() -> PackEvaluationSet:
    """Three clips of 40, 12 and 25 frames."""
    whole = load_motion_pack(small_val_pack())
    rows = np.concatenate([np.arange(whole.starts[i], whole.starts[i] + n) for i, n in ((0, 40), (1, 12), (2, 25))])
    starts = np.array([0, 40, 52, 77])
    pack = dataclasses.replace(whole, poses_m=whole.poses_m[rows], starts=starts, clips=whole.clips[:3])
    return PackEvaluationSet(pack)


def test_the_words_about_flip_averaging() -> None:
    assert flip_averaging({}) == flip_averaging({"flip_averaging": False}) == "no"
    assert flip_averaging({}, flip=True) == "yes"
    assert flip_averaging({"flip_averaging": True}) == "yes, in the network"
    assert "flip averaging: yes, in the network;" in protocol(_short(), flip="yes, in the network")


def test_one_euro_calms_the_noise(tmp_path: Path) -> None:
    lifter = str(write_lifter(tmp_path / "flat.onnx", width=8, zero=True))
    plain, smooth = (
        evaluate_lifter(lifter, _short(), input_kind="detected", smooth=smooth) for smooth in (None, OneEuroSettings())
    )
    assert smooth["accel_error_m_s2"] < 0.6 * plain["accel_error_m_s2"]
    assert smooth["smoothing"]["min_cutoff_hz"] == OneEuroSettings().min_cutoff_hz
    assert plain["smoothing"] is None


def test_noise_as_in_a_video_is_as_large_but_steadier(tmp_path: Path) -> None:
    lifter = str(write_lifter(tmp_path / "flat.onnx", width=8, zero=True))
    single, video = (evaluate_lifter(lifter, _short(), input_kind=kind) for kind in ("detected", "detected-video"))
    assert video["accel_error_m_s2"] < 0.8 * single["accel_error_m_s2"]
    assert video["p_mpjpe_mm"] == pytest.approx(single["p_mpjpe_mm"], rel=0.05)
