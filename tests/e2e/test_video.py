"""`rtpose video` and `rtpose demo` on real input: the files that they leave, and what people see in them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from clips import count_frames, read_clip, write_clip
from command import rtpose, running, size_of, wait_until
from recording import Recording

from rtpose.assets import SampleTruth, sample_clip

SAMPLE_FRAMES = 180
POSIX = pytest.mark.skipif(os.name != "posix", reason="Windows has no such signals between processes")
CONTRACT = Path(__file__).parents[3] / "shared" / "contract" / "check_npz.py"

CLIPS = {
    "tfjs_pose_squats.mp4": 65,
    "tfjs_pose_1.mp4": 120,
    "tfjs_pose.jpg": 1,
    "mmpose_demo.mp4": 5,
    "mmpose_coco_000000000785.jpg": 1,
}
"""Clips of ../shared/media in which a person is always there, and their frames."""
INTEL_START, INTEL_STOP, INTEL_EMPTY, INTEL_FULL = 30, 130, 20, 60
"""The intel clip has 1394 frames, many without anybody. One stretch is enough: of these frames the first 20
show an empty room, and in the last 60 somebody walks in it."""


def names_and_rows(file: Path) -> Recording:
    """The recording, with what is true of every one checked."""
    recording = Recording(file)
    arrays = recording.arrays
    rows, people = arrays["track_ids"].shape
    shapes = {
        "poses_3d": (rows, people, 28, 3), "root_3d": (rows, people, 3), "confidence": (rows, people, 28),
        "keypoints_2d": (rows, people, 28, 3), "timestamps_s": (rows,), "frame_ids": (rows,),
        "joint_names": (28,), "parents": (28,), "image_size": (2,), "camera": (4,), "meta": (),
        "rotations": (rows, people, 19, 4), "bone_lengths": (people, 19), "contacts": (rows, people, 4),
        "world_from_camera": (rows, 4, 4), "bone_names": (19,), "bone_parents": (19,),
    }  # fmt: skip
    assert {key: arrays[key].shape for key in shapes} == shapes
    assert set(arrays) == {*shapes, "track_ids"}
    assert (np.diff(arrays["timestamps_s"]) > 0).all()
    assert np.array_equal(np.isfinite(arrays["root_3d"]).all(2), arrays["track_ids"] >= 0)
    scores = arrays["confidence"][arrays["track_ids"] >= 0]
    assert ((scores >= 0) & (scores <= 1)).all()
    assert recording.meta["axes"] == "camera: x right, y down, z away from the camera"
    assert recording.meta["units"] == "metres"
    assert {"format", "rtpose", "source", "fps", "estimator", "weights_sha256", "smoothing"} <= set(recording.meta)
    height, view, *ground = recording.meta["assumptions"]
    assert ("standing height" in height, "field of view" in view) == (True, True)
    assert [line.split(":")[0] for line in ground] == ["gravity", "floor"]
    return recording


def check_contract(file: Path, frames: int, least_share: float) -> None:
    """The check of the shared contract, where it is there."""
    if CONTRACT.is_file():
        run = subprocess.run(
            [sys.executable, str(CONTRACT), str(file), str(frames), str(least_share)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert run.returncode == 0, run.stderr


@pytest.mark.slow
def test_sample(sample_poses: Path) -> None:
    recording = names_and_rows(sample_poses / "poses.npz")
    truth = SampleTruth.load()
    assert len(recording) == SAMPLE_FRAMES
    assert recording.seen.mean() >= 0.95
    assert recording.arrays["frame_ids"].tolist() == list(range(SAMPLE_FRAMES))
    np.testing.assert_allclose(recording.arrays["timestamps_s"], truth.timestamps_s, atol=1e-3)
    assert len(set(recording.arrays["track_ids"][recording.seen, 0].tolist())) == 1, "one person, one id"
    # 2D joints lie where they are, in pixels of the original picture …
    seen = recording.arrays["keypoints_2d"][:, 0, : truth.joints_2d.shape[1], :2]  # the truth's joints come first
    off = np.linalg.norm(seen - truth.joints_2d, axis=2)
    assert np.nanmedian(off) < 0.03 * truth.image_size[1]
    # … and 3D joints project onto them through the camera of the file.
    fx, fy, cx, cy = recording.arrays["camera"]
    points = recording.arrays["poses_3d"] + recording.arrays["root_3d"][:, :, None]
    pixels = np.stack([fx * points[..., 0], fy * points[..., 1]], -1) / points[..., 2:] + [cx, cy]
    off = np.linalg.norm(pixels - recording.arrays["keypoints_2d"][..., :2], axis=3)
    assert np.nanmedian(off) < 0.02 * truth.image_size[1]
    check_contract(sample_poses / "poses.npz", SAMPLE_FRAMES, 0.95)


def test_overlay(sample_poses: Path) -> None:
    drawn = read_clip(sample_poses / "overlay.mp4")
    clip = read_clip(sample_clip())
    assert len(drawn) == SAMPLE_FRAMES
    assert drawn[0].shape == clip[0].shape
    # Where the person's joints are, something was drawn; in the corners the room is as it was.
    change = np.abs(drawn[90].astype(int) - clip[90]).max(2)
    joints = SampleTruth.load().joints_2d[90].astype(int)
    assert np.median(change[joints[:, 1], joints[:, 0]]) > 40
    assert np.median(change[:60, :60]) < 10


@pytest.mark.slow
def test_demo_prints_its_error(tmp_path: Path) -> None:
    run = rtpose("demo", "--once", "--no-browser", "--port", "0", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert not run.stderr
    said = re.search(
        r"MPJPE (\d+) mm, P-MPJPE (\d+) mm, .* (\d+) cm, 2D ([\d.]+) %.* in (\d+) of 180 frames", run.stdout
    )
    assert said, run.stdout
    mpjpe_mm, p_mpjpe_mm, _, pixels, found = map(float, said.groups())
    assert found >= 0.95 * SAMPLE_FRAMES
    assert pixels < 4
    assert p_mpjpe_mm <= mpjpe_mm < 130, "a lifter that gives no depth at all errs by 183"
    assert p_mpjpe_mm < 90, "without any depth it is 115"
    assert f"{SAMPLE_FRAMES} frames" in run.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def media_poses(media: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the poses and overlays of all real clips, made by one command."""
    folder = tmp_path_factory.mktemp("media")
    stretch = read_clip(media / "intel_one_by_one_person.mp4", INTEL_START, INTEL_STOP)
    inputs = [write_clip(folder / "intel.mp4", stretch, fps=10), *(media / name for name in CLIPS)]
    run = rtpose("video", *inputs, "--out", "poses", "--overlay", "drawn", "--quiet", cwd=folder)
    assert run.returncode == 0, run.stderr
    assert not run.stderr
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", CLIPS)
def test_real_clips(name: str, media_poses: Path) -> None:
    stem = Path(name).stem
    recording = names_and_rows(media_poses / "poses" / f"{stem}.npz")
    assert len(recording) == CLIPS[name]
    assert recording.seen.mean() >= 0.95
    assert count_frames(media_poses / "drawn" / f"{stem}.mp4") == CLIPS[name]
    for key in ("poses_3d", "keypoints_2d"):  # y points down in both
        assert recording.median("left_foot", "head", 1, key) > 0
        assert recording.median("right_foot", "head", 1, key) > 0
    if "tfjs" in name:  # whole, upright people
        check_contract(media_poses / "poses" / f"{stem}.npz", CLIPS[name], 0.95)


