"""The detector's logic with pretended networks in a tiny world, and the real networks on real clips."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
import pytest

from rtpose.errors import ConfigError, ModelError
from rtpose.networks import downloads
from rtpose.networks.options import LoadOptions
from rtpose.networks.pool import NetworkPool
from rtpose.pose.detect import blazepose, heatmaps, landmarks, open_detector, person_finder, ssd
from rtpose.pose.detect.appearance import BINS
from rtpose.pose.detect.blazepose import BlazePose
from rtpose.skeleton import BLAZEPOSE33
from rtpose.types import Frame, Person2D

SIDE = 256
MEDIA = Path(__file__).parents[5] / "shared" / "media"


@dataclass
class Body:
    """Somebody in the tiny world: where the hips are, how big the circle around the body is."""

    x: float
    y: float
    radius: float = 50.0
    presence: float = 1.0
    detection_logit: float = 3.0
    visibility_logit: float = 5.0
    presence_logit: float = 5.0
    roll_rad: float = 0.0
    """Clockwise as seen, away from upright."""
    found_upside_down: bool = False
    """The person detector takes feet for head, and the landmark network believes the square, but not quite."""

    @property
    def up(self) -> np.ndarray:
        """(2,): from the hips to the head, in the picture."""
        return np.array([np.sin(self.roll_rad), -np.cos(self.roll_rad)])

    def world_m(self) -> np.ndarray:
        """(39, 3): its joints in camera axes."""
        along = np.linspace(-1, 1, 39)
        return np.column_stack([along[:, None] * self.up + 0.1, along**2])


@dataclass
class World:
    """A picture of 256 x 256 whose red and green say x and y, so that a crop knows where it was cut."""

    bodies: list[Body] = field(default_factory=list)
    finds: int = 0
    looks: int = 0
    nearest: Body | None = None
    """Whom the landmark network saw last."""
    raw_value: float | None = None
    """Put into the landmarks instead of the truth."""

    def image(self) -> np.ndarray:
        rows, columns = np.mgrid[0:SIDE, 0:SIDE]
        return np.stack([columns, rows, np.full_like(rows, 255)], axis=-1).astype(np.uint8)

    def find(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        self.finds += 1
        pixels = inputs["input_1"][0]
        raw = np.zeros((1, 2254, 12), np.float32)
        logits = np.full((1, 2254, 1), -10, np.float32)
        anchors = ssd.anchor_centres()
        for body in self.bodies:
            x, y = (int(v * ssd.INPUT_SIZE / SIDE) for v in (body.x, body.y))
            if pixels[y, x, 2] < 0.9:  # hidden
                continue
            hips = np.array([body.x, body.y]) / SIDE
            above = hips + (-body.up if body.found_upside_down else body.up) * body.radius / SIDE
            i = np.linalg.norm(anchors - hips, axis=1).argmin()
            size = np.array([0.1, 0.1])
            values = [hips - anchors[i], size, *(p - anchors[i] for p in (hips, above, hips, above))]
            raw[0, i] = np.concatenate(values) * ssd.INPUT_SIZE
            logits[0, i] = body.detection_logit
        return {"Identity": raw, "Identity_1": logits}

    def look(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        self.looks += 1
        pixels = inputs["input_1"][0] * 255
        # Two places near the middle tell shift, scale and turn.
        middle, beside = pixels[128, 128, :2], pixels[128, 144, :2]
        scale = max(float(np.hypot(*(beside - middle))) / 16, 1e-3)
        angle = np.arctan2(*(beside - middle)[::-1])
        c, s = np.cos(angle), np.sin(angle)
        picture_from_square = np.array([[c, -s], [s, c]])
        world = np.zeros((39, 3), np.float32)
        raw = np.zeros((39, 5), np.float32)
        raw[:, 3:] = -9
        nearest = min(self.bodies, key=lambda b: np.hypot(*(middle - (b.x, b.y))), default=None)
        self.nearest = nearest
        presence = 0.0
        if nearest is not None and np.hypot(*(middle - (nearest.x, nearest.y))) < nearest.radius:
            presence, up = nearest.presence, nearest.up
            if nearest.found_upside_down and picture_from_square[:, 1] @ up > 0:  # the square's down is the body's up
                presence, up = 0.98, -up
            hips = np.array([nearest.x, nearest.y])
            angles = np.arange(39)
            ring = hips + 0.8 * nearest.radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
            ring[33], ring[34] = hips, hips + nearest.radius * up
            raw[:, :2] = (ring - middle) @ picture_from_square / scale + 128  # rows: the inverse rotation
            raw[:, 2] = angles
            raw[:, 3], raw[:, 4] = nearest.visibility_logit, nearest.presence_logit
            world = nearest.world_m()
            world[:, :2] = world[:, :2] @ picture_from_square
        if self.raw_value is not None:
            raw[:] = self.raw_value
        return {
            "Identity": raw.reshape(1, 195),
            "Identity_1": np.array([[presence]], np.float32),
            "Identity_3": np.full((1, 64, 64, 39), -10, np.float32),
            "Identity_4": world.reshape(1, 117).astype(np.float32),
        }


@dataclass
class PretendedNetwork:
    run: object


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()

    def load(pool: NetworkPool, model: Path, options: LoadOptions) -> PretendedNetwork:
        return PretendedNetwork(world.find if "detection" in model.name else world.look)

    monkeypatch.setattr(NetworkPool, "load", load)
    monkeypatch.setattr(downloads, "ensure", Path)
    # The colours of this world say where something is, not what it looks like.
    monkeypatch.setattr(landmarks, "appearance_of", lambda *_: np.full((2, BINS), np.nan, np.float32))
    return world


def frame(world: World, i: int = 0, fps: float = 30.0) -> Frame:
    return Frame(world.image(), i, 0, i / fps)


def centre_x(person: Person2D) -> float:
    return float(person.bbox[[0, 2]].mean())


def test_finds_and_then_tracks_without_searching(world: World) -> None:
    world.bodies = [Body(128, 128)]
    detector = BlazePose()
    for i in range(20):
        world.bodies[0].x = 128 + 2 * i
        (person,) = detector.detect(frame(world, i))
        assert centre_x(person) == pytest.approx(128 + 2 * i, abs=3)
    assert world.finds == 1
    assert world.looks == 20


@pytest.mark.parametrize("upside_down", [False, True])
@pytest.mark.parametrize("roll_rad", [0.0, np.pi])
def test_who_is_found_the_wrong_way_up_is_turned_around(world: World, upside_down: bool, roll_rad: float) -> None:
    """But not who really stands on their head."""
    world.bodies = [Body(128, 128, roll_rad=roll_rad, found_upside_down=upside_down)]
    detector = BlazePose()
    for i in range(3):
        (person,) = detector.detect(frame(world, i))
        assert person.evidence is not None
        assert np.cos(person.evidence.angle_rad - roll_rad) == pytest.approx(1)
    assert world.looks == 3 + upside_down


def test_person_2d_is_what_the_contract_says(world: World) -> None:
    world.bodies = [Body(128, 128)]
    (person,) = BlazePose().detect(frame(world))
    assert person.keypoints.shape == (33, 3)
    assert person.keypoints.dtype == person.bbox.dtype == np.float32
    low, high = person.keypoints[:, :2].min(0), person.keypoints[:, :2].max(0)
    assert (person.bbox[:2] < low).all()
    assert (person.bbox[2:] > high).all()
    np.testing.assert_allclose(person.keypoints[:, 2], 1 / (1 + np.exp(-5)), rtol=1e-5)
    assert person.score == 1.0


def test_joints_outside_the_picture_are_never_sure(world: World) -> None:
    world.bodies = [Body(128, 230)]
    (person,) = BlazePose().detect(frame(world))
    below = person.keypoints[:, 1] >= SIDE
    assert below.any()
    assert (person.keypoints[below, 2] <= 0.1).all()
    assert (person.keypoints[~below, 2] > 0.9).all()
    assert person.bbox[3] > SIDE


def test_nobody_is_invented(world: World) -> None:
    detector = BlazePose()
    assert detector.detect(frame(world, 0)) == []
    world.bodies = [Body(128, 128, presence=0.4)]
    assert detector.detect(frame(world, 1)) == []
    # Both networks half sure: furniture.
    world.bodies = [Body(128, 128, presence=0.95, detection_logit=0.2)]
    assert detector.detect(frame(world, 2)) == []
    assert world.finds == 3


@pytest.mark.parametrize("body", [Body(128, 128, presence=0.6), Body(128, 128, presence=0.9999, detection_logit=0.2)])
def test_one_sure_network_is_enough(world: World, body: Body) -> None:
    world.bodies = [body]
    assert len(BlazePose().detect(frame(world))) == 1


def test_a_doubtful_person_stays_only_if_the_detector_agrees(world: World) -> None:
    world.bodies = [Body(128, 128)]
    detector = BlazePose()
    detector.detect(frame(world, 0))
    world.bodies[0].presence = 0.7
    assert len(detector.detect(frame(world, 1))) == 1
    assert world.finds == 2
    world.bodies[0].detection_logit = 0.2
    assert detector.detect(frame(world, 2)) == []


def test_somebody_lost_is_looked_for_in_the_same_frame(world: World) -> None:
    world.bodies = [Body(60, 128, radius=40)]
    detector = BlazePose()
    detector.detect(frame(world, 0))
    world.bodies = [Body(200, 128, radius=40)]
    (person,) = detector.detect(frame(world, 1))
    assert centre_x(person) == pytest.approx(200, abs=4)


def test_with_room_left_it_searches_twice_a_second(world: World) -> None:
    world.bodies = [Body(60, 128, radius=40)]
    detector = BlazePose(persons=2)
    for i in range(16):
        detector.detect(frame(world, i))
    # At the start and after half a second, each with a second look around the person seen.
    assert world.finds == 4
    assert world.looks == 16


def test_a_second_person_is_found_while_the_first_is_tracked(world: World) -> None:
    world.bodies = [Body(60, 128, radius=40)]
    detector = BlazePose(persons=2)
    detector.detect(frame(world, 0))
    world.bodies.append(Body(200, 128, radius=40))
    counts = [len(detector.detect(frame(world, i))) for i in range(1, 20)]
    assert counts == [1] * 14 + [2] * 5


def test_somebody_lying_of_whom_nobody_is_sure_comes_after_who_stands(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two people seen from above pass for one who lies, wider than high and not sure; a part of the picture shows one.
    lying, standing = Body(128, 128, radius=60, presence=0.9), Body(180, 128, radius=30)
    monkeypatch.setattr(blazepose, "is_upright", lambda one: one.person.score > 0.95)
    world.bodies = [lying, standing]
    detector = BlazePose(persons=1)
    (person,) = detector.detect(frame(world, 0))
    assert centre_x(person) == pytest.approx(180, abs=3)
    world.bodies = [lying]
    detector.reset()
    (person,) = detector.detect(frame(world, 1))
    assert centre_x(person) == pytest.approx(128, abs=3)


def test_no_more_people_than_asked_for(world: World) -> None:
    world.bodies = [Body(40, 128, radius=30), Body(128, 128, radius=30), Body(216, 128, radius=30)]
    assert len(BlazePose(persons=2).detect(frame(world))) == 2
    assert len(BlazePose(persons=5).detect(frame(world))) == 3


def test_two_squares_on_one_person_become_one(world: World) -> None:
    world.bodies = [Body(90, 128, radius=40), Body(166, 128, radius=40)]
    detector = BlazePose(persons=2)
    assert len(detector.detect(frame(world, 0))) == 2
    world.bodies = [Body(128, 128, radius=60)]
    assert len(detector.detect(frame(world, 1))) == 1


@pytest.fixture
def wardrobe(world: World, monkeypatch: pytest.MonkeyPatch) -> dict[int, int]:
    """Colours of bodies, by their id; the others' are the first."""
    colours: dict[int, int] = {}

    def look(*_: object) -> np.ndarray:
        look = np.zeros((2, BINS), np.float32)
        look[:, colours.get(id(world.nearest), 0)] = 3
        return look

    monkeypatch.setattr(landmarks, "appearance_of", look)
    return colours


