import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtpose import metrics


def _random_poses(seed: int) -> np.ndarray:
    """Three spread-out poses, in mm. Hypothesis draws the seed: poses of equal numbers have no size to align."""
    return np.random.default_rng(seed).normal(scale=300, size=(3, 17, 3))


poses = st.integers(0, 10_000).map(_random_poses)


def _rotation(seed: int) -> np.ndarray:
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q if np.linalg.det(q) > 0 else -q


def test_hand_computed() -> None:
    truth = np.zeros((1, 2, 3))
    truth[0, 1] = [100, 0, 0]
    predicted = truth.copy()
    predicted[0, 1] = [100, 30, 40]  # 50 mm away
    assert metrics.mpjpe(predicted, truth).tolist() == [25]
    assert metrics.pck(predicted, truth, 49).tolist() == [0.5]
    # The first joint is within all 31 thresholds, the second from 50 mm on: 21 of them.
    assert metrics.auc(predicted, truth) == pytest.approx([(31 + 21) / 62])


def test_scale_is_the_least_squares_one() -> None:
    truth = np.random.default_rng(0).normal(size=(2, 17, 3))
    assert metrics.n_mpjpe(3 * truth, truth) == pytest.approx([0, 0], abs=1e-9)
    assert metrics.mpjpe(3 * truth, truth).min() > 1


@given(poses, st.integers(0, 100), st.floats(0.1, 10), st.floats(-500, 500))
def test_procrustes_forgives_rotation_scale_and_place(p: np.ndarray, seed: int, scale: float, shift: float) -> None:
    moved = scale * p @ _rotation(seed) + shift
    assert metrics.p_mpjpe(moved, p).max() < 1e-3


def test_procrustes_does_not_mirror() -> None:
    truth = 100 * np.random.default_rng(1).normal(size=(1, 17, 3))
    assert metrics.p_mpjpe(truth * [1, 1, -1], truth)[0] > 10


@given(poses, poses)
def test_each_alignment_helps(a: np.ndarray, b: np.ndarray) -> None:
    """In the squared error, which is what an alignment makes smallest."""

    def squared(x: np.ndarray) -> float:
        return float((metrics.joint_errors(x, b) ** 2).sum())

    assert squared(metrics.scale_aligned(a, b)) <= squared(a) + 1e-6
    assert squared(metrics.procrustes_aligned(a, b)) <= squared(metrics.scale_aligned(a, b)) + 1e-6


def test_acceleration_of_a_thrown_joint() -> None:
    t = np.arange(6) / 30
    motion = np.zeros((6, 1, 3))
    motion[:, 0, 1] = 0.5 * 9.81 * t**2
    still = np.zeros_like(motion)
    np.testing.assert_allclose(metrics.accel_error(motion, still, fps=30), 9.81)


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match=r"\(1, 17, 3\)"):
        metrics.mpjpe(np.zeros((1, 17, 3)), np.zeros((1, 16, 3)))
