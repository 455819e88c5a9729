"""Recorded joints: what trainings are given and what lifters are judged by."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from dataset_files import before_camera, write_human36m, write_lsp

from rtpose.errors import ConfigError, InputError
from rtpose.geometry import pixels_from_camera
from rtpose.pose.lift.codec import DepthCodec
from rtpose.pose.lift.lifter import NetworkLifter
from rtpose.skeleton import H36M17
from rtpose.train.data.annotated import AnnotatedEvaluationSet, AnnotatedTrainingSet, TrainingSet2D
from rtpose.train.data.cameras import unit_poses
from rtpose.train.data.input_kind import InputKind
from rtpose.train.data.readers import human36m
from rtpose.train.data.readers.lsp import load_lsp
from rtpose.train.data.readers.poses import Poses2D, Poses3D, as_detected_or_nan
from rtpose.train.data.sets import View
from rtpose.train.data.settings import EXACT, UNIT_PX
from rtpose.train.lifters.evaluate import evaluate_depth
from rtpose.train.lifters.settings import SvmacSettings
from rtpose.train.lifters.svmac import Svmac
from rtpose.types import Camera

CAMERA = Camera(1100.0, 1120.0, 510.0, 490.0)
SETTINGS = SvmacSettings(width=8, noise=EXACT)


def sequence(count: int = 12, at_m: tuple[float, float, float] = (1.2, 0.3, 4.5), **changes: Any) -> Poses3D:
    """Someone near the picture's edge."""
    poses = before_camera(count, at_m=at_m).astype(np.float32)
    known: dict[str, Any] = {
        "poses_m": poses, "subject": "A", "action": "Walking", "sequence": "1", "frames": np.arange(count),
        "fps": 50.0, "camera": CAMERA, "joints_px": pixels_from_camera(poses, CAMERA),
    }  # fmt: skip
    return Poses3D(**{**known, **changes})


def true_depths(view: View) -> torch.Tensor:
    """What a perfect lifter says: (N, J) in mean joint distances of the picture."""
    seen = view.truth_mm @ view.camera_from_view
    return seen[..., 2] / (seen[:, 1:, :2].norm(dim=-1).mean(-1, keepdim=True))


def rows_of(batch: torch.Tensor) -> set[tuple[float, ...]]:
    return {tuple(row) for row in batch.numpy().round(4).tolist()}


