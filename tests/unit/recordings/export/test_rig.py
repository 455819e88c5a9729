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


def test_a_bone_that_is_never_seen_stays_at_rest() -> None:
    frames = np.repeat(t_pose()[None], 3, axis=0)
    raised = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    turn(frames[1], "right_elbow", ("right_wrist",), raised)
    full = rig_of(frames)
    legs = [INDEX[f"{side}_{joint}"] for side in ("left", "right") for joint in ("knee", "foot")]
    frames[:, legs] = np.nan
    rig = rig_of(frames)
    for n, node in enumerate(rig.nodes):
        if node.joint in legs or node.aims_at in legs:
            np.testing.assert_array_equal(rig.rotations[:, n], np.repeat(np.eye(3)[None], 3, axis=0))
        else:
            np.testing.assert_allclose(rig.rotations[:, n], full.rotations[:, n], atol=1e-6)
    lengths = {node.name: np.linalg.norm(node.offset) for node in rig.nodes}
    assert lengths["left_knee"] / lengths["left_foot"] == pytest.approx(0.41 / 0.42)
    assert lengths["left_knee"] > lengths["left_elbow"] / 2


def test_a_bone_without_known_length_is_as_long_as_its_twin() -> None:
    frames = np.repeat(t_pose()[None], 3, axis=0)
    expected = np.linalg.norm(frames[0, INDEX["right_wrist"]] - frames[0, INDEX["right_elbow"]])
    frames[:, INDEX["left_wrist"]] = np.nan
    (length,) = (np.linalg.norm(node.offset) for node in rig_of(frames).nodes if node.name == "left_wrist")
    assert length == pytest.approx(expected)


def test_hips_out_of_sight_hang_below_the_head() -> None:
    frames = np.repeat(t_pose()[None], 30, axis=0)
    frames[:, :, 0] += np.linspace(0, 0.3, 30)[:, None]
    place = frames[:, INDEX["root"]].copy()
    frames[:, [INDEX[name] for name in INDEX if name.endswith(("root", "hip", "knee", "foot"))]] = np.nan
    rig = rig_of(frames)
    np.testing.assert_allclose(np.diff(rig.translation, axis=0), np.diff(place, axis=0), atol=0.02)
    assert np.abs(rig.translation - place).max() < 0.15
    assert rig.known.all()


def test_nobody_at_all() -> None:
    with pytest.raises(InputError, match="no joint of the person is ever known"):
        rig_of(np.full((3, 17, 3), np.nan))
