"""`FusionLifter`: with the shipped network."""

import dataclasses

import numpy as np
import pytest

from rtpose.errors import ConfigError, ModelError
from rtpose.geometry import camera_from_fov, pixels_from_camera, standing_height
from rtpose.networks.options import LoadOptions
from rtpose.networks.weights import FOLDER
from rtpose.pose.lift.fusion import MEASURED, FusionLifter, _confidence, closeness, place
from rtpose.pose.lift.fusion_codec import BODY, COUNT, JOINTS, ROOT
from rtpose.skeleton import BLAZEPOSE33, COCO17, H36M17_FROM_BLAZEPOSE33, RTPOSE28
from rtpose.types import Camera, Evidence, Person2D

SIZE = (1280, 720)
CAMERA = camera_from_fov(SIZE)
STANDING = {
    "nose": (0, -1.58, 0.1), "ear": (0.07, -1.58, 0), "shoulder": (0.18, -1.4, 0), "elbow": (0.22, -1.12, 0),
    "wrist": (0.24, -0.86, 0.03), "pinky": (0.24, -0.78, 0.0), "index": (0.24, -0.78, 0.05), "hip": (0.11, -0.92, 0),
    "knee": (0.11, -0.5, 0.02), "ankle": (0.11, -0.09, 0), "heel": (0.11, -0.03, -0.05), "foot_index": (0.13, 0, 0.14),
}  # fmt: skip


def standing(shift: float = 0.0) -> np.ndarray:
    """(33, 3) metres, camera space: somebody who faces the camera, 3.5 m away. Left is the right of the picture."""
    joints = np.zeros((33, 3))
    for name in BLAZEPOSE33.joints:
        part = next((p for p in STANDING if name.endswith(p)), "ear" if "eye" in name or "mouth" in name else "wrist")
        x, y, z = STANDING[part]
        side = 1.0 if "left" in name else -1.0
        joints[BLAZEPOSE33.index_of[name]] = (side * x + shift, y + 0.9, 3.5 - z)
    return joints


def seen(joints: np.ndarray, camera: Camera = CAMERA, *, evidence: bool = True) -> Person2D:
    pixels = pixels_from_camera(joints.astype(np.float32), camera)
    keypoints = np.column_stack([pixels, np.full(33, 0.95)]).astype(np.float32)
    low, high = pixels.min(0), pixels.max(0)
    middle = H36M17_FROM_BLAZEPOSE33[0] @ joints
    ones = np.ones(33, np.float32)
    known = Evidence(ones, (joints - middle).astype(np.float32), 0.9 * ones, ones, ones, 0.0) if evidence else None
    return Person2D(keypoints, np.concatenate([low, high]).astype(np.float32), 0.99, known)


def turned(person: Person2D, quarter: int) -> Person2D:
    """The same in a picture that is turned about its middle, which lies on the camera's axis."""
    angle = quarter * np.pi / 2
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]).round()
    centre = np.array([CAMERA.cx, CAMERA.cy])
    keypoints = person.keypoints.copy()
    keypoints[:, :2] = (keypoints[:, :2] - centre) @ turn[:2, :2].T + centre
    assert person.evidence is not None
    evidence = dataclasses.replace(person.evidence, world_m=(person.evidence.world_m @ turn.T).astype(np.float32))
    return dataclasses.replace(person, keypoints=keypoints, evidence=evidence)


@pytest.fixture
def lifter() -> FusionLifter:
    return FusionLifter(options=LoadOptions(threads=1))


def test_somebody_standing_is_put_where_they_stand(lifter: FusionLifter) -> None:
    lifted = lifter.lift_people([seen(standing())], BLAZEPOSE33, CAMERA, [1], 0.0)
    assert lifted.poses.shape == (1, COUNT, 3)
    truth = H36M17_FROM_BLAZEPOSE33 @ standing()
    error = np.linalg.norm(lifted.poses[0, :BODY] - (truth - truth[0]), axis=-1)
    assert error.mean() < 0.1
    np.testing.assert_allclose(lifted.roots[0], truth[0], atol=0.5)
    assert lifted.down is not None
    assert lifted.down[0, 1] > 0.9  # gravity points down the picture
    assert np.linalg.norm(lifted.down[0]) == pytest.approx(1, abs=1e-4)
    assert ((lifted.confidence > 0) & (lifted.confidence < 1)).all()
    wrist, shoulder = JOINTS.index("left_wrist"), JOINTS.index("left_shoulder")
    assert lifted.error_m is not None
    assert lifted.error_m[0, wrist] > lifted.error_m[0, shoulder]


