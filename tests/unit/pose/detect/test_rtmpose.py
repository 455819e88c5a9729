from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rtmpose_files import BLOCK, CROP, SURE, Painted, picture_of, write_finder, write_joints

from rtpose.errors import ModelError
from rtpose.networks import downloads, model_files
from rtpose.pose.detect import open_detector, open_finder, outputs_of
from rtpose.pose.detect.rtmpose import (
    DEVIATION,
    LANDMARK_FILE,
    LANDMARK_OUTPUTS,
    MEAN,
    PERSON_FILE,
    PERSON_OUTPUTS,
    PersonFinder,
    RtmPose,
    crop_around,
)
from rtpose.skeleton import COCO17
from rtpose.types import Float32, Frame, Image, Person2D


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("networks")
    write_finder(folder / PERSON_FILE)
    write_joints(folder / LANDMARK_FILE)
    return folder


@pytest.fixture(autouse=True)
def _networks(networks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "ensure", lambda name: networks / name)


def frame(picture: Image, i: int = 0, fps: float = 30.0) -> Frame:
    return Frame(picture, i, 0, i / fps)


@pytest.mark.parametrize("size", [(320, 240), (240, 320), (640, 480), (97, 203)])
def test_boxes_are_where_people_are(size: tuple[int, int]) -> None:
    width, height = size
    person = Painted(width // 10, height // 5, width // 4, height // 2)
    (box,) = PersonFinder().boxes(picture_of([person], size))
    # One pixel of the network's input is so many of the picture.
    pixel = max(size) / 96
    expected = (person.x0, person.y0, person.x0 + person.width, person.y0 + person.height)
    np.testing.assert_allclose(box[:4], expected, atol=1.5 * pixel)
    assert box[4] == pytest.approx(SURE)


def test_what_is_hidden_is_not_found() -> None:
    people = [Painted(40, 30), Painted(220, 30)]
    picture = picture_of(people)
    finder = PersonFinder()
    assert len(finder.boxes(picture)) == 2
    ((left, *_),) = finder.boxes(picture, [np.float32((215, 20, 300, 220))])
    assert left < 100


def test_squares_for_cascaded_stand_upright_around_the_box() -> None:
    person = Painted(40, 30)
    ((roi, score),) = open_finder("rtmpose").find(picture_of([person]))
    assert (roi.cx, roi.cy) == pytest.approx((75, 120), abs=4)
    assert roi.side == pytest.approx(1.25 * person.height, rel=0.05)
    assert (roi.angle_rad, score) == (0, pytest.approx(SURE))


def test_joints_are_where_they_are() -> None:
    person = Painted(60, 30)
    (found,) = RtmPose().detect(frame(picture_of([person])))
    assert found.evidence is None
    # The first bin of a block is taken, one pixel of the crop inside its edge.
    corner = person.joints.round() - BLOCK // 2
    np.testing.assert_allclose(found.keypoints[:, :2], corner + 0.5, atol=1.5)
    np.testing.assert_allclose(found.keypoints[:, 2], SURE, atol=0.15)
    assert found.score == pytest.approx(SURE, abs=0.1)
    low, high = person.joints.min(0), person.joints.max(0)
    assert (found.bbox[:2] < low).all()
    assert (found.bbox[2:] > high).all()


def test_a_picture_in_the_wrong_order_shows_nobody() -> None:
    """The pretended networks see what the real ones would: this is what the two orders of channels are for."""
    picture = picture_of([Painted(60, 30)])
    assert RtmPose().detect(frame(picture)) != []
    assert RtmPose().detect(frame(np.ascontiguousarray(picture[..., ::-1]))) == []


def test_follows_without_searching(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = RtmPose()
    searched: list[int] = []
    boxes = PersonFinder.boxes
    monkeypatch.setattr(PersonFinder, "boxes", lambda *args: (searched.append(1), boxes(*args))[1])
    for i in range(20):
        person = Painted(20 + 3 * i, 30)
        (found,) = detector.detect(frame(picture_of([person]), i))
        assert found.keypoints[:, 0].mean() == pytest.approx(person.joints[:, 0].mean(), abs=5)
    assert len(searched) == 1


def test_looks_for_more_people_now_and_then() -> None:
    detector = RtmPose(persons=2)
    for i in range(20):
        people = [Painted(40, 30)] + [Painted(220, 30)] * (i > 2)
        seen = detector.detect(frame(picture_of(people), i))
    assert [round(person.bbox[0]) < 160 for person in sorted(seen, key=lambda p: p.bbox[0])] == [True, False]


def test_no_more_people_than_wanted() -> None:
    detector = RtmPose(persons=1)
    for i in range(20):
        seen = detector.detect(frame(picture_of([Painted(40, 30), Painted(220, 30)]), i))
        assert len(seen) == 1


def test_somebody_leaves_and_another_comes() -> None:
    detector = RtmPose()
    assert len(detector.detect(frame(picture_of([Painted(40, 30)]), 0))) == 1
    assert detector.detect(frame(picture_of([]), 1)) == []
    (found,) = detector.detect(frame(picture_of([Painted(220, 30)]), 2))
    assert found.bbox[0] > 160


def standing(x: float, *, score: float = 0.9, sure: int = 17) -> Person2D:
    """A person at x px, with so many joints that are sure."""
    keypoints = np.empty((17, 3), np.float32)
    keypoints[:, :2] = Painted(0, 30).joints + np.float32((x, 0))
    keypoints[:, 2] = np.where(np.arange(17) < sure, score, 0.05)
    return Person2D(keypoints, np.float32((x, 30, x + 70, 210)), score)


class Rules:
    """What boxes YOLOX finds, and who is seen in a box; which boxes were looked at and how often was searched."""

    def __init__(self, detector: RtmPose, monkeypatch: pytest.MonkeyPatch) -> None:
        self.boxes: list[Float32] = []
        self.people: dict[float, Person2D | None] = {}
        self.searches = 0
        monkeypatch.setattr(detector, "_joints_in", self._joints_in)
        monkeypatch.setattr(detector._finder, "boxes", self._found)

    def _found(self, picture: Image) -> Float32:
        self.searches += 1
        return np.array([(*box, 0.9) for box in self.boxes], np.float32).reshape(-1, 5)

    def _joints_in(self, picture: Image, box: Float32) -> Person2D | None:
        return self.people.get(float(box[0]))


@pytest.fixture
def blank() -> Image:
    return np.zeros((240, 320, 3), np.uint8)


def test_an_empty_box_displaces_nobody(blank: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    detector = RtmPose(persons=1)
    rules = Rules(detector, monkeypatch)
    rules.boxes = [np.float32((10, 30, 60, 200)), np.float32((100, 30, 170, 210))]
    rules.people = {10: None, 100: standing(100)}
    assert len(detector.detect(frame(blank))) == 1


def test_a_second_box_of_a_tracked_person_displaces_nobody(blank: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    detector = RtmPose(persons=2)
    rules = Rules(detector, monkeypatch)
    rules.boxes = [np.float32((10, 30, 60, 200)), np.float32((12, 30, 90, 200)), np.float32((200, 30, 270, 210))]
    rules.people = {10: standing(10), 12: standing(12), 200: standing(200)}
    assert sorted(round(person.bbox[0]) for person in detector.detect(frame(blank))) == [10, 200]


def test_two_people_side_by_side_are_two(blank: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their boxes share more than half."""
    detector = RtmPose(persons=2)
    rules = Rules(detector, monkeypatch)
    rules.boxes = [np.float32((100, 30, 170, 210)), np.float32((120, 30, 190, 210))]
    rules.people = {100: standing(100), 120: standing(120)}
    assert len(detector.detect(frame(blank))) == 2


@pytest.mark.parametrize(("found", "expected"), [(True, 1), (False, 0)])
def test_somebody_doubted_stays_if_they_are_found(
    blank: Image, monkeypatch: pytest.MonkeyPatch, found: bool, expected: int
) -> None:
    detector = RtmPose()
    rules = Rules(detector, monkeypatch)
    rules.boxes, rules.people = [np.float32((100, 30, 170, 210))], {100: standing(100)}
    detector.detect(frame(blank))
    rules.people = {100: standing(100, score=0.4)}
    if not found:
        rules.boxes = []
    assert len(detector.detect(frame(blank, 1))) == expected
    assert rules.searches == 2


def test_somebody_lost_is_looked_for_at_once(blank: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    detector = RtmPose(persons=2)
    rules = Rules(detector, monkeypatch)
    rules.boxes = [np.float32((10, 30, 60, 200)), np.float32((200, 30, 270, 210))]
    rules.people = {10: standing(10), 200: standing(200)}
    assert len(detector.detect(frame(blank))) == 2
    rules.boxes, rules.people = [np.float32((90, 30, 160, 210))], {10: standing(10), 90: standing(90)}
    assert sorted(round(person.bbox[0]) for person in detector.detect(frame(blank, 1))) == [10, 90]
    assert rules.searches == 2


def test_the_surest_comes_first(blank: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    detector = RtmPose(persons=2)
    rules = Rules(detector, monkeypatch)
    rules.boxes = [np.float32((10, 30, 60, 200)), np.float32((200, 30, 270, 210))]
    rules.people = {10: standing(10, score=0.7), 200: standing(200, score=0.8)}
    assert [person.score for person in detector.detect(frame(blank))] == [0.8, 0.7]


class Sees:
    """A network that sees joints in the crop's middle column, one below the other, with the given scores."""

    def __init__(self, scores: Sequence[float], *, across: float | None = None, step: int = 24) -> None:
        """across: scores of all x, if others than those of y. step: bins from one joint to the next below."""
        self.scores, self.across, self.step = np.float32(scores), across, step
        self.crops: list[Float32] = []

    def run(self, inputs: dict[str, Float32]) -> dict[str, Float32]:
        self.crops += list(inputs["input"])
        width, height = CROP
        x, y = np.zeros((1, 17, 2 * width), np.float32), np.zeros((1, 17, 2 * height), np.float32)
        x[0, :, width] = self.scores if self.across is None else self.across
        y[0, np.arange(17), 40 + self.step * np.arange(17)] = self.scores
        return {"simcc_x": x, "simcc_y": y}


@pytest.mark.parametrize(
    ("scores", "score"),
    [
        ([0.8] * 7 + [0.1] * 10, 0.8),  # head and shoulders at a desk
        ([0.8] * 4 + [0.1] * 13, 0.8),
        ([0.8] * 3 + [0.1] * 14, None),
        ([0.25] * 17, None),
        ([0.4] * 17, 0.4),
        ([3.0] * 17, 1.0),
    ],
)
def test_who_is_somebody(scores: list[float], score: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    detector = RtmPose()
    monkeypatch.setattr(detector, "_network", Sees(scores))
    found = detector.detect(frame(picture_of([Painted(120, 30)])))
    assert [person.score for person in found] == ([] if score is None else [pytest.approx(score)])
    for person in found:
        seen = person.keypoints[person.keypoints[:, 2] >= 0.3]
        assert person.bbox[3] < seen[:, 1].max() + 0.2 * np.ptp(seen[:, 1]), "of the sure joints alone"


def test_a_joint_is_as_sure_as_the_less_sure_of_its_axes(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = RtmPose()
    monkeypatch.setattr(detector, "_network", Sees([0.9] * 17, across=0.6))
    (found,) = detector.detect(frame(picture_of([Painted(120, 30)])))
    np.testing.assert_allclose(found.keypoints[:, 2], 0.6)


def test_joints_that_are_not_finite_are_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = RtmPose()
    monkeypatch.setattr(detector, "_network", Sees([0.9] * 16 + [float("nan")]))
    assert detector.detect(frame(picture_of([Painted(120, 30)]))) == []


def test_somebody_without_size_is_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """All joints in one place: what is followed must not shrink to a point."""
    detector = RtmPose()
    monkeypatch.setattr(detector, "_network", Sees([0.9] * 17, step=0))
    assert detector.detect(frame(picture_of([Painted(120, 30)]))) == []


def test_outside_the_picture_is_black_as_in_training(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = RtmPose()
    network = Sees([0.9] * 17)
    monkeypatch.setattr(detector, "_network", network)
    monkeypatch.setattr(detector._finder, "boxes", lambda picture: np.float32([(0, 0, 70, 238, 0.9)]))
    detector.detect(frame(np.full((240, 320, 3), 255, np.uint8)))
    black, white = -MEAN / DEVIATION, (255 - MEAN) / DEVIATION
    np.testing.assert_allclose(network.crops[-1][:, 0, 0], black, rtol=1e-5)
    np.testing.assert_allclose(network.crops[-1][:, 128, 150], white, rtol=1e-5)


class AtTheBottom:
    """A network that sees all joints in one column, the first sixteen in the middle, the last at the crop's bottom."""

    def run(self, inputs: dict[str, Float32]) -> dict[str, Float32]:
        width, height = CROP
        x, y = np.zeros((1, 17, 2 * width), np.float32), np.zeros((1, 17, 2 * height), np.float32)
        x[:, :, width] = SURE
        y[:, np.arange(17), np.append(height + np.arange(16), 2 * height - 1)] = SURE
        return {"simcc_x": x, "simcc_y": y}


def test_joints_outside_the_picture_are_never_sure(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = RtmPose()
    monkeypatch.setattr(detector, "_network", AtTheBottom())
    (found,) = detector.detect(frame(picture_of([Painted(40, 60)])))  # down to the picture's edge
    assert found.keypoints[16, 1] > 240
    assert found.keypoints[16, 2] == pytest.approx(0.1)
    np.testing.assert_allclose(found.keypoints[:16, 2], SURE)
    assert found.bbox[3] <= 1.2 * 240, "of what is inside"


def test_another_size_of_picture_is_another_source() -> None:
    detector = RtmPose()
    detector.detect(frame(picture_of([Painted(40, 30)])))
    (found,) = detector.detect(frame(picture_of([Painted(300, 60, 140, 360)], (640, 480)), 1))
    assert found.bbox[0] > 200


@pytest.mark.parametrize("shape", [(0, 100, 3), (100, 0, 3)])
def test_empty_picture(shape: tuple[int, ...]) -> None:
    assert RtmPose().detect(frame(np.zeros(shape, np.uint8))) == []


def test_a_pose_is_half_pixels_of_the_crop_scaled() -> None:
    width, height = CROP
    picture_from_crop = crop_around(np.float32((100, 50, 160, 250)), width, height)
    corners = picture_from_crop @ np.array([[0, width], [0, height], [1, 1]])
    # 200 px high and a quarter more: 250; the width follows the crop's shape.
    np.testing.assert_allclose(corners, [[130 - 93.75, 130 + 93.75], [25, 275]])


@given(
    st.tuples(*[st.floats(-500, 500)] * 2), st.tuples(*[st.floats(1, 500)] * 2), st.tuples(*[st.integers(8, 400)] * 2)
)
def test_a_crop_holds_its_box_in_its_middle(
    corner: tuple[float, float], size: tuple[float, float], crop: tuple[int, int]
) -> None:
    box = np.float32((*corner, corner[0] + size[0], corner[1] + size[1]))
    matrix = crop_around(box, *crop)
    low, high = (matrix @ np.array([[0, crop[0]], [0, crop[1]], [1, 1]])).T
    np.testing.assert_allclose((low + high) / 2, (box[:2] + box[2:]) / 2, atol=1e-3)
    assert ((high - low) >= 1.249 * (box[2:] - box[:2])).all()
    assert ((high - low) / crop).std() == pytest.approx(0, abs=1e-9)


def test_outputs_are_those_of_the_networks() -> None:
    assert outputs_of("rtmpose") == (PERSON_OUTPUTS, LANDMARK_OUTPUTS)
    assert [file.name for file in model_files.files_of("rtmpose")] == [PERSON_FILE, LANDMARK_FILE]
    assert open_detector("rtmpose").skeleton is COCO17


def test_another_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_joints(tmp_path / PERSON_FILE)
    monkeypatch.setattr(downloads, "ensure", lambda name: tmp_path / name)
    with pytest.raises(ModelError, match="no output dets"):
        PersonFinder()


def test_what_is_not_finite_is_nobody(tmp_path: Path, networks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_finder(tmp_path / PERSON_FILE, (float("nan"), 10, 50, 90))
    places = {PERSON_FILE: tmp_path, LANDMARK_FILE: networks}
    monkeypatch.setattr(downloads, "ensure", lambda name: places[name] / name)
    assert RtmPose().detect(frame(picture_of([Painted(40, 30)]))) == []


@pytest.mark.parametrize(("size", "inside"), [((320, 240), (96, 72)), ((240, 320), (72, 96))])
def test_a_picture_that_is_resized_by_opencv_gives_the_same_boxes(
    size: tuple[int, int], inside: tuple[int, int]
) -> None:
    """What the network's authors do: resize, and put it at the upper left of a grey square."""
    picture = picture_of([Painted(40, 30)], size)
    finder = PersonFinder()
    finder.boxes(picture)
    expected = np.full((96, 96, 3), 114, np.uint8)
    expected[: inside[1], : inside[0]] = cv2.resize(picture, inside, interpolation=cv2.INTER_LINEAR)
    assert np.abs(finder._pixels.astype(int) - expected).max() <= 2


def test_squares_that_are_none_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    finder = PersonFinder()
    outside, inside = (900, 30, 970, 210, 0.9), (40, 30, 110, 210, 0.8)
    monkeypatch.setattr(finder, "boxes", lambda picture, hidden: np.float32([outside, inside]))
    ((roi, score),) = finder.find(picture_of([]))
    assert (roi.cx, roi.cy, score) == (75, 120, pytest.approx(0.8))
