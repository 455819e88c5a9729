"""Pictures of stick figures with exact labels: the embedded motions, drawn with OpenCV. What `Pictures` needs, tiny."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from rtpose.assets import small_pack
from rtpose.geometry import camera_from_fov, pixels_from_camera, viewer_from_camera
from rtpose.skeleton import H36M17
from rtpose.train.data.motion_pack import load_motion_pack
from rtpose.train.synth.people import RenderedPerson, RenderedPicture
from rtpose.train.synth.shards import FORMAT, write_shard
from rtpose.types import Camera, Float32, Image


@dataclass(frozen=True)
class Person:
    joints_px: Float32
    joints_m: Float32 | None
    visible: NDArray[np.bool_]
    box_px: Float32


@dataclass(frozen=True)
class Picture:
    image: Image
    people: tuple[Person, ...]
    camera: Camera


@cache
def _embedded_poses() -> NDArray[np.float32]:
    return load_motion_pack(small_pack()).poses_m


class StickPeople:
    """`count` different pictures of one person each, left limbs and right limbs in different colours."""

    def __init__(self, count: int, size: int = 128, *, flat: bool = False) -> None:
        """flat: without 3D labels."""
        poses = _embedded_poses()
        # Viewer and world share y up; any fixed view of the motions will do.
        self._poses = viewer_from_camera(poses[np.linspace(0, len(poses) - 1, count).astype(int)])
        self._size, self._flat = size, flat

    def __len__(self) -> int:
        return len(self._poses)

    def __getitem__(self, index: int) -> Picture:
        rng = np.random.default_rng(index)
        camera = camera_from_fov((self._size, self._size))
        joints_m = self._poses[index] + np.array([*rng.uniform(-0.3, 0.3, 2), 3.0 + rng.uniform(0, 1)], np.float32)
        joints_px = pixels_from_camera(joints_m, camera)
        image = np.full((self._size, self._size, 3), rng.integers(0, 120, 3), np.uint8)
        for i, colour in enumerate(H36M17.colors):
            parent = H36M17.parents[i]
            if parent >= 0:
                rgb = tuple(int(colour[k : k + 2], 16) for k in (1, 3, 5))
                ends = [tuple(int(v) for v in np.round(joints_px[j])) for j in (i, parent)]
                cv2.line(image, *ends, rgb, 3, cv2.LINE_AA)
        box = np.concatenate([joints_px.min(0), joints_px.max(0)]).astype(np.float32)
        person = Person(joints_px, None if self._flat else joints_m, np.ones(17, bool), box)
        return Picture(image, (person,), camera)


def write_rendered(folder: Path, people: StickPeople, split: str = "train") -> None:
    """A folder as `rtpose data render` fills it."""
    folder.mkdir()
    (folder / "pictures.json").write_text(json.dumps({"format": FORMAT, "split": split}))
    pictures = []
    for i in range(len(people)):
        picture = people[i]
        (person,) = picture.people
        assert person.joints_m is not None
        labels = RenderedPerson(person.joints_px, person.joints_m, person.visible, person.box_px)
        pictures.append(RenderedPicture(picture.image, (labels,), picture.camera))
    write_shard(folder, 0, pictures)
