"""Rendered clips. Skipped where the body model, OpenGL or the motion pack is missing."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rtpose.errors import ConfigError
from rtpose.skeleton import H36M17, RTPOSE28
from rtpose.train.synth.photo import Split

pytest.importorskip("anny", reason="the extra synth is not installed")
pytest.importorskip("moderngl", reason="the extra synth is not installed")
from anny.paths import get_anny_cache_path

from rtpose.train.synth.body import BodyModel, Shape
from rtpose.train.synth.clips import RenderedClip, RenderedClips
from rtpose.train.synth.motion import JointAnglePack
from rtpose.train.synth.renderer import Renderer

MOTIONS = Path(__file__).resolve().parents[5] / "shared" / "data" / "cmu_amc30_train.npz"
POSITIONS = MOTIONS.with_name("cmu17_train.npz")
AT = RTPOSE28.index_of
FRAMES = 8


@pytest.fixture(scope="module", autouse=True)
def _needs() -> None:
    if not any(get_anny_cache_path().glob("*")):
        pytest.skip("the body model is not built yet: .ci/run and the first `rtpose data render` build it")
    if not MOTIONS.is_file():
        pytest.skip("the motion pack is not beside this checkout")


@pytest.fixture(scope="module")
def clips() -> Iterator[RenderedClips]:
    try:
        with Renderer((32, 32)):
            pass
    except ConfigError as error:
        pytest.skip(str(error))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # anny's dependencies
        made = RenderedClips(MOTIONS, frames=FRAMES, positions=POSITIONS)
    yield made
    made.close()


@pytest.fixture(scope="module")
def some(clips: RenderedClips) -> list[RenderedClip]:
    return [clips[k] for k in range(5)]


@pytest.fixture(scope="module")
def model() -> BodyModel:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return BodyModel(coarse=True)


@pytest.fixture(scope="module")
def shape(model: BodyModel) -> Shape:
    return model.shape({"gender": 0.5, "age": 0.67, "height": 0.4})


@pytest.mark.slow
def test_a_clip_is_what_its_truth_says(some: list[RenderedClip]) -> None:
    for clip in some:
        truth = clip.truth
        assert len(clip.images) == len(truth.times_s) == FRAMES
        assert all(image.shape == (truth.size[1], truth.size[0], 3) for image in clip.images)
        assert 1 / 32 < np.diff(truth.times_s).max() < 1 / 7
        assert truth.joints_m.shape == (FRAMES, 28, 3)
        px = truth.joints_px[truth.visible]
        assert (px >= 0).all()
        assert (px < truth.size).all()
        assert truth.visible.sum(1).min() >= 5
        assert (truth.joints_m[..., 2][truth.visible] > 0.5).all()
        world = np.einsum("tij,tkj->tki", truth.world_from_camera[:, :3, :3], truth.joints_m.astype(float))
        world += truth.world_from_camera[:, None, :3, 3]
        assert world[..., 1].min() > -0.2  # nobody is under the floor
        assert 0.1 < np.median(world[:, 0, 1]) < 3  # somebody climbs
        thigh = np.linalg.norm(truth.joints_m[:, AT["left_knee"]] - truth.joints_m[:, AT["left_hip"]], axis=-1)
        assert np.ptp(thigh) < 1e-4  # bones keep their length


def test_somebody_is_where_the_joints_are(some: list[RenderedClip]) -> None:
    """Between two frames of a still camera, the picture changes where the person is."""
    checked = 0
    for clip in some:
        truth = clip.truth
        if truth.holding.value != "still":
            continue
        change = np.abs(clip.images[0].astype(int) - clip.images[-1]).sum(-1)
        low, high = truth.joints_px[[0, -1]].min((0, 1)), truth.joints_px[[0, -1]].max((0, 1))
        apart = 0.35 * (high - low).max()
        rows, columns = np.mgrid[0 : truth.size[1], 0 : truth.size[0]]
        near = (columns > low[0] - apart) & (columns < high[0] + apart)
        near &= (rows > low[1] - apart) & (rows < high[1] + apart)
        if (~near).mean() > 0.1:
            assert change[near].mean() > change[~near].mean()
            checked += 1
    assert checked


def test_clips_are_the_same_every_time(clips: RenderedClips, some: list[RenderedClip]) -> None:
    again = clips[3]
    assert np.array_equal(again.truth.joints_m, some[3].truth.joints_m)
    assert np.array_equal(again.images[-1], some[3].images[-1])
    assert not np.array_equal(some[2].truth.joints_m, some[3].truth.joints_m)
    with pytest.raises(IndexError):
        clips[-1]


@pytest.mark.slow
def test_two_people_in_every_third_clip_of_footage() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = RenderedClips(MOTIONS, Split.TEST, frames=FRAMES, footage=True)
        alone, both = made[1], made[2]
        made.close()
    assert alone.second is None
    first, second = both.truth, both.second
    assert second is not None
    assert first.kind != second.kind
    between = (first.joints_m - second.joints_m)[:, 0].astype(float)
    level = np.einsum("tij,tj->ti", first.world_from_camera[:, :3, :3], between)[:, [0, 2]]
    assert np.linalg.norm(level, axis=1).min() > 0.59
    assert second.visible.sum(1).max() > 12
    px = second.joints_px[second.visible]
    assert ((px >= 0) & (px < second.size)).all()


def test_the_test_split_has_other_motions() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        test = RenderedClips(MOTIONS, Split.TEST, positions=POSITIONS)
    subjects = {pack.clips[i]["subject"] for pack, i in test._clips}
    assert subjects == {"05", "17", "131"}
    test.close()


def test_ends_of_the_body_are_where_they_belong(model: BodyModel, shape: Shape) -> None:
    motion = JointAnglePack(MOTIONS).motion(0).part(0, 2)
    pose = model.poses(shape, motion)[0]
    joints = model.joints28(shape, pose)
    assert np.array_equal(joints[: len(H36M17.joints)], model.joints(shape, pose))

    def apart(a: str, b: str) -> float:
        return float(np.linalg.norm(joints[AT[a]] - joints[AT[b]]))

    for side in ("left", "right"):
        assert 0.06 < apart(f"{side}_wrist", f"{side}_index") < 0.13
        assert 0.05 < apart(f"{side}_wrist", f"{side}_pinky") < 0.12
        assert 0.03 < apart(f"{side}_index", f"{side}_pinky") < 0.09
        assert 0.15 < apart(f"{side}_heel", f"{side}_toe") < 0.30
        assert 0.04 < apart(f"{side}_heel", f"{side}_foot") < 0.14
        assert 0.06 < apart(f"{side}_ear", "head") < 0.11
        assert 0.08 < apart("nose", f"{side}_ear") < 0.18
    assert joints[AT["left_heel"], 1] < joints[AT["left_foot"], 1]


def test_a_mirrored_motion_moves_the_mirrored_body(model: BodyModel, shape: Shape) -> None:
    motion = JointAnglePack(MOTIONS).motion(0).part(40, 42)
    twice = motion.mirrored().mirrored()
    assert all(np.allclose(twice.rotations[bone], r) for bone, r in motion.rotations.items())
    plain, mirrored = (model.joints28(shape, model.poses(shape, m)[0]) for m in (motion, motion.mirrored()))
    expected = (plain * [-1, 1, 1])[RTPOSE28.twins]
    assert np.abs(mirrored - expected).max() < 0.03  # the body itself is not exactly alike on both sides


def test_stretched_bones(model: BodyModel, shape: Shape) -> None:
    same = model.stretched(shape, {})
    assert np.allclose(same.vertices, shape.vertices, atol=1e-5)
    taller = model.stretched(shape, {"UpLeg": 1.1, "Leg": 1.1})
    for bone, factor in (("LeftUpLeg", 1.1), ("RightLeg", 1.1), ("LeftArm", 1.0)):
        b = model.bones.index(bone)
        length = [np.linalg.norm(s.tails[b] - s.heads[b]) for s in (shape, taller)]
        assert length[1] / length[0] == pytest.approx(factor, rel=1e-6)
    assert 1.03 < taller.height_m / shape.height_m < 1.07
    assert np.allclose(taller.extra_joints[0] - taller.ears[0], shape.extra_joints[0] - shape.ears[0], atol=0.005)
