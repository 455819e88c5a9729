"""A recording of two people with bodies, one of whom goes away and comes back, seen by a camera that looks down."""

import numpy as np
from posed_bodies import LENGTHS, about, body_at

from rtpose.geometry import pixels_from_camera
from rtpose.recordings.recording import Recording, no_bodies, recording_meta
from rtpose.skeleton import RTPOSE28
from rtpose.types import Camera

FRAMES = 100
AWAY = slice(40, 60)
"""When the second person is not there."""
HIDDEN = (slice(20, 25), RTPOSE28.indices("left_wrist", "left_index", "left_pinky"))
"""What nobody saw of the first."""
IDS = (3, 12)
CAMERA = Camera(800, 800, 640, 360)
SIZES = (1.0, 0.9)


def looking_down() -> np.ndarray:
    """(4, 4) `world_from_camera`: 1.6 m above the floor, 12 degrees down."""
    world = np.eye(4)
    world[:3, :3] = np.diag([1.0, -1, -1]) @ about("x", -12)
    world[1, 3] = 1.6
    return world


WORLD = looking_down()


def dance() -> Recording:
    """100 frames at 30 Hz, the first at 2 s; the world is known after a second."""
    shape = (FRAMES, len(IDS))
    bodies = no_bodies(*shape)
    points = np.empty((*shape, 28, 3), np.float32)
    roots = np.empty((*shape, 3), np.float32)
    contacts = np.empty((*shape, 4), np.float32)
    for column, size in enumerate(SIZES):
        bodies["bone_lengths"][column] = LENGTHS * np.float32(size)
        for t in range(FRAMES):
            body, points[t, column], above = body_at(t / 30, column, bodies["bone_lengths"][column])
            roots[t, column] = [column - 0.5 + 0.2 * np.sin(t / 20), 1.4 - above, 5]
            bodies["rotations"][t, column], contacts[t, column] = body.rotations, body.contacts
    pixels = pixels_from_camera(points + roots[:, :, None], CAMERA)
    ids = np.tile(np.array(IDS, np.int32), (FRAMES, 1))
    confidence = np.full(points.shape[:3], 0.75, np.float32)
    confidence[HIDDEN[0], 0, HIDDEN[1]] = 0.05
    keypoints = np.concatenate([pixels, confidence[..., None]], axis=-1)
    ids[AWAY, 1] = -1
    for array in (points, roots, confidence, keypoints, bodies["rotations"], contacts):
        array[AWAY, 1] = np.nan
    bodies["world_from_camera"][30:] = WORLD
    return Recording(
        poses_3d=points,
        root_3d=roots,
        confidence=confidence,
        keypoints_2d=keypoints,
        track_ids=ids,
        timestamps_s=2 + np.arange(FRAMES) / 30,
        frame_ids=np.arange(FRAMES, dtype=np.int64) + 60,
        joint_names=RTPOSE28.joints,
        parents=RTPOSE28.parents,
        image_size=(1280, 720),
        camera=CAMERA,
        **{**bodies, "contacts": contacts},
        meta={**recording_meta({"source": "dance", "fps": 30.0}), "frames": FRAMES},
    )