def test_training_meets_what_a_lifter_meets_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network input is the one that `NetworkLifter` makes of the same pixels."""
    poses = sequence()
    assert poses.joints_px is not None
    lifter = NetworkLifter("svmac")
    seen = []

    def spy(network_input: np.ndarray) -> np.ndarray:
        seen.append(network_input)
        return np.zeros((len(network_input), 17), np.float32)

    monkeypatch.setattr(lifter, "depth", spy)
    with_score = np.ones((len(poses), 17, 3), np.float32)
    with_score[..., :2] = as_detected_or_nan(poses.joints_px)
    lifter.lift(with_score, CAMERA)
    inputs = AnnotatedTrainingSet([poses], human36m.INFO).inputs(DepthCodec(), SETTINGS)
    batch = inputs.batch(300, torch.Generator().manual_seed(0))
    expected = seen[0]
    nearest = np.abs(batch.numpy()[:, None] - expected[None]).max(-1).argmin(1)
    assert set(nearest) == set(range(len(poses)))  # every frame is drawn
    # Middle joints are mixed on the plane here and in pixels there: a hundredth of the mean joint distance at most.
    assert np.abs(batch.numpy() - expected[nearest]).max() < 1e-3


def test_labels_are_the_true_poses_seen_from_the_front() -> None:
    """Their shape is that of the truth, and as depths they are what lifts the points to it."""
    poses = sequence()
    codec = DepthCodec()
    labelled = AnnotatedTrainingSet([poses], human36m.INFO).labelled(codec, SETTINGS)
    points, labels = labelled.poses(50, torch.Generator().manual_seed(0))
    assert torch.equal(labelled.batch(50, torch.Generator().manual_seed(0))[1], labels[..., 2])
    truth, _ = unit_poses(torch.from_numpy(as_detected_or_nan(poses.poses_m)))
    unit, size = unit_poses(labels)
    distances = torch.cdist(truth, truth).flatten(1)
    nearest = (torch.cdist(unit, unit).flatten(1)[:, None] - distances[None]).abs().amax(-1).amin(1)
    assert nearest.max() < 1e-3  # the same bodies, turned
    assert (labels[:, 0].abs() < 1e-6).all()
    lifted = codec.decode(points, labels[..., 2]) - torch.tensor([0.0, 0.0, codec.distance])
    assert ((lifted - labels).norm(dim=-1).mean(-1) / size).max() < 0.02
    # The codec's unit is the mean joint distance in the picture, which the body's own is a little above.
    assert (size > 1).all()
    assert (size < 2).all()


@pytest.mark.parametrize("at_m", [(0.0, 0.0, 4.5), (1.2, 0.3, 4.5), (-1.5, -0.4, 4.0)])
def test_the_true_depth_is_judged_right_anywhere_in_the_picture(at_m: tuple[float, float, float]) -> None:
    data = AnnotatedEvaluationSet([sequence(at_m=at_m)], human36m.INFO)
    (view,) = data.views(DepthCodec(), InputKind.parse("gt"), torch.Generator())
    perfect = evaluate_depth(lambda points: true_depths(view), data, DepthCodec())
    assert perfect.mpjpe_mm.max() < 20  # in camera axes: turned back rightly
    flat = evaluate_depth(lambda points: torch.zeros(len(points), 17), data, DepthCodec())
    assert flat.p_mpjpe_mm.mean() > 40
    assert (len(data), flat.means()["poses"]) == (12, 12)


def test_truth_is_in_mm_and_size_does_not_matter() -> None:
    poses = sequence()
    data = AnnotatedEvaluationSet([poses], human36m.INFO)
    (view,) = data.views(DepthCodec(), InputKind.parse("gt"), torch.Generator())
    root, foot = as_detected_or_nan(poses.poses_m)[3][H36M17.indices("root", "left_foot")]
    assert np.allclose(view.truth_mm[3, H36M17.index_of["left_foot"]], 1000 * (foot - root), atol=1e-2)
    half = AnnotatedEvaluationSet([sequence(poses_m=poses.poses_m * np.float32(0.5))], human36m.INFO)

    def flat(points: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(points), 17)

    whole_mm, half_mm = (evaluate_depth(flat, d, DepthCodec()).means()["mpjpe_mm"] for d in (data, half))
    assert half_mm == pytest.approx(whole_mm / 2, rel=1e-3)


def test_clips_end_where_frames_lack_and_actions_change() -> None:
    poses = sequence(
        frames=np.array([0, 1, 2, 10, 11, 12, 13, 14, 15, 16, 17, 18]), actions=["Sitting"] * 5 + ["Sports"] * 7
    )
    data = AnnotatedEvaluationSet([poses, sequence(subject="B")], human36m.INFO)
    assert [(c.subject, c.action) for c in data.clips] == [
        ("A", "Sitting"), ("A", "Sitting"), ("A", "Sports"), ("B", "Walking"),
    ]  # fmt: skip
    first, second = data.views(DepthCodec(), InputKind.parse("gt"), torch.Generator())
    assert first.clip.tolist() == [0] * 3 + [1] * 2 + [2] * 7
    assert set(second.clip) == {3}
    thinned = next(iter(data.views(DepthCodec(), InputKind.parse("gt"), torch.Generator(), every=3)))
    assert thinned.clip.tolist() == [0, 1, 2, 2, 2]
    result = evaluate_depth(lambda points: torch.zeros(len(points), 17), data, DepthCodec())
    assert np.isnan(result.accel_error_m_s2[:6]).tolist() == [True, False, True, True, True, True]


def test_missing_joints_are_reported(tmp_path: Path) -> None:
    """The hourglass's neck is put half-way; a frame without a knee is left out, and said to be."""
    poses = sequence()
    assert poses.joints_px is not None
    joints = poses.joints_px.copy()
    joints[:, H36M17.index_of["neck_base"]] = np.nan
    joints[4, H36M17.index_of["left_knee"]] = np.nan
    data = AnnotatedEvaluationSet([sequence(joints_px=joints)], human36m.INFO, "sh", "some")
    assert len(data) == 11
    assert data.exclusions == "some; 1 poses with missing 2D joints"
    assert data.joints_2d == "sh"
    assert len(data.clips) == 2
    (view,) = data.views(DepthCodec(), InputKind.parse("gt"), torch.Generator())
    assert view.points.isfinite().all()
    filled = poses.joints_px.copy()
    thorax, neck, head = H36M17.indices("thorax", "neck_base", "head")
    filled[:, neck] = (filled[:, thorax] + filled[:, head]) / 2
    (other,) = AnnotatedEvaluationSet([sequence(joints_px=filled)], human36m.INFO).views(
        DepthCodec(), InputKind.parse("gt"), torch.Generator()
    )
    assert torch.equal(view.points[0], other.points[0])
    training = AnnotatedTrainingSet([sequence(joints_px=joints)], human36m.INFO, "sh")
    assert training.size == "1 sequences, 11 poses"
    with pytest.raises(InputError, match="no pose has all"):
        AnnotatedEvaluationSet([sequence(joints_px=np.full((12, 17, 2), np.nan, np.float32))], human36m.INFO)


