"""Forward kinematics of joint angles, on a tiny pack with a skeleton of straight bones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rtpose.errors import InputError
from rtpose.train.synth.motion import METRES_PER_UNIT, JointAnglePack, rotation_xyz

UNIT = METRES_PER_UNIT
BONES = {  # bone: (parent, direction, length, axis_deg)
    "lhipjoint": ("root", [1, 0, 0], 2.0, [0, 0, 0]),
    "lfemur": ("lhipjoint", [0, -1, 0], 7.0, [0, 0, 0]),
    "ltibia": ("lfemur", [0, -1, 0], 8.0, [0, 0, 0]),
    "lfoot": ("ltibia", [0, 0, 1], 2.0, [0, 90, 0]),
    "ltoes": ("lfoot", [0, 0, 1], 1.0, [0, 0, 0]),
    "rhipjoint": ("root", [-1, 0, 0], 2.0, [0, 0, 0]),
    "rfemur": ("rhipjoint", [0, -1, 0], 7.0, [0, 0, 0]),
    "rtibia": ("rfemur", [0, -1, 0], 8.0, [0, 0, 0]),
    "rfoot": ("rtibia", [0, 0, 1], 2.0, [0, 0, 0]),
    "rtoes": ("rfoot", [0, 0, 1], 1.0, [0, 0, 0]),
    "lclavicle": ("root", [0.6, 0.8, 0], 10.0, [0, 0, 0]),
    "rclavicle": ("root", [-0.6, 0.8, 0], 10.0, [0, 0, 0]),
}


@pytest.fixture
def pack_path(tmp_path: Path) -> Path:
    skeleton = {
        "bones": {b: {"dir": d, "len": n, "axis_deg": a} for b, (_, d, n, a) in BONES.items()},
        "parent": {b: p for b, (p, *_) in BONES.items()},
        "order": list(BONES),
    }
    channels = [["root", ["rx", "ry", "rz"]], ["lfemur", ["rx"]], ["lfoot", ["rx"]]]
    angles = np.zeros((2, 5), np.int16)
    angles[1] = [0, 9000, 0, -9000, 9000]  # turned to the left, left thigh lifted to the front, foot bent
    path = tmp_path / "amc.npz"
    np.savez(
        path,
        angles_cdeg=angles, root_units=np.array([[0, 15, 0], [1, 15, 0]], np.float32),
        seg=np.array([0, 2], np.int32),
        meta=json.dumps([{"clip": "77_01", "subject": "77", "text": "step", "start": 0, "n": 2}]),
        channels=json.dumps(channels), skeletons=json.dumps({"77": skeleton}),
    )  # fmt: skip
    return path


def test_other_files_are_no_packs(tmp_path: Path) -> None:
    np.savez(tmp_path / "places.npz", joints=np.zeros(3))
    (tmp_path / "text.npz").write_text("no archive")
    for name in ("places.npz", "text.npz"):
        with pytest.raises(InputError, match=rf"{name} is not a pack of joint angles"):
            JointAnglePack(tmp_path / name)


def test_rotation_order_is_x_then_y_then_z() -> None:
    turned = rotation_xyz(np.array([90.0, 0.0, 90.0])) @ np.array([0.0, 1.0, 0.0])
    assert np.allclose(turned, [0, 0, 1])  # y -> z about x; z stays about z


def test_kinematics_by_hand(pack_path: Path) -> None:
    pack = JointAnglePack(pack_path)
    motion = pack.motion(pack.find("77_01"))
    assert len(motion) == 2
    assert motion.leg_length == pytest.approx(15 * UNIT)
    assert np.allclose(motion.heading_deg(), [0, 90])
    # Standing: the feet are at height 0 of the recording, the floor is the 5th percentile of the lowest end.
    assert np.allclose(motion.hips - motion.hips[0], [[0, 0, 0], [UNIT, 0, 0]])
    assert motion.hips[0, 1] == pytest.approx(15 * UNIT)
    assert np.allclose(motion.rest_trunk, [0, 8 * UNIT, 0])
    # Facing +x, the thigh points forward, hence to +x.
    assert np.allclose(motion.rotations["lfemur"][1] @ [0, -1, 0], [1, 0, 0], atol=1e-9)
    # The foot's own x axis is -z (axis 90 degrees about y): +90 about it.
    local = motion.rotations["ltibia"][1].T @ motion.rotations["lfoot"][1]
    assert np.allclose(local @ [1, 0, 0], [0, -1, 0], atol=1e-9)


def test_parts_and_turns(pack_path: Path) -> None:
    motion = JointAnglePack(pack_path).motion(0)
    turned = motion.part(1, 2).turned(-90.0)
    assert len(turned) == 1
    assert turned.heading_deg()[0] == pytest.approx(0.0, abs=1e-9)
    assert np.allclose(turned.hips[0], [0, motion.hips[1, 1], motion.hips[1, 0]])


def test_one_frame_is_the_whole_clips(pack_path: Path) -> None:
    whole, one = JointAnglePack(pack_path).motion(0), JointAnglePack(pack_path).motion(0, slice(1, 2))
    assert len(one) == 1
    assert np.allclose(one.hips, whole.hips[1:])
    assert np.allclose(one.rotations["lfoot"], whole.rotations["lfoot"][1:])


def test_bending_a_joint_moves_what_hangs_from_it(pack_path: Path) -> None:
    motion = JointAnglePack(pack_path).motion(0)
    bent = motion.bent({"lfemur": rotation_xyz(np.array([-90.0, 0.0, 0.0]))})
    assert np.allclose(bent.rotations["lfemur"][0] @ [0, -1, 0], [0, 0, 1])  # standing: the thigh points forward
    assert np.allclose(bent.rotations["ltibia"][0] @ [0, -1, 0], [0, 0, 1])  # and the shin stays in line with it
    assert np.allclose(bent.rotations["rfemur"], motion.rotations["rfemur"])
    assert np.allclose(bent.rotations["root"], motion.rotations["root"])


def test_a_limb_of_another_pose(pack_path: Path) -> None:
    motion = JointAnglePack(pack_path).motion(0)
    standing, lifted = motion.part(0, 1), motion.part(1, 2)
    mixed = standing.with_limb_of(lifted, "lfemur")
    assert np.allclose(mixed.rotations["root"], standing.rotations["root"])
    # Lifted to the front of one who faces +x there, of one who faces +z here.
    assert np.allclose(mixed.rotations["lfemur"][0] @ [0, -1, 0], [0, 0, 1], atol=1e-9)


def test_missing_things_are_named(pack_path: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.npz"):
        JointAnglePack(tmp_path / "nothing.npz")
    with pytest.raises(InputError, match="77_02"):
        JointAnglePack(pack_path).find("77_02")
