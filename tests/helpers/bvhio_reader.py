"""BVH by a reader that is not ours."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtpose.skeleton import H36M17

with warnings.catch_warnings():
    warnings.simplefilter("ignore", PendingDeprecationWarning)  # how it imports PyGLM
    import bvhio


def positions(path: Path) -> NDArray[np.float64]:
    """(T, 17, 3) metres, by forward kinematics."""
    frames = int(path.read_text().split("Frames: ")[1].split()[0])
    root = bvhio.readAsHierarchy(str(path))
    joints = {joint.Name: joint for joint, _, _ in root.layout()}
    out = np.empty((frames, 17, 3))
    for t in range(frames):
        root.loadPose(t)
        out[t] = [tuple(joints[name].PositionWorld) for name in H36M17.joints]
    return out / 100