def test_one_person_stays_the_one_when_somebody_walks_in_front(world: World, wardrobe: dict[int, int]) -> None:
    follow, passer = Body(120, 128), Body(250, 128, radius=60)
    wardrobe[id(passer)] = 1
    detector = BlazePose(persons=1)
    world.bodies = [follow]
    for i in range(5):
        detector.detect(frame(world, i))
    shown = []
    for i in range(5, 60):
        passer.x -= 5
        world.bodies = [passer] if abs(passer.x - follow.x) < 40 else [follow, passer]
        shown += [centre_x(person) - follow.x for person in detector.detect(frame(world, i))]
    assert max(map(abs, shown)) < 5  # never the passer
    assert len(shown) >= 55 - 2 * 40 / 5


def test_one_person_who_leaves_is_not_replaced_while_they_are_remembered(
    world: World, wardrobe: dict[int, int]
) -> None:
    follow, other = Body(60, 128, radius=40), Body(200, 128, radius=40)
    wardrobe[id(other)] = 1
    detector = BlazePose(persons=1)
    world.bodies = [follow]
    detector.detect(frame(world, 0, fps=5))
    world.bodies = [other]
    counts = [len(detector.detect(frame(world, i, fps=5))) for i in range(1, 60)]
    assert counts == [0] * 19 + [1] * 40  # four seconds
    detector.reset()
    world.bodies = [follow]
    detector.detect(frame(world, 60, fps=5))
    world.bodies = [other]
    assert detector.detect(frame(world, 65, fps=5)) == []
    world.bodies = [other, follow]
    (person,) = detector.detect(frame(world, 66, fps=5))
    assert centre_x(person) == pytest.approx(60, abs=4)