def test_noise_is_of_so_many_pixels() -> None:
    data = AnnotatedEvaluationSet([sequence(400)], human36m.INFO)
    views = [
        next(iter(data.views(DepthCodec(), InputKind.parse(kind), torch.Generator().manual_seed(0))))
        for kind in ("gt", "noise:10")
    ]
    off = (views[1].points - views[0].points)[:, H36M17.indices("left_wrist", "right_foot")]
    assert float(off.std()) * CAMERA.fx == pytest.approx(10, rel=0.05)
    with pytest.raises(ConfigError, match=r"'detected' needs motion packs: with Human3\.6M, choose gt or noise:PX"):
        list(data.views(DepthCodec(), InputKind.parse("detected"), torch.Generator()))
    noisy = SvmacSettings(width=8, noise=msgspec.structs.replace(EXACT, sigma_px=10))
    (exact_batch, noisy_batch) = (
        AnnotatedTrainingSet([sequence(400)], human36m.INFO)
        .inputs(DepthCodec(), settings)
        .batch(400, torch.Generator().manual_seed(0))
        for settings in (SETTINGS, noisy)
    )
    assert not torch.equal(exact_batch, noisy_batch)


def test_a_body_that_is_varied_is_varied_in_the_picture_and_in_space_alike() -> None:
    wide = SvmacSettings(width=8, noise=msgspec.structs.replace(EXACT, hip_width=(2, 2)))
    data = AnnotatedTrainingSet([sequence(1, at_m=(0, 0, 6))], human36m.INFO)
    left, right = H36M17.indices("left_hip", "right_hip")
    widths = []
    for settings in (SETTINGS, wide):
        points, labels = data.labelled(DepthCodec(), settings).poses(1, torch.Generator().manual_seed(0))
        seen = points.reshape(1, 17, 2) / points.reshape(1, 17, 2)[:, 3].norm()  # against the right foot, which stays
        space = labels / labels[:, 3].norm()
        widths.append([(x[:, left] - x[:, right]).norm() for x in (seen, space)])
    assert float(widths[1][0] / widths[0][0]) == pytest.approx(2, abs=0.01)
    assert float(widths[1][1] / widths[0][1]) == pytest.approx(2, abs=0.01)


