"""The embedded files are what the functions promise, within their size limits."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest

from rtpose import assets
from rtpose.errors import InputError
from rtpose.geometry import camera_from_fov, pixels_from_camera, standing_height
from rtpose.skeleton import H36M17

TEST_SUBJECTS = {"09", "11", "29", "35"}
VAL_SUBJECTS = {"12", "39", "135"}


@pytest.fixture(scope="module")
def truth() -> assets.SampleTruth:
    return assets.SampleTruth.load()


@pytest.mark.parametrize(
    ("path", "limit_mb"),
    [
        (assets.sample_clip(), 1.0),
        (assets.sample_truth(), 0.2),
        (assets.small_pack(), 8.0),
        (assets.small_val_pack(), 1.0),
    ],
)
def test_files_are_small(path: Path, limit_mb: float) -> None:
    assert 1000 < path.stat().st_size <= limit_mb * 1e6


def test_clip_and_truth_agree_on_frames_size_and_times(truth: assets.SampleTruth) -> None:
    with av.open(str(assets.sample_clip())) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert (stream.codec_context.width, stream.codec_context.height) == truth.image_size
        times = [frame.time for frame in container.decode(stream)]
    assert np.allclose(times, truth.timestamps_s, atol=1e-4)
    assert len(times) >= 150


def test_truth_is_consistent(truth: assets.SampleTruth) -> None:
    frames = len(truth.timestamps_s)
    assert truth.joint_names == H36M17.joints
    assert truth.joints_3d.shape == (frames, 17, 3)
    assert truth.joints_3d.dtype == truth.joints_2d.dtype == np.float32
    assert truth.camera == camera_from_fov(truth.image_size)  # the program's default
    assert np.abs(pixels_from_camera(truth.joints_3d, truth.camera) - truth.joints_2d).max() < 1e-2
    assert (truth.joints_2d > 0).all()
    assert (truth.joints_2d < truth.image_size).all()
    assert "mocap.cs.cmu.edu" in truth.readme
    at = H36M17.index_of
    joints = truth.joints_3d
    hips = (joints[:, at["left_hip"]] + joints[:, at["right_hip"]]) / 2
    assert np.abs(hips - joints[:, at["root"]]).max() < 1e-4
    assert (joints[:, at["head"], 1] < joints[:, at["root"], 1]).all()  # y is down
    # Starts facing the camera: the person's left is on the picture's right.
    assert truth.joints_2d[0, at["left_hip"], 0] > truth.joints_2d[0, at["right_hip"], 0]
    assert standing_height(joints).mean() == pytest.approx(truth.height_m, rel=0.06)


def test_bones_of_the_truth_keep_their_length(truth: assets.SampleTruth) -> None:
    for child, parent in H36M17.bones:
        if parent in ("root", "thorax", "spine", "neck_base") or child == "neck_base":
            continue
        a, b = H36M17.indices(child, parent)
        length = np.linalg.norm(truth.joints_3d[:, a] - truth.joints_3d[:, b], axis=-1)
        assert np.ptp(length) < 1e-3, (child, parent)


def test_the_motion_is_lively(truth: assets.SampleTruth) -> None:
    wrists = truth.joints_3d[:, H36M17.indices("left_wrist", "right_wrist")]
    speed = np.linalg.norm(np.diff(wrists, axis=0), axis=-1) / np.diff(truth.timestamps_s)[:, None]
    assert speed.mean() > 0.8  # m/s


@pytest.mark.parametrize(
    ("path", "forbidden"),
    [(assets.small_pack(), TEST_SUBJECTS | VAL_SUBJECTS), (assets.small_val_pack(), TEST_SUBJECTS)],
)
def test_packs_hold_whole_clips_of_the_right_people(path: Path, forbidden: set[str]) -> None:
    with np.load(path, allow_pickle=False) as pack:
        joints, seg = pack["joints"], pack["seg"]
        clips = json.loads(str(pack["meta"]))
        assert joints.dtype == np.int16
        assert joints.shape[1:] == (17, 3)
        assert pack["extras"].shape == (len(joints), 9, 3)
        assert pack["root"].shape == (len(joints), 3)
        assert seg[0] == 0
        assert seg[-1] == len(joints)
        assert [clip["n"] for clip in clips] == np.diff(seg).tolist()
        assert "NSF EIA-0196217" in str(pack["readme"])
    subjects = {clip["subject"] for clip in clips}
    assert not subjects & forbidden
    assert len(subjects) >= (3 if forbidden == TEST_SUBJECTS else 20)


def test_a_part_is_the_middle_of_the_full_clip() -> None:
    """Against the full pack, where a checkout has it beside it."""
    full_path = Path(__file__).resolve().parents[4] / "shared" / "data" / "cmu17_train.npz"
    if not full_path.is_file():
        pytest.skip("the full motion pack is not beside this checkout")
    with (
        np.load(full_path, allow_pickle=False) as full,
        np.load(assets.small_pack(), allow_pickle=False) as small,
    ):
        full_clips, small_clips = json.loads(str(full["meta"])), json.loads(str(small["meta"]))
        full_joints, small_joints = full["joints"], small["joints"]
        starts, small_starts = full["seg"], small["seg"]
    for k in (0, 40, 200):
        a, b = full_clips[k], small_clips[k]
        assert a["clip"] == b["clip"]
        skipped = (b["start"] - a["start"]) // a["stride"]
        part = full_joints[starts[k] + skipped : starts[k] + skipped + b["n"]]
        assert np.array_equal(part, small_joints[small_starts[k] : small_starts[k + 1]])


def test_a_damaged_truth_is_named(tmp_path: Path) -> None:
    path = tmp_path / "truth.npz"
    path.write_bytes(b"not a zip file")
    with pytest.raises(InputError, match=r"truth\.npz"):
        assets.SampleTruth.load(path)
