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


def test_people_are_matched_by_near_joints() -> None:
    """Four joints each. The first true person takes the estimate with three near joints, the second the one left that
    has one, the third nobody: its estimate is taken."""
    true = np.zeros((3, 4, 2))
    true[1] += 100
    true[2] += 2
    first, second = np.zeros((4, 2)), np.full((4, 2), 100.0)
    first[3] = 500
    second[1:] = 300
    rows = metrics.match_people(np.stack([second, first]), true, np.array([10, 10, 10]))
    assert rows.tolist() == [1, 0, -1]
    # Near is less than the reach, in x and in y; a joint that nobody sees (NaN) is near nothing.
    assert metrics.match_people(true[:1] + np.array([9.9, -9.9]), true[:1], np.array([10])).tolist() == [0]
    assert metrics.match_people(true[:1] + np.array([10, 0]), true[:1], np.array([10])).tolist() == [-1]
    assert metrics.match_people(true[:1], np.full((1, 4, 2), np.nan), np.array([10])).tolist() == [-1]
    assert metrics.match_people(np.zeros((0, 4, 2)), true, np.array([10, 10, 10])).tolist() == [-1, -1, -1]


def test_somebody_missed_has_no_right_joint() -> None:
    truth = np.zeros((2, 4, 3))
    truth[1] += 1000
    estimated = truth[1:] + np.array([[0, 0, 0], [149, 0, 0], [0, 151, 0], [100, 100, 100]])
    assert metrics.people_pck(estimated, truth, np.array([-1, 0])).tolist() == [0, 0.5]
    assert metrics.people_pck(estimated, truth, np.array([0, -1])).tolist() == [0, 0]


def test_bones_get_their_true_lengths() -> None:
    """Root at (1, 0, 0), one bone along y of length 2 (true: 3), then one along x of length 4 (true: 1)."""
    poses = np.array([[[1.0, 0, 0], [1, 2, 0], [5, 2, 0]]])
    truth = np.array([[[0.0, 0, 0], [0, 0, 3], [0, 0, 4]]])
    np.testing.assert_allclose(metrics.with_bones_of(poses, truth, (-1, 0, 1)), [[[1, 0, 0], [1, 3, 0], [2, 3, 0]]])