def test_a_share_of_the_labels_is_the_same_for_the_same_seed() -> None:
    data = AnnotatedTrainingSet([sequence(100)], human36m.INFO)
    batches = [
        rows_of(
            data.labelled(DepthCodec(), SvmacSettings(noise=EXACT, seed=seed), share=0.05).poses(
                200, torch.Generator().manual_seed(0)
            )[0]
        )
        for seed in (0, 0, 1)
    ]
    assert batches[0] == batches[1] != batches[2]
    assert len(batches[0]) == 5


@pytest.mark.parametrize("source", ["sequences", "pictures"])
def test_svmac_without_supervision_reaches_2d_alone(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it holds of the data are 2D joints, and nothing asks for labels."""
    data: Any = (
        AnnotatedTrainingSet([sequence()], human36m.INFO)
        if source == "sequences"
        else TrainingSet2D(load_lsp(write_lsp(tmp_path / "lsp")), human36m.INFO)
    )

    def refused(*args: Any, **options: Any) -> None:
        raise AssertionError("labels were asked for")

    monkeypatch.setattr(type(data), "labelled", refused)
    method = Svmac(SvmacSettings(width=8, batch_size=4, noise=EXACT), data)
    tensors = {name: value for name, value in vars(method.data).items() if isinstance(value, torch.Tensor)}
    count = len(tensors["_points"])
    assert {name: tuple(t.shape) for name, t in tensors.items()} == {"_points": (count, 17, 2), "_px": (count,)}
    seen: list[tuple[int, ...]] = []
    for name in ("generator_loss", "critic_loss"):
        original = getattr(method, name)

        def spy(*given: Any, original: Any = original) -> Any:
            seen.extend(tuple(t.shape) for t in given if isinstance(t, torch.Tensor))
            return original(*given)

        monkeypatch.setattr(method, name, spy)
    method.step(1, torch.Generator().manual_seed(0))
    assert seen == [(4, 34)] * 3


def test_pictures_are_trained_on_and_have_no_labels(tmp_path: Path) -> None:
    people = load_lsp(write_lsp(tmp_path / "lsp"))
    data = TrainingSet2D(people, human36m.INFO)
    codec = DepthCodec()
    batch = data.inputs(codec, SETTINGS).batch(200, torch.Generator().manual_seed(0))
    expected, _ = codec.encode(as_detected_or_nan(people.joints_px))
    assert rows_of(batch) <= {tuple(row) for row in expected.round(4).tolist()}
    with pytest.raises(ConfigError, match="only 2D joints"):
        data.labelled(codec, SETTINGS)
    noise = msgspec.structs.replace(EXACT, sigma_px=UNIT_PX / 10)
    noisy = data.inputs(codec, SvmacSettings(noise=noise)).batch(200, torch.Generator().manual_seed(0))
    wrists = H36M17.indices("left_wrist", "right_wrist")
    off = (noisy - batch).reshape(200, 17, 2)[:, wrists] * codec.distance
    assert float(off.std()) == pytest.approx(
        0.1 * 1.5**0.5, rel=0.05
    )  # the root, middle of the hips, has half the variance
    nobody = Poses2D(np.full((2, 17, 2), np.nan, np.float32), np.zeros((2, 17), bool), ["a", "b"])
    with pytest.raises(InputError, match="none of the 2 people"):
        TrainingSet2D(nobody, human36m.INFO)


def test_four_cameras_see_the_same_motion(tmp_path: Path) -> None:
    """Human3.6M's files with their calibration: the true depth is right in each camera."""
    write_human36m(tmp_path, subjects=["S9"], takes=["Walking 1"])
    data = AnnotatedEvaluationSet(human36m.load_human36m(tmp_path, subjects=["S9"]), human36m.INFO)
    views = list(data.views(DepthCodec(), InputKind.parse("gt"), torch.Generator()))
    assert len(views) == 4
    depths = iter([true_depths(view) for view in views])
    result = evaluate_depth(lambda points: next(depths), data, DepthCodec())
    assert result.mpjpe_mm.max() < 20
