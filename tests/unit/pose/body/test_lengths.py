"""Bone lengths: learned from noisy joints, settled soon, never in a jump."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moving_bodies import LENGTHS, squatting

from rtpose.bones import BONE_INDEX, BONE_NAMES, joints_of_bones
from rtpose.pose.body.lengths import LengthEstimator, lengths_of_recording
from rtpose.skeleton import RTPOSE28

LIMBS = [BONE_INDEX[name] for name in BONE_NAMES if name.endswith(("Arm", "Leg"))]

LEGS = RTPOSE28.indices("left_knee", "right_knee", "left_foot", "right_foot", "left_toe", "right_toe")


def motion(count: int, noise_m: float, seed: int, size: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    joints = np.stack([joints_of_bones(squatting(t / 30), size * LENGTHS) for t in range(count)])
    return joints + noise_m * rng.normal(size=joints.shape)


@given(st.integers(0, 1000), st.sampled_from([0.8, 1.0, 1.2]))
@settings(max_examples=10, deadline=None)
def test_lengths_are_found_whatever_the_size(seed: int, size: float):
    found = lengths_of_recording(motion(150, 0.02, seed, size), np.full((150, 28), 0.06))
    np.testing.assert_allclose(found[LIMBS], size * LENGTHS[LIMBS], rtol=0.07)


@given(st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_lengths_settle_and_never_jump(seed: int):
    estimator = LengthEstimator()
    lengths = np.stack([estimator.update(frame, np.full(28, 0.06), 1 / 30) for frame in motion(180, 0.05, seed)])
    assert np.abs(np.diff(np.log(lengths), axis=0)).max() < 0.01
    settled = lengths[60:]
    assert (settled.std(0) / settled.mean(0)).max() < 0.005
    assert np.ptp(lengths[0]) > 0


@pytest.mark.parametrize("fps", [10, 30])
def test_a_first_frame_that_is_wrong_is_soon_forgotten(fps: int):
    """Of somebody who comes in by halves, the first legs are too short, and the lifter is not sure of them."""
    estimator = LengthEstimator()
    for t in range(2 * fps):
        joints = joints_of_bones(squatting(t / fps), LENGTHS)
        if t == 0:
            joints[list(LEGS)] *= 0.75
        lengths = estimator.update(joints, np.full(28, 0.15 if t == 0 else 0.06), 1 / fps)
    np.testing.assert_allclose(lengths[LIMBS], LENGTHS[LIMBS], rtol=0.12)


@pytest.mark.parametrize("fps", [10, 30])
def test_settled_lengths_hardly_follow_what_looks_larger(fps: int):
    """After 4 s the person looks a tenth larger for 20 s."""
    estimator, lengths = LengthEstimator(), []
    for t in range(24 * fps):
        joints = joints_of_bones(squatting(t / fps), (1.0 if t < 4 * fps else 1.1) * LENGTHS)
        lengths.append(estimator.update(joints, np.full(28, 0.06), 1 / fps))
    settled = np.stack(lengths[2 * fps + 1 :])
    assert (settled.std(0) / settled.mean(0)).max() < 0.005
    assert np.abs(np.diff(np.log(lengths), axis=0)).max() < 0.006


def test_left_and_right_are_alike_and_unknown_joints_do_no_harm():
    estimator = LengthEstimator()
    joints = motion(1, 0.05, 0)[0]
    joints[17:] = np.nan
    lengths = estimator.update(joints, np.full(28, 0.06), 0.0)
    assert np.isfinite(lengths).all()
    for name in BONE_NAMES:
        if name.startswith("left"):
            assert lengths[BONE_INDEX[name]] == lengths[BONE_INDEX[name.replace("left", "right")]]


def test_hidden_forearms_are_as_long_as_the_lifter_makes_them_of_others():
    """The detector's forearms are longer, beside its thighs, than those between the joints of a body model (0.59)."""
    estimator, joints = LengthEstimator(), motion(1, 0.0, 0)[0]
    hidden = RTPOSE28.indices(
        *(f"{side}_{joint}" for side in ("left", "right") for joint in ("wrist", "index", "pinky"))
    )
    joints[list(hidden)] = np.nan
    for _ in range(30):
        lengths = estimator.update(joints, np.full(28, 0.06), 1 / 30)
    assert 0.63 < lengths[BONE_INDEX["leftLowerArm"]] / lengths[BONE_INDEX["leftUpperLeg"]] < 0.72
