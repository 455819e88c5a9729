"""A recording of two people with bodies, in pieces that tests of exports need."""

import numpy as np
import pytest
from dance_recording import WORLD, dance

from rtpose.recordings.recording import Recording


@pytest.fixture(scope="session")
def poses() -> Recording:
    return dance()


@pytest.fixture(scope="session")
def points(poses: Recording) -> np.ndarray:
    """(100, 2, 28, 3) metres, camera space; NaN where nobody saw the joint."""
    placed = poses.poses_3d.astype(float) + poses.root_3d[:, :, None]
    placed[poses.confidence < 0.1] = np.nan
    return placed


@pytest.fixture(scope="session")
def y_up(points: np.ndarray) -> np.ndarray:
    """The same with y up, z towards the camera and the floor at 0."""
    return points @ WORLD[:3, :3].T + WORLD[:3, 3]
