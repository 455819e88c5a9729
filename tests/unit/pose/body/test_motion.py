"""The second pass' parts: second differences, conjugate gradients, feet that stand throughout a motion."""

import numpy as np
from moving_bodies import CAMERA, squatting, standing_person

from rtpose.pose.body.fit import FEET
from rtpose.pose.body.motion import Accelerations, conjugate_gradients
from rtpose.pose.body.offline import WINDOW, ClipFrame, fit_clip
from rtpose.types import Person3D

FPS = 30


def test_an_even_motion_has_no_acceleration_whatever_the_frame_times():
    times = np.cumsum(np.random.default_rng(0).uniform(0.02, 0.05, 30))
    over = Accelerations(times)
    np.testing.assert_allclose(over.of(times[:, None] * [1.0, -2.0]), 0, atol=1e-12)
    assert np.abs(over.of(times[:, None] ** 2)).min() > 1e-4


def test_the_transpose_is_the_transpose():
    rng = np.random.default_rng(1)
    over = Accelerations(np.cumsum(rng.uniform(0.02, 0.05, 12)))
    values, accelerations = rng.normal(size=(12, 3)), rng.normal(size=(10, 3))
    one = (over.of(values) * accelerations).sum()
    np.testing.assert_allclose(one, (values * over.transposed(accelerations, 12)).sum())


def test_conjugate_gradients_solve():
    rng = np.random.default_rng(2)
    root = rng.normal(size=(20, 20))
    matrix, right = root @ root.T + 5 * np.eye(20), rng.normal(size=20)
    found = conjugate_gradients(lambda x: matrix @ x, right, lambda r: r / np.diag(matrix))
    np.testing.assert_allclose(found, np.linalg.solve(matrix, right), atol=1e-3)


def feet_of(people: list[list[Person3D]]) -> np.ndarray:
    return np.stack([row[0].pose_3d[FEET] + row[0].root_3d for row in people])


def test_feet_stand_in_the_second_pass():
    """The lifter's root trembles in depth, and its joints in all directions."""
    drift = np.cumsum(np.random.default_rng(0).normal(size=90)) * 0.01
    frames = []
    for t in range(90):
        person = standing_person(squatting(t / FPS), noise_m=0.005, seed=t)
        person.root_3d[2] += drift[t]
        frames.append(ClipFrame(t / FPS, CAMERA, [person]))
    speeds = [
        np.linalg.norm(np.diff(feet_of(fit_clip(frames, planted=on)[0])[15:], axis=0), axis=-1).mean()
        for on in (False, True)
    ]
    assert speeds[1] < 0.1 * speeds[0]


def test_no_seam_is_seen_between_windows():
    count = WINDOW + 60
    frames = [
        ClipFrame(t / FPS, CAMERA, [standing_person(squatting(t / FPS), noise_m=0.01, seed=t)]) for t in range(count)
    ]
    poses = np.stack([row[0].pose_3d for row in fit_clip(frames, planted=False)[0]])
    steps = np.linalg.norm(np.diff(poses, 2, axis=0), axis=-1).mean(-1)
    assert steps[WINDOW - 3 : WINDOW + 3].max() < 2 * np.percentile(steps, 95)
