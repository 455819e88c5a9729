"""`rtpose.pose.cascaded.estimator`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from cascaded_files import RECORDED, RENDERED, write_cascaded
from lifter_files import write_lifter

from rtpose.errors import ConfigError, ModelError
from rtpose.geometry import camera_from_fov, pixels_from_camera, standing_height
from rtpose.pose.cascaded.crop_codec import CropCodec
from rtpose.pose.cascaded.estimator import CascadedEstimator, CascadedNetwork, CropPose, only_rendered
from rtpose.pose.detect.roi import Roi
from rtpose.pose.track import PersonTracker
from rtpose.types import Camera, Float32, Frame, Image

SIZE = (640, 480)
CAMERA = camera_from_fov(SIZE)
CODEC = CropCodec(64, 16, 16)


def body(x: float, z: float = 6.0, seed: int = 0) -> Float32:
    """(17, 3) metres in camera space."""
    pose = np.random.default_rng(seed).uniform(-0.6, 0.6, (17, 3)).astype(np.float32)
    pose -= pose[0]
    return pose + np.array([x, 0, z], np.float32)


def box(joints_m: Float32) -> Float32:
    pixels = pixels_from_camera(joints_m, CAMERA)
    return np.concatenate([pixels.min(0), pixels.max(0)])


@dataclass
class World:
    """Who is there. Stands in for the person detector and for the network, which see the true bodies."""

    bodies: list[Float32] = field(default_factory=list)
    confidence: float = 0.9
    score: float = 0.9
    sure_score: float = 0.6
    found: bool = True
    finds: int = 0
    batches: list[int] = field(default_factory=list)

    def find(self, image: Image, hidden: Sequence[Float32] = ()) -> list[tuple[Roi, float]]:
        self.finds += 1
        people = [replace(CODEC.roi(box(one)), angle_rad=0.3) for one in self.bodies] if self.found else []
        return [
            (roi, self.score)
            for roi in people
            if not any(b[0] < roi.cx < b[2] and b[1] < roi.cy < b[3] for b in hidden)
        ]


class Network(CascadedNetwork):
    def __init__(self, world: World) -> None:
        self.codec = CODEC
        self.facts = {"name": "cascaded"}
        self._world = world

    def look(self, image: Image, rois: Sequence[Roi], camera: Camera, height_m: float | None = None) -> list[CropPose]:
        self._world.batches.append(len(rois))
        found = []
        for roi in rois:
            pixels = [pixels_from_camera(one, camera) for one in self._world.bodies]
            near = [float(np.hypot(*(p.mean(0) - (roi.cx, roi.cy)))) for p in pixels]
            sure = self._world.confidence if near and min(near) < 0.3 * roi.side else 0.05
            i = int(np.argmin(near)) if near else 0
            one = self._world.bodies[i] if near else np.ones((17, 3), np.float32)
            at = pixels[i] if near else np.full((17, 2), roi.cx, np.float32)
            found.append(CropPose(at, one - one[0], one[0], np.full(17, sure, np.float32)))
        return found


def estimator(world: World, persons: int = 1) -> CascadedEstimator:
    return CascadedEstimator(Network(world), world, PersonTracker(), persons=persons)


def frame(i: int, fps: float = 30.0, size: tuple[int, int] = SIZE) -> Frame:
    return Frame(np.zeros((size[1], size[0], 3), np.uint8), i, 0, i / fps)


def test_the_detector_rests_while_somebody_is_tracked() -> None:
    world = World([body(0.0)])
    one = estimator(world)
    ids, finds = set(), []
    for i in range(40):
        world.bodies = [body(0.02 * i)]
        (person,) = one.estimate(frame(i), CAMERA)
        np.testing.assert_allclose(person.root_3d, world.bodies[0][0])
        np.testing.assert_allclose(person.keypoints_2d[:17, :2], pixels_from_camera(world.bodies[0], CAMERA), atol=1e-3)
        ids.add(person.track_id)
        finds.append(world.finds)
    assert ids == {0}
    assert finds == [1] * 40
    x0, y0, x1, y1 = person.bbox  # a margin of 10 % around the joints
    low, high = box(world.bodies[0])[:2], box(world.bodies[0])[2:]
    np.testing.assert_allclose([x1 - x0, y1 - y0], 1.2 * (high - low), rtol=1e-5)


def test_everybody_goes_through_the_network_at_once() -> None:
    world = World([body(-1.8, seed=1), body(0.0, seed=2), body(1.8, seed=3)])
    three = estimator(world, persons=4)
    for i in range(3):
        people = three.estimate(frame(i), CAMERA)
        assert [p.track_id for p in people] == [0, 1, 2]
        for person, true in zip(people, world.bodies, strict=True):
            np.testing.assert_allclose(person.pose_3d[:17], true - true[0])
    assert world.batches == [3, 3, 3]


def test_no_more_than_wanted_are_followed() -> None:
    world = World([body(-1.5), body(1.5)])
    assert len(estimator(world, persons=1).estimate(frame(0), CAMERA)) == 1


def test_somebody_lost_is_looked_for() -> None:
    world = World([body(-1.5)])
    one = estimator(world)
    one.estimate(frame(0), CAMERA)
    world.bodies = [body(1.5)]  # a jump out of the square
    assert one.estimate(frame(1), CAMERA) == []
    (person,) = one.estimate(frame(2), CAMERA)
    assert person.root_3d[0] == 1.5
    assert world.finds == 2  # not in the frame itself: one batch for each


@pytest.mark.parametrize(("found", "expected"), [(True, 1), (False, 0)])
def test_somebody_doubted_stays_if_the_detector_is_sure(found: bool, expected: int) -> None:
    world = World([body(0.0)], confidence=0.4)
    one = estimator(world)
    assert len(one.estimate(frame(0), CAMERA)) == 1
    world.found = found
    assert len(one.estimate(frame(1), CAMERA)) == expected
    assert world.finds == 2


def test_the_detector_has_to_be_sure_of_new_people() -> None:
    world = World([body(0.0)], score=0.55)
    assert estimator(world).estimate(frame(0), CAMERA) == []


def test_new_people_are_looked_for_twice_a_second() -> None:
    world = World([body(-1.5)])
    two = estimator(world, persons=2)
    two.estimate(frame(0), CAMERA)
    before = world.finds
    world.bodies.append(body(1.5))
    counts = [len(two.estimate(frame(i), CAMERA)) for i in range(1, 20)]
    assert counts == [1] * 14 + [2] * 5
    assert world.finds > before


def test_two_squares_on_one_person_are_one_person() -> None:
    world = World([body(-1.5), body(1.5)])
    two = estimator(world, persons=2)
    two.estimate(frame(0), CAMERA)
    world.bodies = [body(0.0)]
    for i in range(1, 4):
        assert len(two.estimate(frame(i), CAMERA)) <= 1


def test_nobody_and_nothing() -> None:
    world = World()
    one = estimator(world)
    assert one.estimate(frame(0), CAMERA) == []
    assert one.estimate(frame(1, size=(0, 0)), CAMERA) == []
    world.bodies = [body(0.0)]
    assert len(one.estimate(frame(2), CAMERA)) == 1


def test_reset_forgets_the_people() -> None:
    world = World([body(0.0)])
    one = estimator(world)
    assert one.estimate(frame(0), CAMERA)[0].track_id == 0
    one.reset()
    assert one.estimate(frame(1), CAMERA)[0].track_id == 0, "of another source"
    assert world.finds == 2


def test_joints_outside_the_picture_are_unsure() -> None:
    world = World([body(3.3)])
    (person,) = estimator(world).estimate(frame(0), CAMERA)
    given, lacking = person.keypoints_2d[:17], person.keypoints_2d[17:]
    outside = given[:, 0] >= SIZE[0]
    assert 0 < outside.sum() < 17
    np.testing.assert_allclose(given[outside, 2], 0.1)
    np.testing.assert_allclose(person.confidence, person.keypoints_2d[:, 2])
    np.testing.assert_allclose(given[~outside, 2], 0.9)
    assert (lacking[:, 2] == 0).all()
    assert np.isnan(person.pose_3d[17:]).all()


def test_an_impossible_height() -> None:
    with pytest.raises(ConfigError, match=r"0\.3 to 3\.0"):
        CascadedEstimator(Network(World()), World(), PersonTracker(), height_m=17)


# The network itself.


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cascaded(tmp_path_factory.mktemp("cascaded"))


class Answers:
    """A backend that knows the answers."""

    def __init__(self, bodies: list[Float32], rois: list[Roi]) -> None:
        self._bodies, self._rois = bodies, rois

    def run(self, inputs: Mapping[str, Float32]) -> dict[str, Float32]:
        assert inputs["image"].shape == (len(self._rois), 3, 64, 64)
        pairs = list(zip(self._bodies, self._rois, strict=True))
        plane = [CODEC.encode_joints(pixels_from_camera(b, CAMERA), roi) for b, roi in pairs]
        poses = [CODEC.encode_pose(b, roi, CAMERA) for b, roi in pairs]
        return {
            "joints": np.stack([np.column_stack([p, np.zeros(17, np.float32)]) for p in plane]),
            "pose": np.stack(poses),
            "confidence": np.full((len(pairs), 17), 0.8, np.float32),
        }


@pytest.mark.slow
@pytest.mark.parametrize("height_m", [None, 1.5])
def test_exact_answers_are_exact_people(tiny: Path, monkeypatch: pytest.MonkeyPatch, height_m: float | None) -> None:
    """In camera space, wherever in the picture and however turned; told a height, of that height and as much nearer."""
    bodies = [body(-1.8, 5.0, 1), body(1.0, 4.0, 2)]
    rois = [CODEC.roi(box(one)) for one in bodies]
    rois[1] = Roi(rois[1].cx, rois[1].cy, rois[1].side, 0.7)
    network = CascadedNetwork(tiny)
    monkeypatch.setattr(network, "_backend", Answers(bodies, rois))
    found = network.look(np.zeros((480, 640, 3), np.uint8), rois, CAMERA, height_m)
    for one, true in zip(found, bodies, strict=True):
        factor = 1.0 if height_m is None else height_m / float(standing_height(true))
        np.testing.assert_allclose(one.joints_px, pixels_from_camera(true, CAMERA), atol=0.02)
        np.testing.assert_allclose(one.pose_m, factor * (true - true[0]), atol=1e-4)
        np.testing.assert_allclose(one.root_m, factor * true[0], rtol=2e-3, atol=1e-4)


@pytest.mark.slow
def test_a_file_is_run(tiny: Path) -> None:
    """Nobody: nothing; three at once as one by one."""
    network = CascadedNetwork(tiny)
    image = np.random.default_rng(0).integers(0, 255, (480, 640, 3), dtype=np.uint8)
    rois = [Roi(100, 200, 150), Roi(400, 200, 100, 0.2), Roi(600, 400, 300)]
    assert network.look(image, [], CAMERA) == []
    together = network.look(image, rois, CAMERA)
    for roi, one in zip(rois, together, strict=True):
        (alone,) = network.look(image, [roi], CAMERA)
        np.testing.assert_allclose(one.pose_m, alone.pose_m, atol=1e-4)
        assert np.isfinite(one.root_m).all()
        assert (np.abs(one.joints_px - (roi.cx, roi.cy)) <= roi.side).all()


def test_a_lifter_is_no_network_for_pictures(tmp_path: Path) -> None:
    lifter = write_lifter(tmp_path / "lifter.onnx", width=8)
    with pytest.raises(ModelError, match="codec 'crop'"):
        CascadedNetwork(lifter)
    with pytest.raises(ModelError, match="format 2"):
        CascadedNetwork(write_lifter(tmp_path / "newer.onnx", width=8, format=2))


def test_what_a_file_was_trained_on() -> None:
    assert only_rendered({"training_data": RENDERED})
    assert not only_rendered({"training_data": RECORDED})
    assert not only_rendered({"training_data": {**RENDERED, "2d": {"data_set": "COCO keypoints"}}})
    assert not only_rendered({"training_data": {}})
    assert not only_rendered({})
    assert only_rendered({"training_data": {**RENDERED, "start": {"training_data": RENDERED}}})
    assert not only_rendered({"training_data": {**RENDERED, "start": {"training_data": RECORDED}}})
    assert not only_rendered({"training_data": {**RENDERED, "start": "lost"}})


def test_the_variant_without_heatmaps_knows_no_presence(tiny: Path) -> None:
    network = CascadedNetwork(tiny)
    assert network.knows_presence
    network.facts["architecture"]["variant"] = "baseline"
    assert not network.knows_presence
