"""A recording of real motions, whose bones are rigid: two people, one of whom goes away and comes back."""

import numpy as np
import pytest

from rtpose.assets import small_pack
from rtpose.geometry import camera_from_viewer, pixels_from_camera
from rtpose.recordings.recording import Recording, recording_meta
from rtpose.skeleton import H36M17
from rtpose.train.data.motion_pack import load_motion_pack
from rtpose.types import Camera

FRAMES = 100
AWAY = slice(40, 60)
"""When the second person is not there."""
HIDDEN = (slice(20, 25), H36M17.index_of["left_wrist"])
"""What is not known of the first."""
IDS = (3, 12)
CAMERA = Camera(800, 800, 640, 360)


@pytest.fixture(scope="session")
def poses() -> Recording:
    """100 frames at 30 Hz, the first at 2 s."""
    pack = load_motion_pack(small_pack())
    clips = [i for i, clip in enumerate(pack.clips) if clip["clip"] in ("05_02", "06_02")]
    points = np.full((FRAMES, len(clips), 17, 3), np.nan, np.float32)
    roots = np.full((FRAMES, len(clips), 3), np.nan, np.float32)
    for column, clip in enumerate(clips):
        rows = slice(pack.starts[clip], pack.starts[clip] + FRAMES)
        points[:, column] = camera_from_viewer(pack.poses_m[rows])
        room = pack.roots_m[rows] - pack.roots_m[rows.start] + np.array([column, 0, -5], np.float32)
        roots[:, column] = camera_from_viewer(room)
    pixels = pixels_from_camera(points + roots[:, :, None], CAMERA)
    ids = np.tile(np.array(IDS, np.int32), (FRAMES, 1))
    confidence = np.full(points.shape[:3], 0.75, np.float32)
    keypoints = np.concatenate([pixels, confidence[..., None]], axis=-1)
    points[HIDDEN[0], 0, HIDDEN[1]] = np.nan
    ids[AWAY, 1] = -1
    for array in (points, roots, confidence, keypoints):
        array[AWAY, 1] = np.nan
    return Recording(
        poses_3d=points,
        root_3d=roots,
        confidence=confidence,
        keypoints_2d=keypoints,
        track_ids=ids,
        timestamps_s=2 + np.arange(FRAMES) / 30,
        frame_ids=np.arange(FRAMES, dtype=np.int64) + 60,
        joint_names=H36M17.joints,
        parents=H36M17.parents,
        image_size=(1280, 720),
        camera=CAMERA,
        meta={**recording_meta({"source": "dance", "fps": 30.0}), "frames": FRAMES},
    )


@pytest.fixture(scope="session")
def points(poses: Recording) -> np.ndarray:
    """(100, 2, 17, 3) metres, camera space."""
    return poses.poses_3d.astype(float) + poses.root_3d[:, :, None]


@pytest.fixture(scope="session")
def y_up(points: np.ndarray) -> np.ndarray:
    """The same with y up and z towards the camera: written out, for the function is what is tested."""
    return points * [1, -1, -1]