def test_strangers_are_followed_only_while_they_are_near_or_in_doubt(world: World, wardrobe: dict[int, int]) -> None:
    follow, other = Body(60, 128, radius=40), Body(200, 128, radius=40)
    wardrobe[id(other)] = 1
    detector = BlazePose(persons=1)
    world.bodies = [follow]
    detector.detect(frame(world, 0))
    world.bodies = [other]  # the person is hidden for a moment
    assert detector.detect(frame(world, 1)) == []
    world.bodies = [follow, other]
    looks = []
    for i in range(2, 130):
        before = world.looks
        assert len(detector.detect(frame(world, i))) == 1
        looks.append(world.looks - before)
    assert looks[10] == 2
    assert looks[-10:] == [1] * 10
    finds = world.finds
    detector.detect(frame(world, 130))
    assert world.finds == finds


def test_surest_first(world: World) -> None:
    world.bodies = [Body(60, 128, radius=40, presence=0.96), Body(200, 128, radius=40, presence=0.99)]
    people = BlazePose(persons=2).detect(frame(world))
    assert [round(person.score, 2) for person in people] == [0.99, 0.96]


def test_reset_and_another_size_forget(world: World) -> None:
    world.bodies = [Body(128, 128)]
    detector = BlazePose()
    detector.detect(frame(world, 0))
    detector.reset()
    detector.detect(frame(world, 1))
    assert world.finds == 2
    detector.detect(Frame(np.ascontiguousarray(world.image()[:250]), 2, 0, 0.1))
    assert world.finds == 3


