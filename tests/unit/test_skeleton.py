import numpy as np
import pytest

from rtpose.errors import ConfigError
from rtpose.skeleton import (
    BLAZEPOSE33,
    COCO17,
    H36M17,
    H36M17_AS_DETECTED,
    H36M17_FROM_BLAZEPOSE33,
    H36M17_FROM_COCO17,
    LIMB_JOINTS,
    SKELETONS,
    Skeleton,
    h36m17_from,
    side_of,
    twin_name,
)


def test_exchange_order_is_the_documented_one() -> None:
    assert H36M17.joints == (
        "root", "right_hip", "right_knee", "right_foot", "left_hip", "left_knee", "left_foot", "spine", "thorax",
        "neck_base", "head", "left_shoulder", "left_elbow", "left_wrist", "right_shoulder", "right_elbow",
        "right_wrist",
    )  # fmt: skip


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda s: s.name)
def test_parents_are_joints_and_twins_are_mutual(skeleton: Skeleton) -> None:
    assert set(skeleton.parent_of) | set(skeleton.parent_of.values()) <= set(skeleton.joints)
    assert (skeleton.twins[skeleton.twins] == np.arange(len(skeleton.joints))).all()
    assert len(skeleton.colors) == len(skeleton.joints)


def test_h36m17_is_one_tree() -> None:
    assert (H36M17.parents == -1).sum() == 1
    for joint in range(17):
        steps = 0
        while H36M17.parents[joint] >= 0:
            joint, steps = H36M17.parents[joint], steps + 1
            assert steps < 17
        assert joint == 0


def test_sides() -> None:
    assert [side_of(j) for j in ("left_hip", "mouth_right", "root")] == ["left", "right", "middle"]
    assert twin_name("mouth_left") == "mouth_right"
    assert len(H36M17.twin_bones) == 6
    assert (("left_knee", "left_hip"), ("right_knee", "right_hip")) in H36M17.twin_bones


@pytest.mark.parametrize("matrix", [H36M17_FROM_BLAZEPOSE33, H36M17_FROM_COCO17, H36M17_AS_DETECTED])
def test_derived_joints_are_weighted_means(matrix: np.ndarray) -> None:
    assert (matrix >= 0).all()
    np.testing.assert_allclose(matrix.sum(1), 1, atol=1e-6)


def test_the_same_person_is_the_same_of_both_detectors() -> None:
    keypoints = np.random.default_rng(0).random((33, 3), np.float32)
    by_coco = h36m17_from(COCO17, keypoints[BLAZEPOSE33.indices(*COCO17.joints)])
    np.testing.assert_allclose(by_coco, h36m17_from(BLAZEPOSE33, keypoints), atol=1e-6)


def test_limb_joints_are_taken_over_unchanged() -> None:
    rows = H36M17.indices(*LIMB_JOINTS)
    assert (H36M17_AS_DETECTED[rows] == np.eye(17)[rows]).all()


def test_derived_joint_is_as_sure_as_its_least_sure_part() -> None:
    keypoints = np.ones((33, 3), np.float32)
    left, right = BLAZEPOSE33.indices("left_hip", "right_hip")
    keypoints[left] = [10, 0, 0.2]
    keypoints[right] = [20, 4, 0.9]
    out = h36m17_from(BLAZEPOSE33, keypoints)
    np.testing.assert_allclose(out[H36M17.index_of["root"]], [15, 2, 0.2])
    np.testing.assert_allclose(out[H36M17.index_of["right_hip"]], [20, 4, 0.9])


def test_unknown_joint_and_skeleton_are_named() -> None:
    with pytest.raises(ConfigError, match="tail"):
        H36M17.indices("tail")
    with pytest.raises(ConfigError, match="cat9"):
        h36m17_from(Skeleton("cat9", ("a",), {}), np.zeros((1, 3), np.float32))
