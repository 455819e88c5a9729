"""Knees of people who stand are straightened a little, and nothing else of them changes."""

import numpy as np
import pytest

from rtpose.pose.lift.fusion_codec import JOINTS
from rtpose.pose.lift.fusion_knees import with_straighter_knees
from rtpose.skeleton import RTPOSE28

_AT = {
    "hip": (0.1, 0, 0), "thorax": (0, -0.5, 0), "spine": (0, -0.25, 0), "neck_base": (0, -0.55, 0),
    "head": (0, -0.7, 0), "nose": (0, -0.68, -0.1), "ear": (0.07, -0.7, 0), "shoulder": (0.18, -0.48, 0),
    "elbow": (0.2, -0.2, 0), "wrist": (0.2, 0.05, 0), "index": (0.2, 0.12, 0), "pinky": (0.2, 0.12, 0),
}  # fmt: skip
THIGH, SHIN = 0.42, 0.40


def with_knees(left_deg: float, right_deg: float, thigh_deg: float = 0.0) -> np.ndarray:
    """(28, 3), camera axes, level camera: somebody whose ankles are below their hips. thigh_deg: the left leg is raised
    forwards by as much."""
    pose = np.zeros((28, 3), np.float32)
    for i, joint in enumerate(JOINTS):
        for part, (x, y, z) in _AT.items():
            if joint.endswith(part):
                pose[i] = (-x if joint.startswith("right") else x, y, z)
    for side, degrees, raised in (("left", left_deg, thigh_deg), ("right", right_deg, 0.0)):
        hip = pose[JOINTS.index(f"{side}_hip")]
        a = np.radians(degrees * SHIN / (THIGH + SHIN) + raised)
        b = a - np.radians(degrees)
        knee = hip + THIGH * np.array([0, np.cos(a), -np.sin(a)])
        foot = knee + SHIN * np.array([0, np.cos(b), -np.sin(b)])
        pose[JOINTS.index(f"{side}_knee")], pose[JOINTS.index(f"{side}_foot")] = knee, foot
        pose[JOINTS.index(f"{side}_heel")] = foot + np.array([0, 0.05, 0.05])
        pose[JOINTS.index(f"{side}_toe")] = foot + np.array([0, 0.07, -0.14])
    return pose


def bends(pose: np.ndarray) -> list[float]:
    out = []
    for side in ("left", "right"):
        hip, knee, foot = (pose[JOINTS.index(f"{side}_{joint}")] for joint in ("hip", "knee", "foot"))
        a, b = knee - hip, foot - knee
        out.append(float(np.degrees(np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b)))))
    return out


@pytest.mark.parametrize(("was", "becomes"), [(0, 0), (6, 0), (15, 10), (21, 18), (30, 30), (90, 90)])
def test_a_knee_of_somebody_upright(was: float, becomes: float) -> None:
    """30 degrees stay; below, a third of what is missing to 30 is taken away."""
    pose = with_knees(was, 15)
    assert bends(with_straighter_knees(pose[None])[0]) == pytest.approx([becomes if was < 30 else was, 10], abs=0.6)


def test_lengths_and_directions_stay() -> None:
    pose = with_knees(12, 20)
    out = with_straighter_knees(pose[None])[0]
    for a, b in (("hip", "knee"), ("knee", "foot"), ("foot", "heel"), ("foot", "toe"), ("heel", "toe")):
        for side in ("left", "right"):
            one, other = RTPOSE28.index_of[f"{side}_{a}"], RTPOSE28.index_of[f"{side}_{b}"]
            assert np.linalg.norm(out[one] - out[other]) == pytest.approx(
                np.linalg.norm(pose[one] - pose[other]), abs=1e-5
            )
    legs = [i for i, joint in enumerate(JOINTS) if joint.endswith(("knee", "foot", "heel", "toe"))]
    rest = [i for i in range(28) if i not in legs]
    assert np.array_equal(out[rest], pose[rest])
    assert 0.002 < np.linalg.norm(out[legs] - pose[legs], axis=-1).max() < 0.03


def test_a_leg_in_the_air_stays_bent() -> None:
    pose = with_knees(15, 15, thigh_deg=60)
    assert bends(with_straighter_knees(pose[None])[0]) == pytest.approx([15, 15], abs=0.1)


def test_nobody() -> None:
    assert with_straighter_knees(np.zeros((0, 28, 3), np.float32)).shape == (0, 28, 3)