def test_time_that_jumps_back_searches(world: World) -> None:
    world.bodies = [Body(60, 128, radius=40)]
    detector = BlazePose(persons=2)
    detector.detect(frame(world, 100))
    before = world.finds
    detector.detect(frame(world, 0))
    assert world.finds > before


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, 0.0])
def test_rubbish_from_the_network_is_nobody(world: World, value: float) -> None:
    world.bodies = [Body(128, 128)]
    world.raw_value = value
    detector = BlazePose(persons=2)
    assert detector.detect(frame(world, 0)) == []
    assert detector.detect(frame(world, 1)) == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (3, 2), (0, 7)])
def test_tiny_pictures(world: World, shape: tuple[int, int]) -> None:
    detector = BlazePose()
    assert detector.detect(Frame(np.zeros((*shape, 3), np.uint8), 0, 0, 0.0)) == []


def test_refine_moves_to_the_heatmaps_peak() -> None:
    heatmap = np.full((64, 64, 3), -20, np.float32)
    heatmap[21, 12, 0] = 9.0  # two rows below, one column right of the first point
    heatmap[40, 40, 1] = 9.0  # far from the second point
    heatmap[63, 0, 2] = 9.0
    points = np.array([[11.5, 19.5], [11.5, 19.5], [-30.0, 63.5]], np.float32) / 64
    refined = heatmaps.refine(points, heatmap)
    np.testing.assert_allclose(refined[0] * 64, [12, 21], atol=1e-3)
    np.testing.assert_array_equal(refined[1:], points[1:])


def test_spread_tells_one_sharp_peak_from_a_wide_one_and_from_two() -> None:
    heatmap = np.full((64, 64, 4), -10, np.float32)
    heatmap[20, 30, 0] = 8
    heatmap[20:25, 30:35, 1] = 8
    heatmap[10, 10, 2] = heatmap[10, 50, 2] = 8
    one, wide, two, none = heatmaps.peak_spread(heatmap)
    assert one == pytest.approx(0, abs=1e-3)
    assert wide == pytest.approx(2, abs=1e-3)  # a variance of 2 on each axis
    assert two == pytest.approx(20, abs=1e-3)
    assert none == pytest.approx(heatmaps.UNKNOWN_SPREAD)


