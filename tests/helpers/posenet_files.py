"""Stick figures in the form of the PoseNet release's data sets."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from stick_people import Picture, StickPeople

from rtpose.skeleton import COCO17, H36M17
from rtpose.types import Float32

MPI = (
    "head", "thorax", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_foot", "left_hip", "left_knee", "left_foot", "root", "spine", "neck_base",
)  # fmt: skip
"""The order of MuPoTS-3D's joints, with h36m17's names."""


def write_mupots(folder: Path, sequences: Mapping[str, int]) -> None:
    """sequences: name -> pictures of one person each."""
    names = [f"{name}/{i}.png" for name, count in sequences.items() for i in range(count)]
    people = StickPeople(len(names))
    images, annotations = [], []
    for i, name in enumerate(names):
        picture = people[i]
        (person,) = picture.people
        assert person.joints_m is not None
        _write_image(folder / "data" / "MultiPersonTestSet" / name, picture)
        images.append(
            {"id": i, "file_name": name, "width": 128, "height": 128, "intrinsic": picture.camera.as_array().tolist()}
        )
        annotations.append(
            {
                "image_id": i, "bbox": _box(person.box_px), "is_valid": 1,
                "keypoints_cam": (1000 * person.joints_m[list(H36M17.indices(*MPI))]).tolist(),
                "keypoints_img": person.joints_px[list(H36M17.indices(*MPI))].tolist(),
            }
        )  # fmt: skip
    (folder / "data" / "MuPoTS-3D.json").write_text(json.dumps({"images": images, "annotations": annotations}))


def write_coco(folder: Path, people: StickPeople) -> None:
    """One person in each picture; face joints lie at the head."""
    names = [name.replace("ankle", "foot") for name in COCO17.joints]
    rows = [H36M17.index_of.get(name, H36M17.index_of["head"]) for name in names]
    images, annotations = [], []
    for i in range(len(people)):
        picture = people[i]
        (person,) = picture.people
        _write_image(folder / "images" / "train2017" / f"{i}.png", picture)
        images.append({"id": i, "file_name": f"{i}.png", "width": 128, "height": 128})
        labels = np.concatenate([person.joints_px[rows], np.full((17, 1), 2)], 1)
        annotations.append(
            {"image_id": i, "bbox": _box(person.box_px), "num_keypoints": 17, "keypoints": labels.ravel().tolist()}
        )
    (folder / "annotations").mkdir()
    file = folder / "annotations" / "person_keypoints_train2017.json"
    file.write_text(json.dumps({"images": images, "annotations": annotations}))


def _write_image(path: Path, picture: Picture) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture.image[..., ::-1])


def _box(box_px: Float32) -> list[Any]:
    x0, y0, x1, y1 = box_px.tolist()
    return [x0, y0, x1 - x0, y1 - y0]