@pytest.mark.slow
def test_four_of_the_five_people_in_a_street(media: Path, tmp_path: Path) -> None:
    """One is near and cut off by the picture, three are small."""
    run = rtpose("video", media / "mmpose_demo.mp4", "--persons", "5", "--out", "poses.npz", "--quiet", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    recording = Recording(tmp_path / "poses.npz")
    assert (np.isfinite(recording.arrays["root_3d"]).all(2).sum(1) >= 4).all()


@pytest.mark.slow
def test_empty_room_and_then_somebody(media_poses: Path) -> None:
    recording = names_and_rows(media_poses / "poses" / "intel.npz")
    assert len(recording) == INTEL_STOP - INTEL_START
    assert not recording.seen[:INTEL_EMPTY].any()
    assert (recording.arrays["track_ids"][:INTEL_EMPTY] == -1).all()
    assert recording.seen[-INTEL_FULL:].mean() >= 0.95
    assert recording.median("right_foot", "head", 1) > 1


def test_facing_the_camera(media_poses: Path) -> None:
    """A woman who squats; she looks past the camera, turned a little to her own left."""
    recording = Recording(media_poses / "poses" / "tfjs_pose_squats.npz")
    # Her left is at the right of the picture.
    for joint in ("shoulder", "hip", "knee", "foot"):
        for key in ("poses_3d", "keypoints_2d"):
            assert recording.median(f"left_{joint}", f"right_{joint}", 0, key) > 0, joint
    # Up is up: y points down.
    for upper, lower in (("head", "thorax"), ("thorax", "root"), ("root", "left_knee"), ("root", "right_knee")):
        assert recording.median(lower, upper, 1) > 0.1, (upper, lower)
    # Depth faces the right way. By her turn the right side is the nearer one …
    for joint in ("shoulder", "hip"):
        assert recording.median(f"left_{joint}", f"right_{joint}", 2) > 0.05, joint
    # … the ears are in front of the shoulders, as they are on people who look ahead …
    assert recording.median("thorax", "head", 2) > 0.01
    # … and who squats has the knees in front of the hips.
    foot_y = (recording.joint("left_foot")[:, 1] + recording.joint("right_foot")[:, 1]) / 2
    knee_z = (recording.joint("left_knee")[:, 2] + recording.joint("right_knee")[:, 2]) / 2
    assert np.median(knee_z[foot_y <= np.quantile(foot_y, 0.25)]) < -0.15


@pytest.mark.slow
@POSIX
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)])
def test_a_signal_finishes_the_files(number: int, long_clip: Path, tmp_path: Path) -> None:
    with running(
        "video", long_clip, "--out", "poses.npz", "--overlay", "drawn.mp4", "--view", "--no-browser", "--port", "0",
        cwd=tmp_path,
    ) as command:  # fmt: skip
        command.page()
        wait_until(lambda: any(map(size_of, tmp_path.glob("drawn.mp4.*.part"))), "frames in the overlay")
        assert command.end(number) == 130
        assert re.search(r"\d+ frames in .* -> poses.npz", "".join(command.stdout))
        assert "Traceback" not in "".join(command.stderr)
    assert {file.name for file in tmp_path.iterdir()} == {"poses.npz", "drawn.mp4"}
    recording = names_and_rows(tmp_path / "poses.npz")
    assert 10 < len(recording) < 100 * SAMPLE_FRAMES
    assert recording.seen.mean() >= 0.95
    assert count_frames(tmp_path / "drawn.mp4") == len(recording)


def test_help_reads_well(tmp_path: Path) -> None:
    run = rtpose("--help", cwd=tmp_path)
    assert run.returncode == 0
    for command in ("demo", "webcam", "video", "view", "models", "train"):
        assert re.search(rf"\b{command} .*\w", run.stdout), command