@pytest.mark.parametrize("roll_deg", [0, 35, -90, 160])
def test_evidence_is_in_the_pictures_pixels_and_camera_axes(world: World, roll_deg: float) -> None:
    """However the person and so the square are turned."""
    body = Body(128, 128, radius=40.0, visibility_logit=2.0, presence_logit=1.0, roll_rad=np.radians(roll_deg))
    world.bodies = [body]
    (person,) = BlazePose(measure_spread=True).detect(frame(world))
    evidence = person.evidence
    assert evidence is not None
    names = ("image_z_px", "world_m", "visibility", "presence", "spread_px")
    shapes = [getattr(evidence, name).shape for name in names]
    assert shapes == [(33,), (33, 3), (33,), (33,), (33,)]
    assert {getattr(evidence, name).dtype for name in names} == {np.dtype(np.float32)}
    assert np.angle(np.exp(1j * (evidence.angle_rad - body.roll_rad))) == pytest.approx(0, abs=0.02)
    # The picture's red and green are whole numbers, from which the stand-in reads the turn.
    np.testing.assert_allclose(evidence.world_m, body.world_m()[:33], atol=0.06)
    side = 2 * 40.0 * person_finder.ROI_MARGIN
    np.testing.assert_allclose(evidence.image_z_px, np.arange(33) * side / 256, rtol=1e-3)
    np.testing.assert_allclose(evidence.visibility, 1 / (1 + np.exp(-2.0)), rtol=1e-5)
    np.testing.assert_allclose(evidence.presence, 1 / (1 + np.exp(-1.0)), rtol=1e-5)
    np.testing.assert_allclose(evidence.spread_px, heatmaps.UNKNOWN_SPREAD * side / 64, rtol=1e-3)
    np.testing.assert_allclose(person.keypoints[:, 2], np.minimum(evidence.visibility, evidence.presence))


@pytest.mark.parametrize(("presence", "measured"), [(1.0, False), (0.99, True)])
def test_spread_is_measured_where_the_network_is_not_sure(world: World, presence: float, measured: bool) -> None:
    world.bodies = [Body(128, 128, presence=presence)]
    (person,) = BlazePose().detect(frame(world))
    assert person.evidence is not None
    assert (person.evidence.spread_px is not None) == measured


def test_another_network_with_the_same_names_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.bodies = [Body(128, 128)]
    look = world.look
    monkeypatch.setattr(world, "look", lambda inputs: look(inputs) | {"Identity_4": np.zeros((1, 99), np.float32)})
    with pytest.raises(ModelError, match=r"Identity_4 is \(1, 99\), expected \(1, 117\)"):
        BlazePose().detect(frame(world))


def test_3d_joints_that_are_garbage_are_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.bodies = [Body(128, 128)]
    look = world.look
    monkeypatch.setattr(world, "look", lambda inputs: look(inputs) | {"Identity_4": np.full((1, 117), np.nan)})
    assert BlazePose().detect(frame(world)) == []


def test_the_three_networks_and_no_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(downloads, "ensure", lambda name: (asked.append(name), Path(name))[1])
    for network in (None, "lite", "full", "heavy"):
        open_detector("blazepose", network=network)
    assert [name for name in asked if "landmark" in name] == [
        f"pose_landmark_{size}.tflite" for size in ("full", "lite", "full", "heavy")
    ]
    with pytest.raises(ConfigError, match="blazepose has no network 'huge': choose one of full, heavy, lite"):
        BlazePose(network="huge")


# The real networks


def clip(name: str, limit: int | None = None) -> Iterator[Frame]:
    path = MEDIA / name
    if not path.exists():
        pytest.skip(f"needs the clip {name} in ../shared/media")
    with av.open(str(path)) as container:
        for i, picture in enumerate(container.decode(video=0)):
            if i == limit:
                return
            yield Frame(picture.to_ndarray(format="rgb24"), i, 0, float(picture.time or 0.0))


@pytest.fixture(scope="module")
def real() -> BlazePose:
    return BlazePose(options=LoadOptions(threads=2), measure_spread=True)


@pytest.fixture
def detector(real: BlazePose) -> BlazePose:
    real.reset()
    return real


def joint(person: Person2D, name: str) -> np.ndarray:
    return person.keypoints[BLAZEPOSE33.index_of[name]]


