import math
from pathlib import Path

import numpy as np
import pytest
from lifter_files import write_lifter
from runnable import RUNNABLE

from rtpose.errors import ConfigError, ModelError
from rtpose.geometry import camera_from_fov, pixels_from_camera, standing_height
from rtpose.networks.options import LoadOptions
from rtpose.networks.weights import CASCADED
from rtpose.pose.lift.lifter import NetworkLifter
from rtpose.skeleton import H36M17
from rtpose.types import Camera, Person2D

CAMERA = camera_from_fov((1280, 720))


def _people(count: int = 3) -> np.ndarray:
    rng = np.random.default_rng(0)
    keypoints = rng.uniform(200, 600, size=(count, 17, 3)).astype(np.float32)
    keypoints[..., 2] = 0.9
    return keypoints


@pytest.fixture(scope="module")
def flat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lifter that says depth 0 for every joint."""
    return write_lifter(tmp_path_factory.mktemp("lifter") / "flat.onnx", width=8, zero=True)


@pytest.fixture(scope="module")
def lifter_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lifter(tmp_path_factory.mktemp("lifter") / "random.onnx", width=8)


@pytest.mark.parametrize("backend", RUNNABLE)
@pytest.mark.slow
def test_poses_project_onto_the_2d_joints(lifter_path: Path, backend: str) -> None:
    keypoints = _people()
    poses, roots, confidence = NetworkLifter(str(lifter_path), options=LoadOptions(backend)).lift(keypoints, CAMERA)
    projected = pixels_from_camera(poses + roots[:, None], CAMERA)
    np.testing.assert_allclose(projected, keypoints[..., :2], atol=0.1)
    np.testing.assert_allclose(confidence, 0.9)
    assert (poses[:, 0] == 0).all()
    assert poses.dtype == roots.dtype == np.float32


@pytest.mark.parametrize("height_m", [1.2, 1.95])
def test_people_have_the_height_that_was_asked(lifter_path: Path, height_m: float) -> None:
    poses, _, _ = NetworkLifter(str(lifter_path), height_m=height_m).lift(_people(), CAMERA)
    np.testing.assert_allclose(standing_height(poses), height_m, rtol=1e-4)


def test_a_flat_person_stands_where_its_size_says(flat: Path) -> None:
    """Someone flat and upright 4 m away, seen by a known camera, is found at 4 m, also at the picture's edge."""
    pose = np.zeros((17, 3), np.float32)
    pose[:, 0] = np.linspace(-0.3, 0.3, 17)
    pose[:, 1] = np.cos(np.arange(17)) * 0.8
    pose -= pose[0]
    pose *= 1.7 / float(standing_height(pose))
    lifter = NetworkLifter(str(flat), height_m=1.7)
    for x in (0.0, 1.5):
        root = np.array([x, 0.2, 4], np.float32)
        # Flat as seen from the camera: turned so that it faces the viewer.
        angle = math.atan2(root[0], root[2])
        c, s = math.cos(angle), math.sin(angle)
        facing = pose @ np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]], np.float32)
        seen = pixels_from_camera(facing + root, CAMERA)
        keypoints = np.concatenate([seen, np.ones((17, 1), np.float32)], axis=1)[None].astype(np.float32)
        poses, roots, _ = lifter.lift(keypoints, CAMERA)
        np.testing.assert_allclose(roots[0], root, atol=0.05)
        np.testing.assert_allclose(poses[0], facing, atol=0.05)


def test_nobody_and_coinciding_joints(lifter_path: Path) -> None:
    lifter = NetworkLifter(str(lifter_path))
    poses, roots, confidence = lifter.lift(np.zeros((0, 17, 3), np.float32), CAMERA)
    assert (poses.shape, roots.shape, confidence.shape) == ((0, 17, 3), (0, 3), (0, 17))
    poses, roots, _ = lifter.lift(np.full((1, 17, 3), 100, np.float32), CAMERA)
    assert np.isfinite(poses).all()
    assert np.isfinite(roots).all()


def test_half_a_person_is_measured_by_the_half_that_is_seen(lifter_path: Path) -> None:
    keypoints = _people(1)
    legs = H36M17.indices("left_knee", "right_knee", "left_foot", "right_foot")
    keypoints[:, legs, 2] = 0.0
    _, _, confidence = NetworkLifter(str(lifter_path)).lift(keypoints, CAMERA)
    assert (confidence[0, legs] == 0).all()


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"skeleton": "coco17"}, "coco17, expected h36m17"),
        ({"format": 2}, "format 2, this rtpose runs format 1"),
        ({"normalisation": {"codec": "other"}}, "other"),
        ({"normalisation": {"codec": "depth", "distance": "far"}}, "far"),
        ({"normalisation": "plain"}, "plain"),
        ({"skeleton": None}, "lacks skeleton"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, facts: dict[str, object], words: str) -> None:
    path = write_lifter(tmp_path / "odd.onnx", width=8, **facts)
    with pytest.raises(ModelError, match=words):
        NetworkLifter(str(path))


@pytest.mark.parametrize("backend", RUNNABLE)
@pytest.mark.parametrize("damage", [b"", b"not a network", None])
def test_a_damaged_file_is_refused(tmp_path: Path, lifter_path: Path, backend: str, damage: bytes | None) -> None:
    path = tmp_path / "damaged.onnx"
    path.write_bytes(lifter_path.read_bytes()[:-100] if damage is None else damage)
    with pytest.raises(ModelError, match=r"damaged\.onnx"):
        NetworkLifter(str(path), options=LoadOptions(backend))


def test_unknown_names() -> None:
    with pytest.raises(ConfigError, match="no lifter 'magic': choose one of consistency, fusion, svmac, or an"):
        NetworkLifter("magic")
    for name in ("baseline", "temporal"):
        with pytest.raises(ConfigError, match=f"no lifter '{name}' any more, fusion has replaced it: choose one of"):
            NetworkLifter(name)
    with pytest.raises(ModelError, match=r"gone\.onnx does not exist"):
        NetworkLifter("gone.onnx")
    with pytest.raises(ConfigError, match="height"):
        NetworkLifter("svmac", height_m=17)
    with pytest.raises(ConfigError, match="no backend 'abacus'"):
        NetworkLifter("svmac", options=LoadOptions("abacus"))


def test_camera_as_array() -> None:
    assert Camera(1, 2, 3, 4).as_array().tolist() == [1, 2, 3, 4]


def test_a_network_of_other_inputs_is_no_lifter() -> None:
    with pytest.raises(ModelError, match="is not a lifter: it has the inputs"):
        NetworkLifter(str(CASCADED))


def test_it_does_not_remember(lifter_path: Path) -> None:
    lifter = NetworkLifter(str(lifter_path))
    assert not lifter.remembers
    person = Person2D(_people(1)[0], np.zeros(4, np.float32), 1.0)
    first, again = (lifter.lift_people([person], H36M17, CAMERA, [0], t_s).poses for t_s in (0.0, 0.1))
    np.testing.assert_array_equal(first, again)
