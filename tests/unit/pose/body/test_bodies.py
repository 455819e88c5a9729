"""`Bodies` frame by frame, and the second pass over a clip."""

from dataclasses import replace

import numpy as np
import pytest
from moving_bodies import CAMERA, LENGTHS, squatting, standing_person

from rtpose.bones import joints_of_bones, rotations_from_wxyz
from rtpose.config import CorrectionSettings
from rtpose.pose.body.bodies import Bodies
from rtpose.pose.body.evidence import SteadyRays, with_lengths
from rtpose.pose.body.fit import FEET
from rtpose.pose.body.offline import ClipFrame, fit_clip
from rtpose.skeleton import RTPOSE28
from rtpose.types import Person3D

FPS = 30


def squats(count: int = 90, depth_noise_m: float = 0.0) -> list[Person3D]:
    """Feet stand at one place; the lifter's root trembles in depth."""
    rng = np.random.default_rng(0)
    drift = np.cumsum(rng.normal(size=count)) * depth_noise_m
    people = []
    for t in range(count):
        person = standing_person(squatting(t / FPS), noise_m=0.002, seed=t)
        people.append(replace(person, root_3d=person.root_3d + np.array([0, 0, drift[t]], np.float32)))
    return people


def run(bodies: Bodies, people: list[Person3D]) -> list[Person3D]:
    return [bodies.fit([person], CAMERA, t / FPS)[0][0] for t, person in enumerate(people)]


def feet_of(people: list[Person3D]) -> np.ndarray:
    return np.stack([person.pose_3d[FEET] + person.root_3d for person in people])


def elbow_deg(person: Person3D) -> float:
    shoulder, elbow, wrist = person.pose_3d[list(RTPOSE28.indices("left_shoulder", "left_elbow", "left_wrist"))]
    one, two = elbow - shoulder, wrist - elbow
    return float(np.degrees(np.arccos(one @ two / np.linalg.norm(one) / np.linalg.norm(two))))


def test_joints_are_those_of_the_bones():
    for person in run(Bodies(), squats(10)):
        assert person.body is not None
        joints = joints_of_bones(rotations_from_wxyz(person.body.rotations), person.body.bone_lengths)
        np.testing.assert_allclose(joints, person.pose_3d, atol=1e-4)


def test_nobody_and_a_new_source():
    bodies = Bodies()
    assert bodies.fit([], CAMERA, 0.0) == ([], None)
    first = run(bodies, squats(5))
    bodies.reset()
    np.testing.assert_allclose(run(bodies, squats(5))[-1].pose_3d, first[-1].pose_3d)


def test_planted_feet_move_less_than_free_ones():
    people = squats(90, depth_noise_m=0.01)
    free, planted = (feet_of(run(Bodies(planted=on), people)) for on in (False, True))
    speed = [np.linalg.norm(np.diff(feet[20:], axis=0), axis=-1).mean() for feet in (free, planted)]
    assert speed[1] < 0.15 * speed[0]


def test_a_foot_that_is_let_go_does_not_jump():
    """The body is off by 20 cm in depth when both feet leave the ground: they go back step by step."""
    people = squats(60)
    shifted = [replace(p, root_3d=p.root_3d + np.array([0, 0, 0.2 * min(1, t / 30)], np.float32))
               for t, p in enumerate(people)]  # fmt: skip
    lifted = [replace(p, root_3d=p.root_3d + np.array([0, -0.05 * t, 0.2], np.float32)) for t, p in enumerate(people)]
    feet = feet_of(run(Bodies(), shifted + lifted))
    own = feet_of(run(Bodies(planted=False), shifted + lifted))
    steps, own_steps = (np.linalg.norm(np.diff(places, axis=0), axis=-1)[59:] for places in (feet, own))
    assert (steps - own_steps).max() < 0.02


