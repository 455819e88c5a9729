"""Bones, rest pose and forward kinematics."""

import numpy as np

from rtpose.bones import BONE_INDEX, BONE_NAMES, BONE_PARENTS, BONES, joints_of_bones, pose_bones
from rtpose.skeleton import RTPOSE28

LENGTHS = np.linspace(0.1, 0.4, len(BONES))
LENGTHS[[BONE_INDEX[f"right{n[4:]}"] for n in BONE_NAMES if n.startswith("left")]] = LENGTHS[
    [BONE_INDEX[n] for n in BONE_NAMES if n.startswith("left")]
]


def random_rotations(rng: np.random.Generator, count: int) -> np.ndarray:
    q, _ = np.linalg.qr(rng.normal(size=(count, len(BONES), 3, 3)))
    return q * np.sign(np.linalg.det(q))[..., None, None]


def at(joints: np.ndarray, name: str) -> np.ndarray:
    return joints[..., RTPOSE28.index_of[name], :]


def test_parents_come_before_their_children():
    assert all(parent < number for number, parent in enumerate(BONE_PARENTS))


def test_at_rest_the_person_stands_in_a_t():
    rest = np.broadcast_to(np.eye(3), (len(BONES), 3, 3))
    joints = joints_of_bones(rest, LENGTHS)
    assert np.allclose(at(joints, "left_wrist") * [-1, 1, 1], at(joints, "right_wrist"))
    assert at(joints, "left_wrist")[0] > at(joints, "left_elbow")[0] > at(joints, "left_shoulder")[0] > 0
    assert at(joints, "head")[1] > at(joints, "thorax")[1] > 0 > at(joints, "left_knee")[1] > at(joints, "left_foot")[1]
    assert at(joints, "nose")[2] > 0
    assert at(joints, "left_toe")[2] > 0 > at(joints, "left_heel")[2]
    assert at(joints, "left_index")[2] > at(joints, "left_pinky")[2]  # palms down


def test_lengths_between_joints_do_not_depend_on_the_pose():
    joints = joints_of_bones(random_rotations(np.random.default_rng(0), 20), LENGTHS)
    for child, parent in RTPOSE28.bones:
        lengths = np.linalg.norm(at(joints, child) - at(joints, parent), axis=-1)
        assert np.ptp(lengths) < 1e-9, (child, parent)


def test_bone_lengths_are_those_between_base_and_end():
    joints = joints_of_bones(random_rotations(np.random.default_rng(1), 1)[0], LENGTHS)
    length = float(np.linalg.norm(at(joints, "left_wrist") - at(joints, "left_elbow")))
    assert abs(length - LENGTHS[BONE_INDEX["leftLowerArm"]]) < 1e-9


def test_a_turn_of_the_hips_turns_the_person():
    rotations = random_rotations(np.random.default_rng(2), 1)[0]
    turn = random_rotations(np.random.default_rng(3), 1)[0, 0]
    turned = rotations.copy()
    turned[0] = turn @ rotations[0]
    assert np.allclose(joints_of_bones(turned, LENGTHS), joints_of_bones(rotations, LENGTHS) @ turn.T)
    assert np.allclose(pose_bones(turned, LENGTHS)[1][3], turn @ pose_bones(rotations, LENGTHS)[1][3])