def test_a_person_in_every_frame_with_left_and_up_right(detector: BlazePose) -> None:
    for one in clip("tfjs_pose_squats.mp4"):
        (person,) = detector.detect(one)
        # She faces the camera: her left is on the picture's right.
        assert joint(person, "left_shoulder")[0] > joint(person, "right_shoulder")[0]
        assert joint(person, "left_hip")[0] > joint(person, "right_hip")[0]
        feet = min(joint(person, "left_ankle")[1], joint(person, "right_ankle")[1])
        assert joint(person, "nose")[1] < joint(person, "left_hip")[1] < feet
        assert np.median(person.keypoints[:, 2]) > 0.9


def test_a_turned_picture_gives_turned_joints(detector: BlazePose) -> None:
    (upright,) = clip("tfjs_pose.jpg")
    (before,) = detector.detect(upright)
    turned = np.ascontiguousarray(np.rot90(upright.image))
    (after,) = detector.detect(Frame(turned, 1, 0, 1.0))
    # (x, y) goes to (y, width - x) when the picture turns left.
    back = np.stack([upright.size[0] - after.keypoints[:, 1], after.keypoints[:, 0]], axis=1)
    distance = np.linalg.norm(back - before.keypoints[:, :2], axis=1)
    assert np.median(distance) < 0.02 * np.ptp(before.keypoints[:, 1])


@pytest.mark.slow
def test_a_room_with_a_table_holds_nobody(detector: BlazePose) -> None:
    assert [detector.detect(one) for one in clip("intel_one_by_one_person.mp4", 60)] == [[]] * 60


@pytest.mark.parametrize("turns", [0, 1, 2])
def test_the_real_networks_3d_stands_as_the_person_does(real: BlazePose, turns: int) -> None:
    """Up in the picture is up in the network's own 3D, also where the picture is turned."""
    (upright,) = clip("tfjs_pose.jpg")
    real.reset()
    (person,) = real.detect(Frame(np.ascontiguousarray(np.rot90(upright.image, turns)), 0, 0, 0.0))
    assert person.evidence is not None
    flat, solid = person.keypoints[:, :2], person.evidence.world_m
    for high, low in (("nose", "left_hip"), ("left_shoulder", "left_hip"), ("right_hip", "right_ankle")):
        i, j = BLAZEPOSE33.index_of[high], BLAZEPOSE33.index_of[low]
        in_picture, in_space = flat[i] - flat[j], solid[i, :2] - solid[j, :2]
        cosine = in_picture @ in_space / np.linalg.norm(in_picture) / np.linalg.norm(in_space)
        assert cosine > 0.97, (high, low)
    hips = [BLAZEPOSE33.index_of[name] for name in ("left_hip", "right_hip")]
    assert np.linalg.norm(solid[hips].mean(0)) < 0.05
    assert 0.5 < np.linalg.norm(solid[BLAZEPOSE33.index_of["nose"]]) < 0.9
    assert person.evidence.spread_px is not None
    assert np.median(person.evidence.spread_px) < 0.05 * np.ptp(flat[:, 1])


def test_half_a_person_has_no_sure_legs(detector: BlazePose) -> None:
    (first,) = clip("tfjs_pose_squats.mp4", 1)
    half = Frame(np.ascontiguousarray(first.image[:560]), 0, 0, 0.0)
    (person,) = detector.detect(half)
    assert joint(person, "left_shoulder")[2] > 0.9
    for name in ("left_knee", "right_knee", "left_ankle", "right_ankle"):
        assert joint(person, name)[2] <= 0.1


def test_several_people(real: BlazePose) -> None:
    (first,) = clip("tfjs_pose_squats.mp4", 1)
    three = np.ascontiguousarray(np.hstack([first.image, first.image[:, ::-1], first.image]))
    people = open_detector("blazepose", persons=4, options=LoadOptions(threads=2)).detect(Frame(three, 0, 0, 0.0))
    assert sorted(int(joint(person, "nose")[0] // first.size[0]) for person in people) == [0, 1, 2]


@pytest.mark.parametrize("shape", [(1, 1), (2, 300), (300, 2), (64, 64)])
def test_real_networks_on_empty_and_noisy_pictures(detector: BlazePose, shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    for i, image in enumerate((np.zeros_like(noise), np.full_like(noise, 255), noise)):
        assert detector.detect(Frame(image, i, 0, float(i))) == []
