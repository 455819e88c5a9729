"""The solver: forward kinematics, gradients, and that it finds bodies again."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from moving_bodies import CAMERA, LENGTHS, squatting, standing_person

from rtpose.bones import BONE_INDEX, BONES, bone_offsets, joints_of_bones
from rtpose.pose.body import fit as solver
from rtpose.pose.body.evidence import evidence_of
from rtpose.pose.body.fit import fit, forward, places_of, turn_matrices
from rtpose.pose.body.start import rotations_from_joints
from rtpose.skeleton import RTPOSE28

seeds = st.integers(0, 10_000)


def bent(seed: int, size: float = 0.4) -> np.ndarray:
    turns = size * np.random.default_rng(seed).normal(size=(len(BONES), 3))
    return turn_matrices(turns) @ squatting(0.4)


@given(seeds)
def test_forward_kinematics_is_that_of_bones(seed: int):
    rotations = bent(seed)[None]
    _, _, joints = forward(rotations, bone_offsets(LENGTHS[None]), places_of(LENGTHS[None]))
    np.testing.assert_allclose(joints[0], joints_of_bones(rotations[0], LENGTHS), atol=1e-9)


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_the_gradient_is_that_of_the_cost(seed: int):
    """Of joints, rays and the root; limits and the last pose have weights of 0 here."""
    rng = np.random.default_rng(seed)
    person = standing_person(bent(seed), noise_m=0.05, seed=seed)
    given = evidence_of([person], CAMERA, rays=True)
    rotations, roots = bent(seed + 1)[None], given.roots + 0.05 * rng.normal(size=(1, 3))
    offsets, places = bone_offsets(LENGTHS[None]), places_of(LENGTHS[None])

    def cost(turns: np.ndarray, shift: np.ndarray) -> float:
        joints = forward(turn_matrices(turns) @ rotations, offsets, places)[2]
        place = joints + roots + shift
        rays = place[..., :2] - given.rays * place[..., 2:]
        apart = joints - given.joints
        relative = (apart**2).sum(-1) - (apart * given.loose).sum(-1) ** 2
        robust = solver.ROBUST**2
        root = (roots + shift - given.roots)[0]
        return 0.5 * float(
            (robust * np.log1p(given.joint_weights * relative / robust)).sum()
            + (robust * np.log1p(given.ray_weights * (rays**2).sum(-1) / robust)).sum()
            + root @ given.root_weights[0] @ root
        )

    bases, turned, joints = forward(rotations, offsets, places)
    gradient = solver.evidence_terms(roots, turned, bases, joints, given)[1][0]
    turns, shift = rng.normal(size=(1, len(BONES), 3)), rng.normal(size=(1, 3))
    step = 1e-5
    slope = (cost(step * turns, step * shift) - cost(-step * turns, -step * shift)) / (2 * step)
    expected = gradient @ np.concatenate([turns.ravel(), shift.ravel()])
    np.testing.assert_allclose(slope, expected, rtol=1e-3, atol=1e-6 * abs(gradient).sum())


@given(st.floats(0, 2))
@settings(max_examples=15, deadline=None)
def test_a_body_is_found_again_from_its_joints(t_s: float):
    person = standing_person(squatting(t_s))
    start = rotations_from_joints(person.pose_3d[None].astype(float))
    found = fit(start, person.root_3d[None].astype(float), LENGTHS[None], evidence_of([person], CAMERA, rays=True), 8)
    assert np.linalg.norm(found.joints[0] - person.pose_3d, axis=-1).max() < 0.02
    product = found.rotations[0] @ np.swapaxes(found.rotations[0], -1, -2)
    np.testing.assert_allclose(product, np.tile(np.eye(3), (len(BONES), 1, 1)), atol=1e-6)


def test_knees_and_elbows_do_not_bend_backwards():
    """A knee that the lifter puts 8 cm behind the line from hip to ankle is straightened, not followed."""
    person = standing_person(squatting(0.0))
    pose = person.pose_3d.copy()
    knee, elbow = RTPOSE28.indices("left_knee", "left_elbow")
    pose[knee, 2] += 0.08  # away from the camera: behind somebody who faces it
    pose[elbow, 2] -= 0.10
    start = rotations_from_joints(pose[None].astype(float))
    given = evidence_of([person], CAMERA, rays=False)
    given.joints[0] = pose
    found = fit(start, given.roots, LENGTHS[None], given, 20)
    hip, foot = RTPOSE28.indices("left_hip", "left_foot")
    line = (found.joints[0, hip] + found.joints[0, foot]) / 2
    assert found.joints[0, knee, 2] - line[2] < 0.03


def test_without_hands_feet_and_face_they_stay_at_rest():
    """Of a lifter of 17 joints: the fit is finite, and hands and feet do not turn."""
    person = standing_person(squatting(0.5))
    pose = person.pose_3d.copy()
    pose[17:] = np.nan
    given = evidence_of([person], CAMERA, rays=False)
    given.joint_weights[:, 17:] = 0
    found = fit(rotations_from_joints(pose[None].astype(float)), given.roots, LENGTHS[None], given, 10)
    assert np.isfinite(found.joints).all()
    angle = np.arccos(np.clip((np.trace(found.rotations[0, BONE_INDEX["leftHand"]]) - 1) / 2, -1, 1))
    assert angle < 0.2


def test_legs_count_less_along_the_line_of_sight():
    given = evidence_of([standing_person(squatting(0.4))], CAMERA, rays=False)
    legs = list(RTPOSE28.indices("left_knee", "right_foot", "left_heel", "right_toe"))
    sight = (given.joints + given.roots[:, None])[0, legs]
    along = (given.loose[0, legs] * sight).sum(-1) / np.linalg.norm(sight, axis=-1)
    np.testing.assert_allclose(1 - along**2, 0.2)
    assert not given.loose[0, list(RTPOSE28.indices("left_hip", "left_elbow", "left_wrist"))].any()
