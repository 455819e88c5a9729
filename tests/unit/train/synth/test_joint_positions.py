"""Rotations of bones from joint positions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rtpose.errors import InputError
from rtpose.train.data.motion_pack import PACK_JOINTS
from rtpose.train.synth.joint_positions import JointPositionPack, rotations_of
from rtpose.train.synth.motion import JointAnglePack, rotation_xyz

DATA = Path(__file__).resolve().parents[5] / "shared" / "data"
STANDING = {  # facing +z, arms hanging, in metres from the hips
    "hip": (0, 0, 0), "spine": (0, 0.21, -0.057), "thorax": (0, 0.49, -0.052), "neck_nose": (0, 0.6, -0.052),
    "head": (0, 0.7, -0.052),
    "lhip": (0.09, 0, 0), "lknee": (0.09, -0.42, 0), "lankle": (0.09, -0.84, 0), "lfoot": (0.09, -0.86, 0.1),
    "lshoulder": (0.18, 0.5, -0.05), "lelbow": (0.18, 0.2, -0.05), "lwrist": (0.18, -0.05, -0.05),
    "lhand": (0.18, -0.1, -0.05),
}  # fmt: skip


def standing() -> dict[str, np.ndarray]:
    """Joint -> (1, 3)."""
    out = {name: np.array([place], float) for name, place in STANDING.items()}
    mirrored = {f"r{name[1:]}": at * [-1, 1, 1] for name, at in out.items() if name[0] == "l"}
    return out | mirrored


def test_standing_turns_nothing_but_the_arms() -> None:
    turned = rotations_of(standing())
    for bone in ("root", "lowerback", "thorax", "head", "lfemur", "rtibia"):
        assert np.allclose(turned[bone], np.eye(3), atol=0.02), bone
    assert np.allclose(turned["lhumerus"][0] @ [1, 0, 0], [0, -1, 0], atol=1e-6)
    assert np.allclose(turned["rhumerus"][0] @ [-1, 0, 0], [0, -1, 0], atol=1e-6)
    assert np.allclose(turned["lhumerus"][0] @ [0, 0, 1], [0, 0, 1], atol=0.02)  # not turned about itself


def test_a_turned_body_turns_every_bone() -> None:
    turn = rotation_xyz(np.array([20.0, -75.0, 10.0]))
    plain = rotations_of(standing())
    for bone, rotation in rotations_of({name: at @ turn.T for name, at in standing().items()}).items():
        assert np.allclose(rotation, turn @ plain[bone], atol=1e-9), bone


def test_bent_limbs_say_how_they_are_turned() -> None:
    at = standing()
    at["lankle"] = at["lknee"] + [[0.42, 0, 0]]  # the shin points to the left: the knee is turned to the right
    at["lfoot"] = at["lankle"] + [[0, 0, 0.1]]
    turned = rotations_of(at)
    assert np.allclose(turned["lfemur"][0] @ [1, 0, 0], [0, 0, 1], atol=1e-6)
    at["lwrist"] = at["lelbow"] + [[-0.25, 0, 0]]  # the forearm lies across the body
    turned = rotations_of(at)
    assert np.allclose(turned["lhumerus"][0] @ [0, 0, 1], [-1, 0, 0], atol=1e-6)
    assert np.allclose(turned["lradius"][0] @ [1, 0, 0], [-1, 0, 0], atol=1e-6)


def pack_file(path: Path) -> Path:
    places = np.stack([standing()[n][0] for n in (*PACK_JOINTS, "lfoot", "rfoot", "lhand", "rhand")])
    frames = np.rint(np.tile(places, (6, 1, 1)) * 1e4).astype(np.int16)
    np.savez(
        path,
        joints=frames[:, :17], extras=frames[:, 17:],
        root=np.tile(np.float32([0, 900, 0]), (6, 1)) + np.arange(6, dtype=np.float32)[:, None],
        seg=np.array([0, 2, 6], np.int32), joint_names=np.array(PACK_JOINTS),
        extra_names=np.array(["lfoot_end", "rfoot_end", "lhand_end", "rhand_end"]),
        meta=json.dumps(
            [{"clip": f"01_0{k}", "subject": "01", "text": "t", "start": 0, "n": n} for k, n in ((1, 2), (2, 4))]
        ),
    )  # fmt: skip
    return path


def test_a_pack_is_read(tmp_path: Path) -> None:
    pack = JointPositionPack(pack_file(tmp_path / "pack.npz"))
    motion = pack.motion(1, slice(1, 4, 2))
    assert len(motion) == 2
    assert motion.name == "01_02+0"
    assert motion.subject == "01"
    assert np.allclose(motion.hips, [[0.003, 0.903, 0.003], [0.005, 0.905, 0.005]])
    assert motion.leg_length == pytest.approx(0.84)
    assert np.abs(motion.lowest).max() < 0.05
    assert set(motion.rotations) <= {"root", *motion.rest_directions}


def test_other_files_are_no_packs(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no motion pack none\.npz|none\.npz: name"):
        JointPositionPack(tmp_path / "none.npz")
    with np.load(pack_file(tmp_path / "pack.npz")) as file:
        arrays = dict(file)
    arrays["joint_names"] = np.where(arrays["joint_names"] == "lknee", "tail", arrays["joint_names"])
    np.savez(tmp_path / "tail.npz", **arrays)
    with pytest.raises(InputError, match=r"tail\.npz lacks the joints lknee"):
        JointPositionPack(tmp_path / "tail.npz")
    np.savez(tmp_path / "other.npz", joints=np.zeros(3))
    with pytest.raises(InputError, match=r"other\.npz is not a pack of joint positions"):
        JointPositionPack(tmp_path / "other.npz")


def test_it_agrees_with_the_joint_angles_of_the_same_motion() -> None:
    if not (DATA / "cmu17_train.npz").is_file():
        pytest.skip("the motion packs are not beside this checkout")
    angles, places = JointAnglePack(DATA / "cmu_amc30_train.npz"), JointPositionPack(DATA / "cmu17_train.npz")
    number = next(i for i, c in enumerate(places.clips) if (c["clip"], c["start"]) == ("01_01", 0))
    exact, made = angles.motion(angles.find("01_01")), places.motion(number)
    assert np.abs(exact.hips - made.hips).max() < 0.2
    for bone in ("lfemur", "rtibia", "lhumerus", "rradius", "lhand", "rfoot"):
        a, b = (m.rotations[bone] @ m.rest_directions[bone] for m in (exact, made))
        assert np.median((a * b).sum(-1)) > 0.99, bone
    for bone, limit_deg in (("thorax", 10), ("root", 20), ("lfemur", 35), ("lhumerus", 45)):
        between = np.swapaxes(exact.rotations[bone], 1, 2) @ made.rotations[bone]
        turn = np.degrees(np.arccos(np.clip((np.trace(between, axis1=1, axis2=2) - 1) / 2, -1, 1)))
        assert np.median(turn) < limit_deg, bone
