"""Made-up motions: on a tiny skeleton with straight bones."""

from __future__ import annotations

import numpy as np
import pytest
from asf_files import amc_text, asf_text

from rtpose.train.data.readers.cmu_angles import prepare_cmu_angles
from rtpose.train.synth.exercises import Exercise, exercise_motion, random_exercise
from rtpose.train.synth.motion import JointAngleMotion, JointAnglePack

TIMES_S = np.arange(40) / 10


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> JointAnglePack:
    folder = tmp_path_factory.mktemp("cmu")
    (folder / "01.asf").write_text(asf_text())
    (folder / "01_01.amc").write_text(amc_text([{"root": "0 17 0 0 0 0"}] * 40))
    prepare_cmu_angles(folder, folder / "angles.npz")
    return JointAnglePack(folder / "angles.npz")


def direction(motion: JointAngleMotion, bone: str) -> np.ndarray:
    """(T, 3): where the bone points."""
    return motion.rotations[bone] @ motion.rest_directions[bone]


def made(pack: JointAnglePack, kind: Exercise, seed: int) -> JointAngleMotion:
    return exercise_motion(kind, pack, "01", TIMES_S, np.random.default_rng(seed))


@pytest.mark.parametrize("kind", Exercise)
def test_joints_turn_as_joints_do(pack: JointAnglePack, kind: Exercise) -> None:
    for seed in range(8):
        motion = made(pack, kind, seed)
        assert len(motion) == 40
        assert motion.text == kind.value
        for bone, rotations in motion.rotations.items():
            assert np.allclose(rotations @ np.swapaxes(rotations, 1, 2), np.eye(3), atol=1e-9), bone
            between = rotations[1:] @ np.swapaxes(rotations[:-1], 1, 2)
            turn = np.degrees(np.arccos(np.clip((np.trace(between, axis1=1, axis2=2) - 1) / 2, -1, 1)))
            assert turn.max() < 110, f"{bone} jumps"
        for side in "lr":  # knees bend backwards, elbows do not bend backwards
            thigh, shin = direction(motion, f"{side}femur"), direction(motion, f"{side}tibia")
            assert (np.cross(thigh, shin) @ [1, 0, 0] > -0.35).all()
        assert direction(motion, "head")[:, 1].max() > -0.3
        assert not np.allclose(motion.rotations["lhumerus"], made(pack, kind, seed + 100).rotations["lhumerus"])
    assert np.array_equal(made(pack, kind, 3).hips, made(pack, kind, 3).hips)


def test_what_each_exercise_is(pack: JointAnglePack) -> None:
    for seed in range(12):
        sitting = made(pack, Exercise.SIT, seed)
        assert direction(sitting, "lfemur")[:, 1].min() > -0.5  # thighs are near level
        assert direction(sitting, "ltibia")[:, 1].max() < -0.3  # shins are not
        standing = made(pack, Exercise.STAND, seed)
        for bone in ("lfemur", "rfemur", "ltibia", "rtibia"):
            assert direction(standing, bone)[:, 1].max() < -0.9
        assert np.abs(standing.hips).max() < 0.15
        squats = direction(made(pack, Exercise.SQUAT, seed), "lfemur")[:, 1]
        assert squats.max() - squats.min() > 0.05
    arms = [direction(made(pack, Exercise.RAISE_ARMS, seed), "lhumerus")[:, 1].max() for seed in range(12)]
    assert np.mean(np.array(arms) > 0) > 0.5


def test_feet_that_carry_stay(pack: JointAnglePack) -> None:
    motion = made(pack, Exercise.SQUAT, 5)
    ankles = [
        motion.hips + motion.leg_length / 2 * (direction(motion, f"{s}femur") + direction(motion, f"{s}tibia"))
        for s in "lr"
    ]
    middle = (ankles[0] + ankles[1]) / 2
    assert np.ptp(middle[:, [0, 2]], axis=0).max() < 1e-9
    assert np.ptp(motion.hips[:, 2]) > 0.01


def test_all_exercises_are_drawn() -> None:
    rng = np.random.default_rng(0)
    assert {random_exercise(rng) for _ in range(300)} == set(Exercise)
