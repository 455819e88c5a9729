"""`rtpose.train.cascaded.evaluate`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from cascaded_files import write_cascaded
from lifter_files import write_lifter
from posenet_files import write_mupots
from stick_people import Person, Picture, StickPeople

from rtpose import metrics
from rtpose.errors import ConfigError, InputError
from rtpose.geometry import pixels_from_camera
from rtpose.pose import estimators
from rtpose.pose.cascaded.estimator import CascadedNetwork, CropPose
from rtpose.pose.detect.roi import Roi
from rtpose.pose.lift.fusion import FusionLifter
from rtpose.pose.two_stage import TwoStageEstimator
from rtpose.skeleton import H36M17
from rtpose.train.cascaded.evaluate import evaluate_pictures, evaluated_on_pictures
from rtpose.train.data.readers.posenet_release import open_picture_set
from rtpose.types import Camera, Float32, Frame, Image, Person2D, Person3D


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cascaded(tmp_path_factory.mktemp("cascaded"))


@dataclass
class Pictures:
    pictures: list[Picture]

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> Picture:
        return self.pictures[index]


def moved(person: Person, shift_m: tuple[float, float, float], camera: Camera) -> Person:
    assert person.joints_m is not None
    joints_m = person.joints_m + np.array(shift_m, np.float32)
    pixels = pixels_from_camera(joints_m, camera)
    return Person(pixels, joints_m, person.visible, np.concatenate([pixels.min(0), pixels.max(0)]))


@pytest.fixture
def one_and_two() -> Pictures:
    """A picture of one person and one of two, side by side."""
    alone, second = StickPeople(2)
    beside = moved(second.people[0], (1.5, 0, 1), second.camera)
    return Pictures([alone, replace(second, people=(second.people[0], beside))])


def answer(
    monkeypatch: pytest.MonkeyPatch, pictures: Pictures, error_m: Sequence[Float32], missed: int | None = None
) -> None:
    """The network's answers: the truth and an error (17, 3) for each person of all pictures in turn. missed: whose 2D
    joints are far off."""
    truth = [p.joints_m for picture in pictures.pictures for p in picture.people]
    answers = []
    for i, (joints_m, error) in enumerate(zip(truth, error_m, strict=True)):
        assert joints_m is not None
        wrong = joints_m + error
        pixels = pixels_from_camera(joints_m, pictures[0].camera) + (1000 if i == missed else 0)
        answers.append(CropPose(pixels, wrong - wrong[0], wrong[0], np.ones(17, np.float32)))

    def look(self: object, image: Image, rois: Sequence[Roi], camera: Camera) -> list[CropPose]:
        return [answers.pop(0) for _ in rois]

    monkeypatch.setattr(CascadedNetwork, "look", look)


@pytest.mark.slow
def test_figures_by_hand(tiny: Path, one_and_two: Pictures, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first person's right wrist (the last joint) is 170 mm off, the second stands 200 mm further away, the third
    is right but nobody finds that it is them."""
    errors = [np.zeros((17, 3), np.float32) for _ in range(3)]
    errors[0][16, 0] = 0.17
    errors[1][:, 2] = 0.2
    answer(monkeypatch, one_and_two, errors, missed=2)
    figures = evaluate_pictures(str(tiny), one_and_two, name="sticks")
    assert figures["poses"] == 3  # true boxes: it is known who is who
    assert figures["mpjpe_mm"] == pytest.approx(170 / 17 / 3, rel=1e-3)
    assert figures["pck_150"] == pytest.approx((16 / 17 + 2) / 3)
    assert figures["accel_error_m_s2"] is None
    people = figures["people"]
    assert (people["pictures"], people["people"], people["estimates"], people["matched"]) == (2, 3, 3, 2)
    alone, together = people["per_count"]["1"], people["per_count"]["2"]
    assert alone["pck3d"] == alone["pck3d_absolute"] == pytest.approx(13 / 14)
    assert (together["people"], together["matched"]) == (2, 1)
    assert (together["pck3d"], together["pck3d_matched"], together["pck3d_absolute"]) == (0.5, 1.0, 0.0)
    assert together["root_error_mm"] == pytest.approx(200, rel=1e-3)
    assert people["pck3d"] == pytest.approx((13 / 14 + 1 + 0) / 3)


