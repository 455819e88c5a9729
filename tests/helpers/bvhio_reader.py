"""BVH by a reader that is not ours."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtpose.bones import BONE_NAMES, JOINT_BONES, JOINT_PLACES

with warnings.catch_warnings():
    warnings.simplefilter("ignore", PendingDeprecationWarning)  # how it imports PyGLM
    import bvhio
    import glm


def positions(path: Path, lengths: NDArray[np.floating]) -> NDArray[np.float64]:
    """(T, 28, 3) metres: the joints on the bones, by the reader's forward kinematics. lengths: (B,) metres."""
    frames = int(path.read_text().split("Frames: ")[1].split()[0])
    root = bvhio.readAsHierarchy(str(path))
    joints = {joint.Name: joint for joint, _, _ in root.layout()}
    root.loadRestPose()
    # The reader's own axes are along the bones: what turns a bone from rest is the same in any.
    rest = {name: glm.inverse(joint.RotationWorld) for name, joint in joints.items()}
    places = (JOINT_PLACES * lengths[JOINT_BONES, None] * 100).tolist()
    out = np.empty((frames, len(places), 3))
    for t in range(frames):
        root.loadPose(t)
        for joint, (bone, place) in enumerate(zip(JOINT_BONES, places, strict=True)):
            node = joints[BONE_NAMES[bone]]
            turn = node.RotationWorld * rest[BONE_NAMES[bone]]
            out[t, joint] = tuple(node.PositionWorld + turn * glm.vec3(*place))
    return out / 100
