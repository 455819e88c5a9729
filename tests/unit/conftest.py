"""Results made by hand."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from posed_bodies import body_at

from rtpose.types import Camera, Frame, Person3D, Result


def person(track_id: int, where: tuple[float, float] = (100, 100), size: float = 80, score: float = 0.9) -> Person3D:
    """Someone standing upright; every number tells who it is."""
    rng = np.random.default_rng(abs(track_id))
    body, pose, _ = body_at(float(rng.uniform(0, 3)), abs(track_id))
    x, y = where
    joints = len(pose)
    keypoints = np.empty((joints, 3), np.float32)
    keypoints[:, 0] = x + np.linspace(-size / 4, size / 4, joints)
    keypoints[:, 1] = y + np.linspace(-size / 2, size / 2, joints)
    keypoints[:, 2] = score
    bbox = np.array([x - size / 2, y - size / 2, x + size / 2, y + size / 2], np.float32)
    root = np.array([0, 0, 2 + track_id], np.float32)
    return Person3D(track_id, bbox, keypoints, pose, root, np.full(joints, score, np.float32), body)


@pytest.fixture
def make_result() -> Callable[..., Result]:
    def make(frame_id: int, track_ids: Sequence[int] = (), size: tuple[int, int] = (200, 200),
             pts_s: float | None = None) -> Result:  # fmt: skip
        image = np.full((size[1], size[0], 3), 60, np.uint8)
        frame = Frame(image, frame_id, t_ns=frame_id, pts_s=frame_id / 30 if pts_s is None else pts_s)
        return Result(frame, Camera(500, 500, 100, 100), tuple(map(person, track_ids)), t_done_ns=frame_id)

    return make