@pytest.mark.slow
def test_figures_by_how_much_is_visible(tiny: Path, one_and_two: Pictures, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second person has 11 joints visible and stands wrongly, the others have all 17."""
    second, beside = one_and_two.pictures[1].people
    hidden = replace(second, visible=np.arange(17) < 11)
    one_and_two.pictures[1] = replace(one_and_two.pictures[1], people=(hidden, beside))
    errors = [np.zeros((17, 3), np.float32) for _ in range(3)]
    errors[0][16, 0] = 0.034
    errors[1][16, 0] = 0.17
    answer(monkeypatch, one_and_two, errors)
    rows = evaluate_pictures(str(tiny), one_and_two, name="sticks")["per_visible"]
    assert list(rows) == ["14-17 joints visible", "11-13 joints visible"]
    assert [row["poses"] for row in rows.values()] == [2, 1]
    assert rows["14-17 joints visible"]["mpjpe_mm"] == pytest.approx(34 / 17 / 2, rel=1e-3)
    assert rows["11-13 joints visible"]["mpjpe_mm"] == pytest.approx(170 / 17, rel=1e-3)


def test_true_bones_forgive_the_size(tiny: Path, one_and_two: Pictures, monkeypatch: pytest.MonkeyPatch) -> None:
    truth = [p.joints_m for picture in one_and_two.pictures for p in picture.people]
    answer(monkeypatch, one_and_two, [0.5 * (t - t[0]) for t in truth if t is not None])
    people = evaluate_pictures(str(tiny), one_and_two, name="sticks")["people"]
    assert people["pck3d_true_bones"] == 1.0
    assert people["pck3d"] < 0.8


def test_people_are_matched_by_limbs_and_neck(
    tiny: Path, one_and_two: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MuPoTS-3D's program matches by 13 joints: the head, the root and the spine alone say nothing."""
    truth = [p.joints_m for picture in one_and_two.pictures for p in picture.people]
    answers = []
    for joints_m, near in zip(truth, (["head", "root", "spine", "neck_base"], ["thorax"], ["left_foot"]), strict=True):
        assert joints_m is not None
        pixels = pixels_from_camera(joints_m, one_and_two[0].camera)
        far = np.ones(17, bool)
        far[list(H36M17.indices(*near))] = False
        pixels[far] += 1000
        answers.append(CropPose(pixels, joints_m - joints_m[0], joints_m[0], np.ones(17, np.float32)))
    monkeypatch.setattr(CascadedNetwork, "look", lambda self, image, rois, camera: [answers.pop(0) for _ in rois])
    per_count = evaluate_pictures(str(tiny), one_and_two, name="sticks")["people"]["per_count"]
    assert (per_count["1"]["matched"], per_count["2"]["matched"]) == (0, 2)


def test_mupots_by_sequence(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each sequence counts once, however long it is. In TS10 one wrist of everybody is 170 mm off."""
    write_mupots(tmp_path, {"TS10": 3, "TS2": 1})
    pictures = open_picture_set("mupots", tmp_path)
    errors = [np.zeros((17, 3), np.float32) for _ in range(4)]
    for error in errors[:3]:
        error[16, 0] = 0.17
    people = Pictures([pictures[i] for i in range(4)])
    answer(monkeypatch, people, errors)
    figures = evaluate_pictures(str(tiny), pictures, name="mupots")["people"]
    assert {name: row["pck3d"] for name, row in figures["per_sequence"].items()} == {
        "TS2": 1.0, "TS10": pytest.approx(13 / 14)
    }  # fmt: skip
    assert list(figures["per_sequence"]) == ["TS2", "TS10"]
    assert figures["mean_of_sequences"]["pck3d"] == pytest.approx((1 + 13 / 14) / 2)
    assert figures["mean_of_sequences"]["people"] == figures["people"] == 4
    assert figures["pck3d"] == pytest.approx((1 + 3 * 13 / 14) / 4)


def test_people_found_by_the_detector(tiny: Path, one_and_two: Pictures, monkeypatch: pytest.MonkeyPatch) -> None:
    """It finds one of the three; the others are missed, and errors are those of the one."""

    class Finder:
        sure_score = 0.6

        def find(self, image: Image, hidden: Sequence[Float32] = ()) -> list[tuple[Roi, float]]:
            x0, y0, x1, y1 = one_and_two[1].people[0].box_px
            there = np.array_equal(image, one_and_two[1].image) and not hidden
            return [(Roi((x0 + x1) / 2, (y0 + y1) / 2, 1.25 * (y1 - y0)), 0.9)] if there else []

    def look(self: object, image: Image, rois: Sequence[Roi], camera: Camera, height_m: float | None) -> list[CropPose]:
        person = one_and_two[1].people[0]
        assert person.joints_m is not None
        assert height_m is None
        found = CropPose(person.joints_px, person.joints_m - person.joints_m[0], person.joints_m[0], np.ones(17, "f4"))
        return [found for _ in rois]

    monkeypatch.setattr(estimators, "open_finder", lambda name, **_: {"rtmpose": Finder()}[name])
    monkeypatch.setattr(CascadedNetwork, "look", look)
    figures = evaluate_pictures(str(tiny), one_and_two, name="sticks", input_kind="detected", detector="rtmpose")
    assert "the boxes of rtmpose's person detector" in figures["protocol"]
    assert (figures["poses"], figures["people"]["people"], figures["people"]["matched"]) == (1, 3, 1)
    assert figures["mpjpe_mm"] == pytest.approx(0, abs=1e-3)
    assert figures["people"]["per_count"]["2"]["pck3d"] == 0.5
    assert figures["people"]["per_count"]["1"]["pck3d"] == 0.0


def test_the_default_estimator_to_compare_with(one_and_two: Pictures, monkeypatch: pytest.MonkeyPatch) -> None:
    """It sees the person of the first picture right, and nobody in the second."""
    person = one_and_two[0].people[0]

    def estimate(self: object, frame: Frame, camera: Camera) -> list[Person3D]:
        assert person.joints_m is not None
        if not np.array_equal(frame.image, one_and_two[0].image):
            return []
        scores = np.ones(17, np.float32)
        keypoints = np.column_stack([person.joints_px, scores]).astype(np.float32)
        pose, root = person.joints_m - person.joints_m[0], person.joints_m[0]
        return [Person3D(0, person.box_px, keypoints, pose, root, scores)]

    monkeypatch.setattr(TwoStageEstimator, "estimate", estimate)
    monkeypatch.setattr(estimators, "open_detector", lambda name, **_: SimpleNamespace(reset=lambda: None))
    figures = evaluate_pictures("two-stage", one_and_two, name="sticks", input_kind="detected")
    assert figures["lifter"] == "blazepose + fusion"
    assert "1.70 m" in figures["scale"]
    assert figures["mpjpe_mm"] == pytest.approx(0, abs=1e-3)
    assert (figures["poses"], figures["people"]["people"], figures["people"]["matched"]) == (1, 3, 1)


def test_the_default_lifter_on_true_joints(one_and_two: Pictures) -> None:
    """Everyone is found, each frame by itself, hidden joints as if they were seen."""
    figures = evaluate_pictures("two-stage", one_and_two, name="sticks")
    assert figures["lifter"] == "true 2D joints + fusion"
    assert "from the true 2D joints, including hidden ones" in figures["protocol"]
    assert (figures["poses"], figures["people"]["matched"]) == (3, 3)
    errors = []
    for picture in one_and_two.pictures:
        for person in picture.people:
            assert person.joints_m is not None
            joints = np.column_stack([person.joints_px, np.ones(17)]).astype(np.float32)
            one = Person2D(joints, person.box_px, 1.0)
            lifted = FusionLifter().lift_people([one], H36M17, picture.camera, [0], 0.0)
            errors.append(metrics.p_mpjpe(1000 * lifted.poses[:, :17], 1000 * person.joints_m[None])[0])
    assert figures["p_mpjpe_mm"] == pytest.approx(np.mean(errors), rel=1e-4)


def test_what_cannot_be_evaluated(tiny: Path) -> None:
    with pytest.raises(InputError, match="no people with 3D"):
        evaluate_pictures(str(tiny), StickPeople(2, flat=True), name="flat")
    with pytest.raises(ConfigError, match="gt or detected"):
        evaluate_pictures(str(tiny), StickPeople(2), name="sticks", input_kind="noise:10")


def test_which_files_are_for_pictures(tiny: Path, tmp_path: Path) -> None:
    assert evaluated_on_pictures("cascaded")
    assert evaluated_on_pictures("two-stage")
    assert evaluated_on_pictures(str(tiny))
    assert not evaluated_on_pictures("baseline")
    assert not evaluated_on_pictures(str(write_lifter(tmp_path / "lifter.onnx", width=8)))
    assert not evaluated_on_pictures(str(tmp_path / "gone.onnx"))