@pytest.mark.parametrize("quarter", [1, 2, 3])
def test_turned_pictures_give_the_turned_pose(lifter: FusionLifter, quarter: int) -> None:
    person = seen(standing())
    upright = lifter.lift_people([person], BLAZEPOSE33, CAMERA, [1], 0.0).poses[0]
    other = lifter.lift_people([turned(person, quarter)], BLAZEPOSE33, CAMERA, [2], 0.0).poses[0]
    angle = quarter * np.pi / 2
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    np.testing.assert_allclose(other, upright @ turn.T, atol=0.002)


def test_height_scales_everything() -> None:
    options = LoadOptions(threads=1)
    person = [seen(standing())]
    one = FusionLifter(height_m=1.7, options=options).lift_people(person, BLAZEPOSE33, CAMERA, [1], 0.0)
    two = FusionLifter(height_m=1.4, options=options).lift_people(person, BLAZEPOSE33, CAMERA, [1], 0.0)
    np.testing.assert_allclose(two.poses, one.poses * (1.4 / 1.7), rtol=1e-5)
    np.testing.assert_allclose(two.roots, one.roots * (1.4 / 1.7), rtol=1e-3, atol=1e-6)
    assert standing_height(one.poses[:, :BODY])[0] == pytest.approx(MEASURED * 1.7, rel=0.08)


def test_people_are_remembered_apart(lifter: FusionLifter) -> None:
    """The order of people does not matter, and who is new is not mixed up with who is known."""
    first, second = seen(standing(-0.8)), seen(standing(0.7))
    for t in range(3):
        both = lifter.lift_people([first, second], BLAZEPOSE33, CAMERA, [1, 2], t / 30)
    swapped = lifter.lift_people([second, first], BLAZEPOSE33, CAMERA, [2, 1], 3 / 30)
    np.testing.assert_allclose(swapped.poses[::-1], both.poses, atol=0.02)
    alone = FusionLifter(options=LoadOptions(threads=1))
    for t in range(4):
        only = alone.lift_people([second], BLAZEPOSE33, CAMERA, [2], t / 30)
    np.testing.assert_allclose(only.poses[0], swapped.poses[0], atol=1e-3)


def test_after_a_gap_and_after_reset_people_are_new(lifter: FusionLifter) -> None:
    person, other = [seen(standing())], standing()
    other[:, 2] += np.linspace(-0.2, 0.2, 33)
    fresh = lifter.lift_people([seen(other)], BLAZEPOSE33, CAMERA, [9], 0.0).poses
    lifter.lift_people(person, BLAZEPOSE33, CAMERA, [1], 0.0)
    late = lifter.lift_people([seen(other)], BLAZEPOSE33, CAMERA, [1], 2.0).poses
    np.testing.assert_allclose(late, fresh, atol=1e-5)
    lifter.lift_people(person, BLAZEPOSE33, CAMERA, [1], 3.0)
    lifter.reset()
    np.testing.assert_allclose(
        lifter.lift_people([seen(other)], BLAZEPOSE33, CAMERA, [1], 3.03).poses, fresh, atol=1e-5
    )


def test_jitter_is_smoothed(lifter: FusionLifter) -> None:
    rng = np.random.default_rng(0)
    single = FusionLifter(options=LoadOptions(threads=1))
    smooth, rough = [], []
    for t in range(40):
        person = seen(standing())
        noise = rng.normal(size=(33, 2)).astype(np.float32) * 3
        person.keypoints[:, :2] += noise
        smooth.append(lifter.lift_people([person], BLAZEPOSE33, CAMERA, [1], t / 30).poses[0])
        rough.append(single.lift_people([person], BLAZEPOSE33, CAMERA, [t], t / 30).poses[0])
    shake = [np.linalg.norm(np.diff(np.array(p[10:]), 2, axis=0), axis=-1).mean() for p in (smooth, rough)]
    assert shake[0] < 0.6 * shake[1]


def test_detectors_without_evidence_or_feet(lifter: FusionLifter) -> None:
    truth = standing()
    blind = lifter.lift_people([seen(truth, evidence=False)], BLAZEPOSE33, CAMERA, [1], 0.0)
    whole = lifter.lift_people([seen(truth)], BLAZEPOSE33, CAMERA, [2], 0.0)
    assert np.abs(blind.poses - whole.poses).max() > 1e-4  # evidence is listened to
    keypoints = np.zeros((17, 3), np.float32)
    for name, row in COCO17.index_of.items():
        keypoints[row] = seen(truth).keypoints[BLAZEPOSE33.index_of[name]]
    coco = lifter.lift_people([Person2D(keypoints, np.zeros(4, np.float32), 0.9)], COCO17, CAMERA, [3], 0.0)
    assert np.isfinite(coco.poses).all()
    toe = JOINTS.index("left_toe")
    assert np.isnan(coco.keypoints_2d[0, toe, :2]).all()
    assert coco.keypoints_2d[0, toe, 2] == 0
    assert np.linalg.norm(coco.poses[0, :BODY] - blind.poses[0, :BODY], axis=-1).mean() < 0.08


