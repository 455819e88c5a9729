"""Takes of several cameras: who is who, how the cameras stand to each other, and what they say together."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from rtpose.train.adapt.takes import Take
from rtpose.train.adapt.together import joined
from rtpose.types import Float32

FRAMES = 60


def motion(seed: int) -> Float32:
    """(T, 28, 3) somebody who moves, axes of the room, root at 0."""
    rng = np.random.default_rng(seed)
    rest, swing = 0.4 * rng.normal(size=(2, 28, 3))
    rest[0] = swing[0] = 0
    phase = np.linspace(0, 6, FRAMES)[:, None, None] + rng.uniform(0, 6, (28, 1))
    return (rest + 0.4 * swing * np.sin(phase)).astype(np.float32)


def seen(pose: Float32, camera: Rotation, seed: int, start_s: float = 0.0, along_m: float = 0.1) -> Take:
    """What a camera makes of it: joints wrong along its line of sight, a wrong for all frames. camera: camera axes =
    this applied to the room's."""
    rng = np.random.default_rng(seed)
    wrong = np.zeros((FRAMES, 28, 3), np.float32)
    wrong[:, 1:, 2] = along_m * rng.normal(size=27)
    view = np.broadcast_to(Rotation.from_euler("y", 20, degrees=True).as_matrix().astype(np.float32), (FRAMES, 3, 3))
    in_camera = (pose @ camera.as_matrix().T).astype(np.float32)
    t_s = start_s + np.arange(FRAMES) / 30
    nothing = np.zeros((FRAMES, 1), np.float32)
    return Take(nothing, view, in_camera @ view + wrong, np.ones((FRAMES, 28), np.float32), view, t_s)


def error_m(take: Take, pose: Float32, camera: Rotation) -> float:
    found = take.pose @ take.view.transpose(0, 2, 1)
    return float(np.linalg.norm(found - pose @ camera.as_matrix().T, axis=-1).mean())


FRONT, SIDE = Rotation.identity(), Rotation.from_euler("yxz", [80, 15, 5], degrees=True)


def test_two_people_in_two_cameras() -> None:
    """Listed in another order by the second camera."""
    people = motion(1), motion(2)
    first = [seen(pose, FRONT, 10 + i) for i, pose in enumerate(people)]
    second = [seen(pose, SIDE, 20 + i) for i, pose in enumerate(people)][::-1]
    takes, count = joined([first, second])
    assert count == 4
    owners = [(0, FRONT), (1, FRONT), (1, SIDE), (0, SIDE)]
    for before, after, (who, camera) in zip([*first, *second], takes, owners, strict=True):
        assert error_m(after, people[who], camera) < 0.5 * error_m(before, people[who], camera)


@pytest.mark.parametrize(("other", "start_s"), [(2, 0.0), (1, 40.0)], ids=["another person", "another time"])
def test_what_is_not_the_same_moment_stays_as_it_is(other: int, start_s: float) -> None:
    one, two = seen(motion(1), FRONT, 3), seen(motion(other), SIDE, 4, start_s)
    takes, count = joined([[one], [two]])
    assert count == 0
    for before, after in zip((one, two), takes, strict=True):
        np.testing.assert_allclose(after.pose, before.pose, atol=1e-5)


def test_a_joint_that_one_camera_does_not_see_comes_from_the_other() -> None:
    pose = motion(1)
    one, two = seen(pose, FRONT, 3), seen(pose, SIDE, 4, along_m=0.0)
    one.weight[:, 5] = 0
    one.pose[:, 5] = 9
    (after, _), _ = joined([[one], [two]])
    np.testing.assert_allclose(after.weight[:, 5], 1)
    found = after.pose @ after.view.transpose(0, 2, 1)
    assert np.linalg.norm(found[:, 5] - pose[:, 5], axis=-1).max() < 0.15
