"""Hand-made poses whose rotations are known."""

import numpy as np
import pytest

from rtpose.errors import InputError
from rtpose.recordings.export.rig import Rig, rig_of
from rtpose.rotations import REST_DIRECTIONS
from rtpose.skeleton import H36M17

LENGTH_M = 0.3
INDEX = H36M17.index_of


def t_pose() -> np.ndarray:
    """(17, 3): as the rig rests, the root at (0, 1, -4)."""
    points = np.empty((17, 3))
    points[0] = [0, 1, -4]
    for joint, parent in H36M17.bones:
        points[INDEX[joint]] = points[INDEX[parent]] + LENGTH_M * REST_DIRECTIONS[INDEX[joint]]
    return points


def turn(points: np.ndarray, about: str, joints: tuple[str, ...], rotation: np.ndarray) -> None:
    for joint in joints:
        points[INDEX[joint]] = points[INDEX[about]] + rotation @ (points[INDEX[joint]] - points[INDEX[about]])


def moved_nodes(rig: Rig) -> dict[str, np.ndarray]:
    """The rotations at the last frame that are not rest."""
    return {
        node.name: rotation
        for node, rotation in zip(rig.nodes, rig.rotations[-1], strict=True)
        if not np.allclose(rotation, np.eye(3), atol=1e-9)
    }


def test_at_rest_nothing_is_turned() -> None:
    left, right = REST_DIRECTIONS[INDEX["left_elbow"]], REST_DIRECTIONS[INDEX["right_elbow"]]
    assert left.tolist() == [1, 0, 0], "who faces the camera has the left on the picture's right"
    assert right.tolist() == [-1, 0, 0]
    rig = rig_of(t_pose()[None])
    assert moved_nodes(rig) == {}
    np.testing.assert_allclose(rig.translation, [[0, 1, -4]])
    joints = [n for n, node in enumerate(rig.nodes) if node.name in INDEX]
    np.testing.assert_allclose(rig.rest_positions()[joints] + rig.translation, t_pose(), atol=1e-9)


def test_a_raised_arm_turns_the_shoulder_alone() -> None:
    quarter_about_z = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    points = t_pose()
    turn(points, "left_shoulder", ("left_elbow", "left_wrist"), quarter_about_z)
    moved = moved_nodes(rig_of(points[None]))
    assert list(moved) == ["left_shoulder"]
    np.testing.assert_allclose(moved["left_shoulder"], quarter_about_z, atol=1e-9)


def test_who_turns_round_turns_the_root_alone() -> None:
    half_about_y = np.diag([-1.0, 1, -1])
    points = t_pose()
    turn(points, "root", H36M17.joints, half_about_y)
    moved = moved_nodes(rig_of(points[None]))
    assert list(moved) == ["root"]
    np.testing.assert_allclose(moved["root"], half_about_y, atol=1e-9)


def test_shoulders_turned_against_the_hips_turn_the_thorax() -> None:
    quarter_about_y = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    points = t_pose()
    arms = tuple(f"{side}_{joint}" for side in ("left", "right") for joint in ("shoulder", "elbow", "wrist"))
    turn(points, "thorax", arms, quarter_about_y)
    moved = moved_nodes(rig_of(points[None]))
    assert list(moved) == ["thorax"]
    np.testing.assert_allclose(moved["thorax"], quarter_about_y, atol=1e-9)


def test_bones_have_their_median_length() -> None:
    frames = np.repeat(t_pose()[None], 5, axis=0)
    frames[4, INDEX["head"], 1] += 0.1  # once longer
    rig = rig_of(frames)
    (head,) = (node for node in rig.nodes if node.name == "head")
    assert np.linalg.norm(head.offset) == pytest.approx(LENGTH_M)
    assert np.nanmax(rig.distance_mm[:4]) < 1e-6
    off_mm = rig.distance_mm[4]
    # The error of 100 mm is shared along the spine, not left to the head alone.
    assert 40 < off_mm[INDEX["head"]] < 99
    assert off_mm[INDEX["neck_base"]] > 10
    assert (off_mm**2).sum() < 100**2, "worse than leaving all others where they are"


def test_what_is_not_known_is_held() -> None:
    frames = np.repeat(t_pose()[None], 6, axis=0)
    quarter_about_z = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    for frame in frames[1:]:
        turn(frame, "left_elbow", ("left_wrist",), quarter_about_z)
    frames[0] = np.nan
    frames[3, INDEX["left_wrist"]] = np.nan
    frames[5] = np.nan
    rig = rig_of(frames)
    assert rig.known.tolist() == [False, True, True, True, True, False]
    elbow = [node.name for node in rig.nodes].index("left_elbow")
    np.testing.assert_allclose(rig.rotations[:, elbow], np.repeat(quarter_about_z[None], 6, axis=0), atol=1e-6)
    np.testing.assert_allclose(rig.translation, np.repeat([[0, 1, -4]], 6, axis=0), atol=1e-6)


def test_a_joint_that_is_never_known() -> None:
    frames = np.repeat(t_pose()[None], 3, axis=0)
    frames[:, INDEX["head"]] = np.nan
    with pytest.raises(InputError, match="head is never known"):
        rig_of(frames)
