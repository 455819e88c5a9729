"""The virtual camera and the features of `fusion`."""

import numpy as np
import pytest

from rtpose.errors import ConfigError
from rtpose.pose.lift import fusion_codec as codec
from rtpose.skeleton import BLAZEPOSE33, COCO17, Skeleton

PEOPLE = 3


def random_rays(rng: np.random.Generator) -> np.ndarray:
    """(P, 28, 3) of upright people somewhere in the picture, z = 1."""
    rays = np.ones((PEOPLE, codec.COUNT, 3), np.float32)
    rays[..., :2] = rng.normal(size=(PEOPLE, 1, 2)) * 0.2 + rng.normal(size=(PEOPLE, codec.COUNT, 2)) * 0.05
    rays[:, codec.THORAX, 1] = rays[:, codec.ROOT, 1] - 0.1
    return rays


def turned(rays: np.ndarray, angle: float) -> np.ndarray:
    """Seen by a camera that is rolled."""
    c, s = np.cos(angle), np.sin(angle)
    return (rays @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])).astype(np.float32)


def plane_of(rays: np.ndarray) -> np.ndarray:
    seen = rays @ codec.upright_views(rays)
    return seen[..., :2] / seen[..., 2:]


def some_features(rng: np.random.Generator, points: np.ndarray, own: np.ndarray) -> np.ndarray:
    n = len(points)
    ones = np.ones((n, codec.COUNT), np.float32)
    scores = rng.random((n, codec.COUNT), np.float32)
    return codec.features(points, ones, scores, np.full(n, 0.03, np.float32), own, scores[:, ::-1], ones[:, 0])


def test_the_virtual_camera_looks_at_the_root_with_the_torso_upright() -> None:
    rays = random_rays(np.random.default_rng(0))
    views = codec.upright_views(rays)
    np.testing.assert_allclose(views @ views.transpose(0, 2, 1), np.broadcast_to(np.eye(3), views.shape), atol=1e-5)
    np.testing.assert_allclose(np.linalg.det(views), 1, atol=1e-5)
    plane = plane_of(rays)
    np.testing.assert_allclose(plane[:, codec.ROOT], 0, atol=1e-6)
    np.testing.assert_allclose(plane[:, codec.THORAX, 0], 0, atol=1e-6)
    assert (plane[:, codec.THORAX, 1] < 0).all()


@pytest.mark.parametrize("degrees", [30, 90, 180, 270])
def test_a_rolled_picture_gives_the_same_points(degrees: int) -> None:
    rays = random_rays(np.random.default_rng(1))
    np.testing.assert_allclose(plane_of(turned(rays, np.radians(degrees))), plane_of(rays), atol=1e-5)


def test_a_torso_without_length_still_gives_a_camera() -> None:
    rays = random_rays(np.random.default_rng(2))
    rays[:, codec.THORAX] = rays[:, codec.ROOT]
    assert np.isfinite(codec.upright_views(rays)).all()


def test_features_do_not_depend_on_scale_but_say_it() -> None:
    rng = np.random.default_rng(3)
    points = rng.normal(size=(2, codec.COUNT, 2)).astype(np.float32)
    own = rng.normal(size=(2, codec.COUNT, 3)).astype(np.float32)
    one = some_features(np.random.default_rng(0), points, own)
    other = some_features(np.random.default_rng(0), 2 * points, own)
    size = 4 * codec.COUNT
    np.testing.assert_allclose(np.delete(one, size, 1), np.delete(other, size, 1), atol=1e-5)
    np.testing.assert_allclose(other[:, size] - one[:, size], np.log(2), atol=1e-5)
    assert one.shape == (2, codec.FEATURES)


def test_without_evidence_its_features_are_zero() -> None:
    rng = np.random.default_rng(4)
    points, own = rng.normal(size=(1, codec.COUNT, 2)), rng.normal(size=(1, codec.COUNT, 3))
    ones = np.ones((1, codec.COUNT))
    given = codec.features(points, ones, ones, np.zeros(1), own, ones, np.zeros(1))
    assert (given[:, codec.PLAIN :] == 0).all()
    assert given[0, codec.PLAIN - 1] == 0  # the time


def test_missing_joints_leave_no_trace() -> None:
    rng = np.random.default_rng(5)
    points, own = rng.normal(size=(1, codec.COUNT, 2)), rng.normal(size=(1, codec.COUNT, 3))
    known = np.ones((1, codec.COUNT))
    known[:, 13] = 0
    elsewhere = points.copy()
    elsewhere[:, 13] += 5
    ones, time = np.ones((1, codec.COUNT)), np.zeros(1)
    np.testing.assert_array_equal(
        codec.features(points, known, ones, time, own, ones, np.ones(1)),
        codec.features(elsewhere, known, ones, time, own, ones, np.ones(1)),
    )


def test_mirrored_features_are_those_of_the_mirrored_person() -> None:
    rng = np.random.default_rng(6)
    points = rng.normal(size=(2, codec.COUNT, 2)).astype(np.float32)
    own = rng.normal(size=(2, codec.COUNT, 3)).astype(np.float32)
    known = (rng.random((2, codec.COUNT)) > 0.2).astype(np.float32)
    known[:, 0] = 1
    scores, visible = rng.random((2, 2, codec.COUNT)).astype(np.float32)
    time, there = np.full(2, 0.1, np.float32), np.ones(2, np.float32)
    given = codec.features(points, known, scores, time, own, visible, there)
    twins = codec.TWINS
    mirrored = codec.features(
        points[:, twins] * np.array([-1, 1], np.float32), known[:, twins], scores[:, twins], time,
        own[:, twins] * np.array([-1, 1, 1], np.float32), visible[:, twins], there,
    )  # fmt: skip
    index, sign = codec.mirrored_features()
    np.testing.assert_allclose(given[:, index] * np.array(sign, np.float32), mirrored, atol=1e-5)


def test_joints_of_blazepose_and_what_coco_lacks() -> None:
    blaze, coco = codec.recipe_from(BLAZEPOSE33), codec.recipe_from(COCO17)
    toe = codec.JOINTS.index("left_toe")
    assert blaze[toe, BLAZEPOSE33.index_of["left_foot_index"]] == 1
    np.testing.assert_allclose(blaze.sum(1), 1)
    missing = {joint for joint, total in zip(codec.JOINTS, coco.sum(1), strict=True) if total == 0}
    assert missing == set(codec.EXTRA_JOINTS) - {"nose", "left_ear", "right_ear"}


def test_a_derived_joint_is_as_sure_as_its_least_sure_part() -> None:
    recipe = codec.recipe_from(BLAZEPOSE33)
    scores = np.ones(33, np.float32)
    scores[BLAZEPOSE33.index_of["left_hip"]] = 0.3
    least = codec.least(recipe, scores)
    assert least[codec.ROOT] == pytest.approx(0.3)
    assert least[codec.JOINTS.index("right_hip")] == 1
    assert (codec.least(codec.recipe_from(COCO17), np.ones(17, np.float32))[-4:] == 0).all()


def test_an_unknown_skeleton_is_named() -> None:
    with pytest.raises(ConfigError, match="no rule derives rtpose28 from other"):
        codec.recipe_from(Skeleton("other", ("root",), {}))