def test_held_feet_do_not_drag_a_body_whose_legs_jump(monkeypatch: pytest.MonkeyPatch):
    """The feet are said to stand, wrongly: the lifter's legs jump, its root does not."""
    bodies = Bodies(CorrectionSettings(rays=False, sizes=False))
    monkeypatch.setattr(bodies._contacts, "update", lambda *_: np.ones(4, np.float32))
    people = squats(60)
    for t in range(40, 60):
        pose = people[t].pose_3d.copy()
        pose[[2, 3, 5, 6, *FEET]] += np.array([0.3, -0.2, 0.3], np.float32)
        people[t] = replace(people[t], pose_3d=pose)
    roots, own = (np.stack([person.root_3d for person in some]) for some in (run(bodies, people), people))
    steps, own_steps = (np.linalg.norm(np.diff(places, axis=0), axis=-1) for places in (roots, own))
    assert (steps - own_steps).max() < 0.021


def test_a_joint_that_is_somebody_elses_is_let_go_step_by_step():
    rays, seen = SteadyRays(), np.zeros((28, 2))
    joints = np.tile([0.0, 0.0, 3.0], (28, 1))
    full = [rays.update(seen, np.ones(28), joints, 1 / FPS)[1] for _ in range(10)][-1]
    np.testing.assert_array_equal(full, 1)
    fading = [rays.update(seen + 0.5, np.ones(28), joints, 1 / FPS)[1][0] for _ in range(6)]
    assert 0.5 < fading[0] < 1
    assert fading[-1] == 0
    assert 0 < rays.update(seen, np.ones(28), joints, 1 / FPS)[1][0] < 0.5


@pytest.mark.parametrize(("lost_m", "follows"), [(0.12, True), (np.inf, False)])
def test_somebody_who_is_shown_turned_around_is_followed_at_once(
    lost_m: float, follows: bool, monkeypatch: pytest.MonkeyPatch
):
    """A lifter that sees single frames takes front for back from one frame to the next."""
    monkeypatch.setattr("rtpose.pose.body.bodies.LOST_M", lost_m)
    turned = squatting(0.4)
    turned[0] = np.diag([-1.0, 1.0, -1.0]) @ turned[0]
    people = [*squats(15), standing_person(turned)]
    assert (np.linalg.norm(run(Bodies(), people)[-1].pose_3d - people[-1].pose_3d, axis=-1).mean() < 0.04) == follows


def test_limbs_get_their_lengths_in_their_directions():
    joints = joints_of_bones(squatting(0.4), LENGTHS)
    shown = joints.copy()
    wrist, elbow, knee, hip = RTPOSE28.indices("left_wrist", "left_elbow", "right_knee", "right_hip")
    shown[list(RTPOSE28.indices("left_wrist", "left_index", "left_pinky"))] -= 0.3 * (joints[wrist] - joints[elbow])
    below = RTPOSE28.indices("right_knee", "right_foot", "right_heel", "right_toe")
    shown[list(below)] += 0.2 * (joints[knee] - joints[hip])
    np.testing.assert_allclose(with_lengths(shown, LENGTHS), joints, atol=1e-9)
    assert np.abs(shown - joints).max() > 0.05


def test_only_people_whose_lifter_does_not_say_errors_are_stretched():
    """A forearm that is shown too short bends the elbow of a lifter that says so, for it shows means."""
    shown = [replace(p, pose_3d=p.pose_3d.copy()) for p in squats(1) * 40]
    for person in shown:
        wrist, elbow = RTPOSE28.indices("left_wrist", "left_elbow")
        short = 0.3 * (person.pose_3d[wrist] - person.pose_3d[elbow])
        person.pose_3d[list(RTPOSE28.indices("left_wrist", "left_index", "left_pinky"))] -= short
    exact = elbow_deg(squats(1)[0])
    free = Bodies(CorrectionSettings(rays=False))
    plain = run(free, [replace(p, error_m=None) for p in shown])[-1]
    means = run(Bodies(CorrectionSettings(rays=False)), shown)[-1]
    off = [abs(elbow_deg(p) - exact) for p in (plain, means)]
    assert off[0] < 5 < off[1]


