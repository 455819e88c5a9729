"""Contacts of somebody who walks on the spot: a foot that stands, one that swings."""

import numpy as np
import pytest

from rtpose.pose.body.contacts import PRIOR, ContactEstimator, presumed
from rtpose.skeleton import RTPOSE28
from rtpose.types import Person3D

DOWN = np.array([0, 1, 0])
AT = RTPOSE28.index_of


def standing(left_up_m: float = 0.0, left_forward_m: float = 0.0, depth_m: float = 4.0) -> np.ndarray:
    joints = np.full((28, 3), np.nan)
    joints[AT["root"]] = 0, 0.6, depth_m
    joints[AT["head"]] = 0, -0.1, depth_m
    for side, x in (("left", 0.1), ("right", -0.1)):
        lift, forward = (left_up_m, left_forward_m) if side == "left" else (0.0, 0.0)
        for joint, y in (("hip", 0.6), ("knee", 1.03), ("foot", 1.44), ("heel", 1.5), ("toe", 1.51)):
            joints[AT[f"{side}_{joint}"]] = x + (0 if joint == "hip" else forward), y - lift, depth_m
    return joints * (depth_m / joints[:, 2:])  # the same picture at every depth


def sure() -> np.ndarray:
    return np.full(28, 0.9)


@pytest.mark.parametrize("fps", [6, 15, 30, 60])
@pytest.mark.parametrize("down", [DOWN, None])
def test_a_standing_foot_stands_and_a_lifted_one_does_not(fps: int, down: np.ndarray | None) -> None:
    contacts = ContactEstimator()
    for frame in range(2 * fps):
        t_s = frame / fps
        out = contacts.update(0, standing(0.3 + 0.1 * np.sin(6 * t_s), 0.2 * np.sin(6 * t_s)), sure(), down, t_s)
    assert (out[:2] < 0.2).all()
    assert (out[2:] > 0.8).all()


@pytest.mark.parametrize("fps", [6, 15, 30, 60])
def test_it_answers_within_a_third_of_a_second(fps: int) -> None:
    """A foot is put down and lifted again; the answer comes as fast at every rate."""
    contacts = ContactEstimator()
    for frame in range(4 * fps + 1):
        t_s = frame / fps
        up = 0.0 if 1 < t_s <= 3 else 0.3
        out = contacts.update(0, standing(up, 0.3 * np.sin(8 * t_s) if up else 0), sure(), DOWN, t_s)
        if 1.7 < t_s <= 3:
            assert out[0] > 0.5, t_s
        if t_s <= 1 or t_s > 3.4:
            assert out[0] < 0.5 or t_s < 0.4, t_s


def test_trembling_depth_of_the_whole_person_is_no_motion() -> None:
    contacts = ContactEstimator()
    rng = np.random.default_rng(3)
    for frame in range(60):
        out = contacts.update(0, standing() * (1 + 0.03 * rng.normal()), sure(), DOWN, frame / 30)
    assert (out > 0.8).all()


def test_a_slide_across_the_floor_is_no_contact() -> None:
    contacts = ContactEstimator()
    for frame in range(60):
        out = contacts.update(0, standing() + np.array([0.04 * frame, 0, 0]), sure(), DOWN, frame / 30)
    assert (out < 0.3).all()


def test_size_does_not_matter() -> None:
    """A child twice as near in the same picture has the same contacts: only pictures are known."""
    big, small = ContactEstimator(), ContactEstimator()
    for frame in range(40):
        joints = standing(0.05 * abs(np.sin(frame / 4)), 0.1 * np.sin(frame / 4))
        a = big.update(0, joints, sure(), DOWN, frame / 30)
        b = small.update(0, joints * 0.7, sure(), DOWN, frame / 30)
    assert np.allclose(a, b, atol=0.02)


def test_missing_joints_say_nothing_and_fade() -> None:
    contacts = ContactEstimator()
    for frame in range(30):
        before = contacts.update(0, standing(), sure(), DOWN, frame / 30)
    hidden = standing()
    hidden[[AT["left_heel"], AT["left_toe"]]] = np.nan
    for frame in range(30, 60):
        out = contacts.update(0, hidden, sure(), DOWN, frame / 30)
    assert np.isfinite(out).all()
    assert out[0] == pytest.approx(PRIOR, abs=0.05)
    assert before[0] > 0.8
    assert out[2] > 0.8
    nothing = contacts.update(0, np.full((28, 3), np.nan), np.zeros(28), None, 2.1)
    assert np.isfinite(nothing).all()


def test_a_gap_and_a_step_back_start_anew() -> None:
    contacts = ContactEstimator()
    for frame in range(30):
        contacts.update(0, standing(), sure(), DOWN, frame / 30)
    assert contacts.update(0, standing(), sure(), DOWN, 5.0) == pytest.approx([PRIOR] * 4)
    assert contacts.update(0, standing(), sure(), DOWN, 1.0) == pytest.approx([PRIOR] * 4)
    contacts.reset()
    assert contacts.update(0, standing(), sure(), DOWN, 1.1) == pytest.approx([PRIOR] * 4)


def test_people_are_remembered_apart() -> None:
    contacts = ContactEstimator()
    for frame in range(30):
        t_s = frame / 30
        stands = contacts.update(0, standing(), sure(), DOWN, t_s)
        slides = contacts.update(1, standing() + np.array([0.05 * frame, 0, 0]), sure(), DOWN, t_s)
    assert (stands > 0.8).all()
    assert (slides < 0.3).all()


def test_at_first_sight_the_low_foot_stands_and_a_raised_one_does_not() -> None:
    someone = Person3D(
        track_id=0, bbox=np.zeros(4, np.float32), keypoints_2d=np.full((28, 3), 0.9, np.float32),
        pose_3d=standing(0.1).astype(np.float32), root_3d=np.zeros(3, np.float32),
        confidence=np.full(28, 0.9, np.float32),
    )  # fmt: skip
    assert presumed(someone, DOWN).tolist() == presumed(someone, None).tolist() == [0, 0, 1, 1]
    someone.keypoints_2d[list(RTPOSE28.indices("right_heel", "right_toe")), 2] = 0.1
    assert presumed(someone, DOWN).tolist() == [1, 1, 0, 0]  # the other one is hidden
    someone.keypoints_2d[:, 2] = 0.1
    assert presumed(someone, DOWN).tolist() == [0, 0, 0, 0]
