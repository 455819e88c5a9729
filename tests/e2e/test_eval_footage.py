"""Footage made of the built-in clip, whose truth is known, through the real command."""

import json
from pathlib import Path

import numpy as np
import pytest
from command import rtpose, rtpose_process
from footage_files import write_set

from rtpose.assets import SampleTruth, sample_clip
from rtpose.cli import footage_methods
from rtpose.cli.footage_methods import gather, method_of
from rtpose.config import RunSettings
from rtpose.footage.sets import JOINTS, load_set
from rtpose.skeleton import H36M17
from rtpose.types import Person3D

FRAMES = 40


def person(track_id: int, x_m: float) -> Person3D:
    pose = np.full((17, 3), x_m, np.float32)
    return Person3D(
        track_id, np.zeros(4, np.float32), np.zeros((17, 3), np.float32), pose, np.zeros(3, np.float32),
        np.full(17, 0.5, np.float32),
    )  # fmt: skip


def test_frames_without_somebody_stay_empty() -> None:
    people = gather({1: [person(4, 0.1), person(2, 0.2)], 3: [person(2, 0.3)], 9: [person(5, 0.4)]}, 4, 2)
    assert people.ids.tolist() == [[-1, -1], [4, 2], [-1, -1], [2, -1]]
    assert people.poses[3, 0] == pytest.approx(np.full((12, 3), 0.3))
    assert np.isnan(people.poses[0]).all()


def test_a_clip_that_was_stopped_is_not_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stopped(footage_methods.Session):
        def run(self, *_: object, **__: object) -> None:  # type: ignore[override]
            self.stop()

    monkeypatch.setattr(footage_methods, "Session", Stopped)
    monkeypatch.setattr(footage_methods, "open_source", str)
    footage = load_set(write_set(tmp_path / "set"))
    with pytest.raises(KeyboardInterrupt):
        method_of(RunSettings())(footage, footage.cameras[0])


@pytest.mark.slow
def test_the_command_judges_the_whole_program(tmp_path: Path) -> None:
    truth = SampleTruth.load()
    joints = truth.joints_3d[:FRAMES, H36M17.indices(*JOINTS)]
    camera = {
        "world12": joints, "valid_joints": np.ones(joints.shape[:2], bool), "K": np.eye(3)[None], "R": np.eye(3)[None],
        "T": np.zeros((1, 3)), "dist": np.zeros((1, 5)),
    }  # fmt: skip
    # The peer is the truth itself, a tenth too large.
    landmarks = np.zeros((1, FRAMES, 33, 3))
    landmarks[0][:, [24, 26, 28, 23, 25, 27, 11, 13, 15, 12, 14, 16]] = 1.1 * joints
    folder = write_set(tmp_path / "sample", people=1, mediapipe_world=landmarks, mediapipe_2d=landmarks, **camera)
    (folder / "cam01.mp4").write_bytes(sample_clip().read_bytes())
    done = rtpose(
        "eval", "--footage", folder, "--lifter", "fusion", "--lifter", "svmac", "--peer", "mediapipe",
        "--json", "errors.json", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "of mediapipe's error" in done.stdout
    rows = {row["method"]: row for row in json.loads((tmp_path / "errors.json").read_text())}
    assert set(rows) == {"mediapipe", "fusion", "svmac"}
    assert rows["mediapipe"]["p_mpjpe"] == pytest.approx(0, abs=1e-3)
    assert rows["mediapipe"]["scale"] == pytest.approx(1.1)
    assert 40 < rows["fusion"]["p_mpjpe"] < rows["svmac"]["p_mpjpe"] < 200
    assert rows["fusion"]["found"] > 0.9
    assert rows["fusion"]["frames"] == rows["svmac"]["frames"]


@pytest.mark.slow
def test_rendered_people_are_a_set_of_their_own(tmp_path: Path) -> None:
    truth = SampleTruth.load()
    joints = truth.joints_3d[:FRAMES, H36M17.indices(*JOINTS)]
    camera = {
        "world12": joints, "valid_joints": np.ones(joints.shape[:2], bool), "K": np.eye(3)[None], "R": np.eye(3)[None],
        "T": np.zeros((1, 3)), "dist": np.zeros((1, 5)), "mediapipe_world": None, "mediapipe_2d": None,
    }  # fmt: skip
    for name in ("real/room", "drawn/clip-0"):
        (write_set(tmp_path / name, people=1, **camera) / "cam01.mp4").write_bytes(sample_clip().read_bytes())
    done = rtpose(
        "eval", "--footage", "real", "--footage", "rendered:drawn", "--network", "full", "--json", "errors.json",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "errors.json").read_text())
    assert [row["set"] for row in rows] == ["room", "rendered:drawn"]
    assert rows[0]["p_mpjpe"] == pytest.approx(rows[1]["p_mpjpe"])
    # A row for each clip, their means, and the mean over real sets, which is the room's.
    lines = [line for line in done.stdout.splitlines() if "full" in line and "│" in line]
    assert [line.split("│")[1].strip() for line in lines[:5]] == [
        "room", "rendered:drawn", "room", "rendered:drawn", "sets with whole people",
    ]  # fmt: skip


def test_what_does_not_go_together(tmp_path: Path) -> None:
    nothing = rtpose_process("eval", cwd=tmp_path)
    assert (nothing.returncode, "name a lifter, or a folder with --footage" in nothing.stderr) == (2, True)
    mixed = rtpose("eval", "svmac", "--peer", "mediapipe", cwd=tmp_path)
    assert (mixed.returncode, "go with --footage" in mixed.stderr) == (2, True)
    empty = rtpose("eval", "--footage", tmp_path, cwd=tmp_path)
    assert (empty.returncode, "holds no footage with ground truth" in empty.stderr) == (2, True)