def test_exchanged_left_and_right_are_not_followed(lifter: FusionLifter) -> None:
    """For some frames the detector takes left for right, and the person for their mirror image."""
    person = seen(standing(), evidence=False)
    wrong = dataclasses.replace(person, keypoints=person.keypoints[BLAZEPOSE33.twins])
    for t in range(30):
        before = lifter.lift_people([person], BLAZEPOSE33, CAMERA, [1], t / 30).poses[0]
    left, right = JOINTS.index("left_shoulder"), JOINTS.index("right_shoulder")
    assert before[left, 0] - before[right, 0] > 0.2
    for t in range(30, 35):
        after = lifter.lift_people([wrong], BLAZEPOSE33, CAMERA, [1], t / 30).poses[0]
        assert after[left, 0] - after[right, 0] > 0.2
    newcomer = lifter.lift_people([wrong], BLAZEPOSE33, CAMERA, [2], 35 / 30).poses[0]
    assert newcomer[left, 0] - newcomer[right, 0] < 0


def test_nobody(lifter: FusionLifter) -> None:
    lifted = lifter.lift_people([], BLAZEPOSE33, CAMERA, [], 0.0)
    assert lifted.poses.shape == (0, COUNT, 3)
    assert lifted.roots.shape == (0, 3)


def test_wrong_files_and_heights_are_refused() -> None:
    with pytest.raises(ModelError, match="not a fusion lifter"):
        FusionLifter(FOLDER / "svmac.onnx", options=LoadOptions(threads=1))
    with pytest.raises(ConfigError):
        FusionLifter(height_m=0.0)


def test_it_says_what_it_is(lifter: FusionLifter) -> None:
    facts = lifter.describe()
    assert facts["lifter"] == "fusion"
    assert len(str(facts["lifter_sha256"])) == 64


def test_place_finds_the_root_of_an_exact_pose() -> None:
    rng = np.random.default_rng(0)
    poses = rng.normal(size=(4, COUNT, 3)) * 0.4
    poses[:, ROOT] = 0
    roots = np.stack([rng.uniform(-1, 1, 4), rng.uniform(-1, 1, 4), rng.uniform(2, 8, 4)], -1)
    joints = poses + roots[:, None]
    plane = joints[..., :2] / joints[..., 2:]
    np.testing.assert_allclose(place(poses, plane, np.ones((4, COUNT))), roots, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("lying", [False, True])
def test_exchanged_sides_do_not_draw_the_root_to_the_camera(lying: bool) -> None:
    """A star, legs and arms apart, is seen as its mirror image in the picture."""
    pose = np.zeros((COUNT, 3))
    rng = np.random.default_rng(1)
    for joint, twin in enumerate(RTPOSE28.twins):
        if joint <= twin:
            pose[joint] = rng.uniform(-0.7, 0.7, 3) * [joint != twin, 1, 0.3]
            pose[twin] = pose[joint] * [-1, 1, 1]
    pose -= pose[ROOT]
    turned = pose[:, [1, 0, 2]] if lying else pose
    joints = turned[RTPOSE28.twins] + [0.2, 0.1, 4.0]
    (root,) = place(turned[None], (joints[:, :2] / joints[:, 2:])[None], np.ones((1, COUNT)))
    np.testing.assert_allclose(root, [0.2, 0.1, 4.0], atol=0.3)


def test_confidence_falls_with_the_expected_error() -> None:
    values = closeness(np.array([0.001, 0.01, 0.03, 0.1, 1.0], np.float32))
    assert (np.diff(values) < 0).all()
    assert values[0] == pytest.approx(1, abs=1e-6)
    assert values[-1] < 0.001


def test_confidence_falls_with_the_distance_from_the_root() -> None:
    """Nobody's size is known: of two joints that are seen equally well the farther one is less sure."""
    scale_m = np.full((1, COUNT), 0.03, np.float32)
    poses = np.zeros((1, COUNT, 3), np.float32)
    near, far = JOINTS.index("left_knee"), JOINTS.index("left_foot")
    poses[0, near, 1], poses[0, far, 1] = 0.4, 0.9
    confidence = _confidence(scale_m, np.ones((1, COUNT), np.float32), poses)[0]
    # 1 - exp(-x) (1 + x + x^2 / 2) of x = 0.1 / hypot(0.88 * 0.03, 0.1 * distance / 3).
    assert confidence[near] == pytest.approx(0.657, abs=0.002)
    assert confidence[far] == pytest.approx(0.457, abs=0.002)
