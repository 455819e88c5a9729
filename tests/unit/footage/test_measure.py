"""Errors whose values are known beforehand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from rtpose.footage.judge import PEER, Judged, comparable, judge_set, mean_over_sets, means_by_set
from rtpose.footage.measure import People, errors_of, follow, reliability, rotation_vectors
from rtpose.footage.sets import JOINTS, FootageSet, TruthCamera
from rtpose.skeleton import twin_name

TWINS = [JOINTS.index(twin_name(joint)) for joint in JOINTS]


def exact(footage: FootageSet, camera: TruthCamera) -> People:
    """Everybody where they are, person 1 in column 0."""
    joints = camera.joints(footage.world)[:, ::-1]
    ids = np.tile([7, 3], (len(joints), 1))
    return People(joints - joints[:, :, :1], camera.project(joints), ids)


def rotation(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    angle = np.linalg.norm(vector)
    x, y, z = vector / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def test_the_truth_has_no_error(footage: FootageSet) -> None:
    rows = list(judge_set(footage, {"rtpose": exact}, peer=None))
    assert [(row.camera, row.person) for row in rows] == [(1, 0), (1, 1), (2, 0), (2, 1)]
    for row in rows:
        e = row.errors
        assert max(e.p_mpjpe, e.n_mpjpe, e.mpjpe, e.acceleration, abs(e.turn_x)) < 1e-6
        assert (e.scale, e.found, e.swapped, e.switches, e.frames) == (pytest.approx(1), 1, 0, 0, 12)


def test_size_and_turn_are_told_apart(footage: FootageSet) -> None:
    def leaning(footage: FootageSet, camera: TruthCamera) -> People:
        people = exact(footage, camera)
        return People(1.2 * people.poses @ rotation(np.radians([10.0, 0, 0])).T, people.pixels, people.ids)

    for row in judge_set(footage, {"rtpose": leaning}, peer=None):
        e = row.errors
        assert e.p_mpjpe < 1e-6
        assert e.mpjpe > e.n_mpjpe > 10
        assert (e.scale, e.turn_x, e.turn_y, e.turn_z) == pytest.approx((1.2, 10, 0, 0), abs=1e-6)


def test_left_and_right_exchanged(footage: FootageSet) -> None:
    def exchanged(footage: FootageSet, camera: TruthCamera) -> People:
        people = exact(footage, camera)
        poses = people.poses.copy()
        poses[:3] = poses[:3][:, :, TWINS]
        return People(poses, people.pixels, people.ids)

    for row in judge_set(footage, {"rtpose": exchanged}, peer=None):
        assert row.errors.swapped == pytest.approx(3 / 12)


def test_a_person_missed_and_renamed(footage: FootageSet) -> None:
    def renamed(footage: FootageSet, camera: TruthCamera) -> People:
        people = exact(footage, camera)
        ids = people.ids.copy()
        ids[2:5, 0] = -1  # person 1 is away for three frames
        ids[5:, 0] = 9  # and comes back as somebody else
        return People(people.poses, people.pixels, ids)

    rows = [row.errors for row in judge_set(footage, {"rtpose": renamed}, peer=None) if row.camera == 1]
    assert [(e.found, e.switches, e.frames) for e in rows] == [(1, 0, 12), (0.75, 1, 9)]


def test_somebody_far_off_is_nobody(footage: FootageSet) -> None:
    camera = footage.cameras[0]
    people = exact(footage, camera)
    truth = camera.joints(footage.world)
    assert follow(people, camera, truth, footage.valid).tolist() == [[1, 0]] * 12
    away = People(people.poses, people.pixels + 1000, people.ids)
    assert (follow(away, camera, truth, footage.valid) == -1).all()


def test_too_few_frames_have_no_figures(footage: FootageSet) -> None:
    truth = footage.cameras[0].joints(footage.world)[:, 0]
    ids = np.where(np.arange(12) < 4, 0, -1)
    poses = np.where(ids[:, None, None] >= 0, truth, np.nan)
    e = errors_of(poses, ids, truth, footage.valid[:, 0], footage)
    assert np.isnan(e.mpjpe)
    assert (e.found, e.frames) == (pytest.approx(4 / 12), 4)


def test_methods_are_judged_on_the_same_frames(footage: FootageSet) -> None:
    def half(footage: FootageSet, camera: TruthCamera) -> People:
        people = exact(footage, camera)
        poses = people.poses + np.arange(12)[:, None, None, None] * 0.01 * np.eye(12)[0][:, None]
        ids = people.ids.copy()
        ids[6:] = -1
        return People(poses, people.pixels, ids)

    both = {row.method: row.errors for row in judge_set(footage, {"a": half, "b": exact}) if row.person == 0}
    assert (both["a"].frames, both["b"].frames) == (6, 6)
    assert (both["a"].found, both["b"].found) == (0.5, 1)
    assert PEER in both
    assert np.isnan(both[PEER].mpjpe)


def test_what_a_confidence_means() -> None:
    confidence = np.array([0.95, 0.92, 0.15, 0.15, 0.12, 0.11])
    apart_m = np.array([0.01, 0.09, 0.2, 0.05, 0.3, 0.101])
    (low, low_share, low_count), (high, high_share, high_count) = reliability(confidence, apart_m)
    assert (low, low_share, low_count) == (pytest.approx(0.1325), 0.25, 4)
    assert (high, high_share, high_count) == (pytest.approx(0.935), 1.0, 2)


def test_joints_with_a_confidence_are_collected(footage: FootageSet) -> None:
    def sure(footage: FootageSet, camera: TruthCamera) -> People:
        people = exact(footage, camera)
        return People(people.poses, people.pixels, people.ids, np.full(people.poses.shape[:3], 0.7))

    judged: Judged = {}
    list(judge_set(footage, {"a": sure, "b": exact}, peer=None, judged=judged))
    assert set(judged) == {"a"}
    confidence, apart_m = (np.concatenate(values) for values in zip(*judged["a"], strict=True))
    assert confidence.shape == (2 * 2 * 12 * 12,)
    assert apart_m.max() < 1e-9


def test_means(footage: FootageSet) -> None:
    rows = list(judge_set(footage, {"rtpose": exact}))
    means = means_by_set(rows)
    assert means["room"]["rtpose"].frames == 48
    assert mean_over_sets(means)["rtpose"].found == 1
    assert comparable(rows) == {}  # the peer has nobody: nothing may be divided


@given(st.lists(st.floats(-1.2, 1.2), min_size=3, max_size=3).filter(lambda v: np.linalg.norm(v) > 0.01))
def test_turns_are_found(vector: list[float]) -> None:
    truth = np.random.default_rng(0).normal(size=(1, 12, 3))
    estimate = truth @ rotation(np.array(vector)).T
    assert rotation_vectors(estimate, truth)[0] == pytest.approx(vector, abs=1e-6)
