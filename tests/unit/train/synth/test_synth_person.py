"""The body model, its joints and its clothes. Skipped where the body's rig is not built."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from rtpose.errors import ConfigError
from rtpose.skeleton import H36M17
from rtpose.train.synth.motion import JointAngleMotion, JointAnglePack

pytest.importorskip("anny", reason="the extra synth is not installed")
from anny.paths import get_anny_cache_path

from rtpose.train.synth.body import BODY, WORLD_FROM_ANNY, BodyModel, Shape, _coarser
from rtpose.train.synth.clothing import SOLE_M, DressedPerson
from rtpose.train.synth.sampling import random_outfit, random_phenotype

DATA = Path(__file__).resolve().parents[5] / "shared" / "data" / "cmu_amc30_train.npz"


@pytest.fixture(scope="module")
def model() -> BodyModel:
    if not any(get_anny_cache_path().glob("*")):
        pytest.skip("the body model is not built yet: .ci/run and the first `rtpose data render` build it")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # anny's dependencies
        return BodyModel()


@pytest.fixture(scope="module")
def shape(model: BodyModel) -> Shape:
    return model.shape({"gender": 0.5, "age": 0.67, "height": 0.4})


@pytest.fixture(scope="module")
def motion() -> JointAngleMotion:
    if not DATA.is_file():
        pytest.skip("the motion pack is not beside this checkout")
    pack = JointAnglePack(DATA)
    return pack.motion(pack.find("05_02")).part(90, 120)


def test_a_body_at_rest(model: BodyModel, shape: Shape) -> None:
    assert 1.5 < shape.height_m < 2.0
    left, right = (shape.heads[model.bones.index(b)] for b in ("LeftUpLeg", "RightUpLeg"))
    assert left[0] > 0.05
    assert np.allclose(left, right * [-1, 1, 1], atol=0.005)
    assert shape.ears[0, 0] > 0.05  # left ear first
    assert np.allclose(shape.ears[0], shape.ears[1] * [-1, 1, 1], atol=0.005)
    toes = shape.tails[model.bones.index("LeftToeBase")]
    assert toes[2] > shape.heads[model.bones.index("LeftFoot")][2] + 0.1  # faces +z
    assert model.shape({"age": 0.4}).height_m < shape.height_m
    with pytest.raises(ConfigError, match="hat"):
        model.shape({"hat": 1.0})


def test_posing_agrees_with_the_body_models_own(model: BodyModel, shape: Shape, motion: JointAngleMotion) -> None:
    import torch

    pose = model.poses(shape, motion.part(10, 11))[0]
    phenotype = {"gender": 0.5, "age": 0.67, "height": 0.4}
    rest = model._model(None, phenotype)["rest_bone_poses"][0, :, :3, :3].numpy()
    w = WORLD_FROM_ANNY
    given = np.tile(np.eye(4), (1, len(model.bones), 1, 1))
    given[0, :, :3, :3] = w.T @ pose.rotations @ w @ rest
    given[0, 0, :3, 3] = w.T @ pose.carry(0, shape.heads[0])
    out = model._model(torch.tensor(given), phenotype, pose_parameterization="world-orient")
    expected = out["vertices"][0].numpy() @ w.T
    assert np.abs(model.skin(pose, shape.vertices, model.weights) - expected).max() < 1e-5


def test_joints_follow_the_motion(model: BodyModel, shape: Shape, motion: JointAngleMotion) -> None:
    poses = model.poses(shape, motion, SOLE_M)
    joints = np.stack([model.joints(shape, pose) for pose in poses])
    at = H36M17.index_of
    for child, parent, bone in (
        ("left_elbow", "left_shoulder", "lhumerus"),
        ("right_foot", "right_knee", "rtibia"),
    ):
        direction = joints[:, at[child]] - joints[:, at[parent]]
        direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
        assert np.allclose(direction, motion.rotations[bone] @ motion.rest_directions[bone], atol=1e-6)
    feet = np.stack([model.skin(p, shape.vertices[BODY], model.weights[BODY])[:, 1].min() for p in poses])
    assert (feet > -0.02).all()
    assert feet.min() < SOLE_M + 0.03  # someone stands
    assert (joints[:, at["head"], 1] > joints[:, at["thorax"], 1]).all()


def test_clothes_cover_and_follow(model: BodyModel, shape: Shape, motion: JointAngleMotion) -> None:
    rng = np.random.default_rng(1)
    pose = model.poses(shape, motion.part(0, 1), SOLE_M)[0]
    for _ in range(4):
        random_shape = model.shape(random_phenotype(rng))
        person = DressedPerson(model, random_shape, random_outfit(rng))
        things = person.things(pose)
        assert [thing.mesh for thing in things] == list(person.meshes)
        assert len(things) == 7
        for mesh in person.meshes:
            assert np.isfinite(mesh.positions).all()
            assert mesh.faces.max() < len(mesh.positions)
            assert (mesh.inside > 0).any()
            assert mesh.weights is not None
            assert np.allclose(mesh.weights.sum(1), 1.0, atol=1e-5)
        recoloured = person.things(pose, random_outfit(rng))
        assert recoloured[0].material != person.meshes[0].material
        assert person.occluders(pose).shape[1] == 4


def test_a_coarse_skin_has_the_same_vertices_and_fewer_triangles(model: BodyModel) -> None:
    faces = model.skin_faces
    coarse = _coarser(model.shape({}).vertices[BODY].astype(np.float64), faces, np.full(BODY.stop, 0.02))
    assert 0.05 < len(coarse) / len(faces) < 0.4
    assert set(coarse.ravel()) <= set(faces.ravel())
    assert (np.sort(coarse, axis=1)[:, :-1] != np.sort(coarse, axis=1)[:, 1:]).all()  # no triangle without area


def test_the_same_seed_gives_the_same_person() -> None:
    first, again = (random_outfit(np.random.default_rng(7)) for _ in range(2))
    assert first.shirt.colour == again.shirt.colour
    assert first.sleeve == again.sleeve
    assert random_phenotype(np.random.default_rng(7)) == random_phenotype(np.random.default_rng(7))