def test_bones_do_not_jump_whatever_the_world_says(monkeypatch: pytest.MonkeyPatch):
    """The world doubles the person's size while they are away, and halves it while they are seen."""
    bodies, said = Bodies(), {"size": 1.0}
    monkeypatch.setattr(bodies.world, "scale_of", lambda track_id: said["size"])
    lengths = []
    for t, person in enumerate(squats(60)):
        said["size"] = 2.0 if 20 <= t < 50 else 1.0
        if not 15 <= t < 25:
            (found,), _ = bodies.fit([person], CAMERA, t / FPS)
            assert found.body is not None
            lengths.append(found.body.bone_lengths)
    steps = np.diff(np.log(np.stack(lengths)), axis=0)
    assert np.abs(steps).max() < 0.01
    assert steps[20].max() > 0  # it goes there, all the same


def test_nobody_leaps_away_because_their_size_becomes_known(monkeypatch: pytest.MonkeyPatch):
    """Far away, a small change of size is a long way."""
    bodies, said = Bodies(planted=False), {"size": 1.0}
    monkeypatch.setattr(bodies.world, "scale_of", lambda track_id: said["size"])
    person, depths = standing_person(squatting(0.0), ankles_at=(0, 0.8, 9.0)), []
    for t in range(60):
        said["size"] = 1.0 if t < 20 else 1.2
        depths.append(bodies.fit([person], CAMERA, t / 60)[0][0].root_3d[2])
    steps = np.diff(depths[20:])
    assert 0.010 < steps.max() < 0.016


def test_every_correction_can_be_switched_off():
    people = squats(15)
    usual = run(Bodies(), people)[-1]
    for name in ("rays", "last_pose"):
        other = run(Bodies(CorrectionSettings(**{name: False})), people)[-1]
        assert not np.allclose(other.pose_3d, usual.pose_3d, atol=1e-4), name


def test_people_of_seventeen_joints_become_bodies():
    person = squats(1)[0]
    pose, pixels = person.pose_3d.copy(), person.keypoints_2d.copy()
    pose[17:], pixels[17:] = np.nan, [np.nan, np.nan, 0]
    confidence = np.where(np.arange(28) < 17, 0.8, 0).astype(np.float32)
    plain = replace(person, pose_3d=pose, keypoints_2d=pixels, error_m=None, confidence=confidence)
    (found,), _ = Bodies().fit([plain], CAMERA, 0.0)
    assert np.isfinite(found.pose_3d).all()
    np.testing.assert_array_equal(found.confidence, confidence)
    np.testing.assert_allclose(found.pose_3d[:17], person.pose_3d[:17], atol=0.1)


@pytest.mark.parametrize("planted", [False, True])
def test_the_second_pass_has_constant_bones_and_less_jitter(planted: bool):
    people = [standing_person(squatting(t / FPS), noise_m=0.02, seed=t) for t in range(60)]
    frames = [ClipFrame(t / FPS, CAMERA, [person]) for t, person in enumerate(people)]
    fitted, _ = fit_clip(frames, planted=planted)
    found = [row[0] for row in fitted]
    lengths = np.stack([p.body.bone_lengths for p in found if p.body is not None])
    assert len(lengths) == 60
    assert np.ptp(lengths, axis=0).max() == 0
    exact = np.stack([standing_person(squatting(t / FPS)).pose_3d for t in range(60)])
    seen, poses = np.stack([p.pose_3d for p in people]), np.stack([p.pose_3d for p in found])
    jitter = [np.linalg.norm(np.diff(a - exact, 2, axis=0), axis=-1).mean() for a in (seen, poses)]
    assert jitter[1] < 0.5 * jitter[0]


def test_the_second_pass_knows_gaps_and_absence():
    people = squats(20)
    frames = [ClipFrame(t / FPS + (2.0 if t > 9 else 0.0), CAMERA, [p] if t != 5 else []) for t, p in enumerate(people)]
    fitted, _ = fit_clip(frames)
    assert [len(row) for row in fitted] == [len(frame.persons) for frame in frames]
    assert all(row[0].body is not None for row in fitted if row)
    assert fit_clip([]) == ([], None)
