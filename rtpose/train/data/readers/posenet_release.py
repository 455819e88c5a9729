"""Human3.6M, MPII, COCO, MuCo-3DHP and MuPoTS-3D with their pictures, in the folders of the PoseNet release.

Where from: https://github.com/mks0601/3DMPPE_POSENET_RELEASE links annotations in COCO's format for all of them and
says where the pictures belong; the data sets' own sites give the pictures. Terms: each data set's own
(see `PICTURE_SETS`). Joints come out as a detector defines them (`rtpose.skeleton`), as rendered people's do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rtpose.errors import InputError
from rtpose.geometry import camera_from_fov, pixels_from_camera
from rtpose.skeleton import COCO17, H36M17, H36M17_AS_DETECTED, H36M17_FROM_COCO17
from rtpose.train.data.readers.data_set_info import DataSetInfo, expected_file
from rtpose.train.data.readers.poses import h36m17_by_name, mixed
from rtpose.types import Camera, Float32, Image

_RELEASE = "https://github.com/mks0601/3DMPPE_POSENET_RELEASE"
_RESEARCH = "Free for research; no commercial use."
PICTURE_SETS = {
    "human36m": DataSetInfo(
        name="Human3.6M with pictures", source=f"http://vision.imar.ro/human3.6m, labels from {_RELEASE}",
        terms="Free for academic use with an account from the authors; no redistribution, no commercial use.",
        files=("annotations/Human36M_subject*_data.json", "…_camera.json", "…_joint_3d.json", "images/"),
    ),
    "mpii": DataSetInfo(
        name="MPII Human Pose with pictures", source=f"http://human-pose.mpi-inf.mpg.de, labels from {_RELEASE}",
        terms="Annotations under the Simplified BSD licence; the pictures belong to their authors.",
        files=("annotations/train.json", "images/"),
    ),
    "coco": DataSetInfo(
        name="COCO keypoints", source="https://cocodataset.org",
        terms="Annotations under CC BY 4.0; the pictures belong to their authors.",
        files=("annotations/person_keypoints_train2017.json", "images/train2017/"),
    ),
    "muco": DataSetInfo(
        name="MuCo-3DHP", source=f"http://gvv.mpi-inf.mpg.de/projects/SingleShotMultiPerson, made as in {_RELEASE}",
        terms=_RESEARCH, files=("data/MuCo-3DHP.json", "data/augmented_set/", "data/unaugmented_set/"),
    ),
    "mupots": DataSetInfo(
        name="MuPoTS-3D", source=f"http://gvv.mpi-inf.mpg.de/projects/SingleShotMultiPerson, labels from {_RELEASE}",
        terms=_RESEARCH, files=("data/MuPoTS-3D.json", "data/MultiPersonTestSet/"),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class AnnotatedPerson:
    """See `rtpose.train.cascaded.pictures.PersonLabels`."""

    joints_px: Float32
    """(17, 2); NaN where not labelled."""
    joints_m: Float32 | None
    """(17, 3) metres, camera space; None without 3D."""
    visible: NDArray[np.bool_]
    """(17,) labelled and, where the data set says so, not hidden."""
    box_px: Float32
    """(4,) x0, y0, x1, y1."""


@dataclass(frozen=True)
class AnnotatedPicture:
    """A picture with all its people."""

    image: Image
    """(H, W, 3) uint8 RGB."""
    people: tuple[AnnotatedPerson, ...]
    camera: Camera
    """For data sets with 2D labels only, the camera of the default field of view."""


@dataclass(frozen=True)
class _Entry:
    path: Path
    people: tuple[AnnotatedPerson, ...]
    camera: Camera
    action: str = ""


class PictureSet:
    """The pictures of one data set: labels in memory, pictures read when asked for."""

    def __init__(self, entries: Sequence[_Entry], *, in_sequences: bool = False) -> None:
        self._entries, self._in_sequences = entries, in_sequences

    def __len__(self) -> int:
        return len(self._entries)

    def sequence(self, index: int) -> str:
        """The picture's sequence: in MuPoTS-3D TS1 to TS20; "" where figures are not broken down by sequence."""
        return self._entries[index].path.parent.name if self._in_sequences else ""

    def action(self, index: int) -> str:
        """What a picture of Human3.6M shows, a column of the paper's Tables 1 and 2; "" in other data sets."""
        return self._entries[index].action

    def __getitem__(self, index: int) -> AnnotatedPicture:
        """Errors: `InputError` for a picture that is missing or damaged."""
        entry = self._entries[index]
        bgr = cv2.imread(str(entry.path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        if bgr is None:
            raise InputError(
                f"{entry.path} is missing or not a picture: put the data set's pictures where its labels say"
            )
        return AnnotatedPicture(np.ascontiguousarray(bgr[..., ::-1], np.uint8), entry.people, entry.camera)


def open_picture_set(
    name: str, folder: Path, *, subjects: Sequence[int] = (1, 5, 6, 7, 8), every: int = 5
) -> PictureSet:
    """A data set of `PICTURE_SETS` from its folder. subjects, every: for Human3.6M, whose 50 Hz videos change
    little from frame to frame; the paper trains on every 5th frame and tests S9 and S11 on every 64th.

    Errors: `InputError` for an unknown name, a wrong folder, labels in another format.
    """
    if name not in PICTURE_SETS:
        raise InputError(f"no data set '{name}' with pictures: choose one of {', '.join(PICTURE_SETS)}")
    info = PICTURE_SETS[name]
    if name == "human36m":
        entries = [e for subject in subjects for e in _human36m(folder, subject, every)]
    else:
        path = expected_file(folder, info.files[0], info)
        entries = _grouped(path, lambda data: _READERS[name](path, data))
    entries = [entry for entry in entries if entry.people]
    if not entries:
        raise InputError(f"{folder} has no labelled person of {info.name}: download its annotations again")
    return PictureSet(entries, in_sequences=name == "mupots")


_PersonReader = Callable[[dict[str, Any], dict[str, Any], Camera], AnnotatedPerson | None]
"""(picture's entry, person's entry, camera) -> the person, None to leave it out."""


def _grouped(path: Path, entries: Callable[[dict[str, Any]], list[_Entry]]) -> list[_Entry]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return entries(data)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise InputError(
            f"{path} does not hold the PoseNet release's labels ({type(error).__name__}: {error}): download it again"
        ) from None


def _entries(
    data: Mapping[str, Any], pictures: Path, camera_of: Callable[[dict[str, Any]], Camera], person_of: _PersonReader
) -> list[_Entry]:
    """COCO's form: `images` with id, file_name, width, height; `annotations` with image_id and a person's labels."""
    people: dict[Any, list[AnnotatedPerson]] = {}
    images = {image["id"]: image for image in data["images"]}
    cameras = {key: camera_of(image) for key, image in images.items()}
    for annotation in data["annotations"]:
        key = annotation["image_id"]
        person = person_of(images[key], annotation, cameras[key])
        if person is not None:
            people.setdefault(key, []).append(person)
    return [
        _Entry(pictures / images[key]["file_name"], tuple(people[key]), cameras[key], _action(images[key]))
        for key in people
    ]


_FIRST_ACTION = 2
_ACTIONS = (
    "Directions", "Discussion", "Eating", "Greeting", "Phoning", "Posing", "Purchases", "Sitting", "SittingDown",
    "Smoking", "Photo", "Waiting", "Walking", "WalkDog", "WalkTogether",
)  # fmt: skip
"""Human3.6M's, in the release's order: `action_idx` 2 to 16."""


def _action(image: Mapping[str, Any]) -> str:
    number = int(image.get("action_idx", -1)) - _FIRST_ACTION
    return _ACTIONS[number] if 0 <= number < len(_ACTIONS) else ""


def _assumed_camera(image: Mapping[str, Any]) -> Camera:
    return camera_from_fov((int(image["width"]), int(image["height"])))


def _box(annotation: Mapping[str, Any]) -> Float32:
    """COCO's x, y, width, height -> x0, y0, x1, y1."""
    x, y, width, height = (float(v) for v in annotation["bbox"])
    return np.array([x, y, x + width, y + height], np.float32)


# Data sets with 2D labels: COCO's `keypoints`, x, y and a flag for each joint: 0 not labelled; 1 hidden and
# 2 visible in COCO, 1 visible in MPII.

_MPII_JOINTS = (
    "right_foot", "right_knee", "right_hip", "left_hip", "left_knee", "left_foot", "root", "thorax", "neck_base",
    "head", "right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist",
)  # fmt: skip
"""MPII's order, with h36m17's names."""


def _person_2d(
    annotation: Mapping[str, Any], joints: Sequence[str], names: Sequence[str], matrix: Float32, *, seen_from: int
) -> AnnotatedPerson:
    """joints: the annotation's order. names: the joints that `matrix` (17, len(names)) needs, under the same names.
    seen_from: the least flag of a visible joint."""
    labels = np.array(annotation["keypoints"], np.float32).reshape(len(joints), 3)
    pixels = np.where(labels[:, 2:] > 0, labels[:, :2], np.float32(np.nan))
    row = {joint: i for i, joint in enumerate(joints)}
    chosen = np.full((len(names), 3), np.nan, np.float32)
    for i, joint in enumerate(names):
        if joint in row:
            chosen[i] = (*pixels[row[joint]], labels[row[joint], 2])
    joints_px = mixed(matrix, chosen[:, :2])
    hidden = matrix @ (np.nan_to_num(chosen[:, 2:]) < seen_from).astype(np.float32)
    return AnnotatedPerson(joints_px, None, np.isfinite(joints_px).all(-1) & (hidden[:, 0] == 0), _box(annotation))


def _coco(path: Path, data: dict[str, Any]) -> list[_Entry]:
    def person(_: dict[str, Any], annotation: dict[str, Any], camera: Camera) -> AnnotatedPerson | None:
        if annotation.get("iscrowd") or not annotation["num_keypoints"]:
            return None
        return _person_2d(annotation, COCO17.joints, COCO17.joints, H36M17_FROM_COCO17, seen_from=2)

    return _entries(data, path.parents[1] / "images" / "train2017", _assumed_camera, person)


def _mpii(path: Path, data: dict[str, Any]) -> list[_Entry]:
    def person(_: dict[str, Any], annotation: dict[str, Any], camera: Camera) -> AnnotatedPerson | None:
        if not annotation["num_keypoints"]:
            return None
        return _person_2d(annotation, _MPII_JOINTS, H36M17.joints, H36M17_AS_DETECTED, seen_from=1)

    return _entries(data, path.parents[1], _assumed_camera, person)


# Data sets with 3D labels in camera space: `keypoints_img` in pixels, `keypoints_cam` in millimetres.

_MPI_JOINTS = (
    "head_top", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "pelvis", "spine", "head",
)  # fmt: skip
"""MuPoTS-3D's; MuCo-3DHP's begin with the same 17, followed by hands and toes."""
_NAME_OF_MPI = {
    "root": "pelvis", "spine": "spine", "thorax": "neck", "neck_base": "head", "head": "head_top",
    **{joint: joint.replace("foot", "ankle") for joint in H36M17.joints if "_" in joint and joint != "neck_base"},
}  # fmt: skip


def _person_3d(pixels: Any, camera_mm: Any, annotation: Mapping[str, Any]) -> AnnotatedPerson:
    """Both (17 or more, …) in MPI's order."""

    def joints(values: Any) -> Float32:
        array = np.array(values, np.float32)[: len(_MPI_JOINTS)]
        return mixed(H36M17_AS_DETECTED, h36m17_by_name(array, _MPI_JOINTS, _NAME_OF_MPI))

    metres: Float32 = joints(camera_mm) * np.float32(1e-3)
    return AnnotatedPerson(joints(pixels), metres, np.ones(len(metres), np.bool_), _box(annotation))


_APART_M = 0.5


def _in_nobodys_way(people: tuple[AnnotatedPerson, ...]) -> tuple[AnnotatedPerson, ...]:
    """Of people pasted into one picture, those who are certainly visible: the nearest, and anyone `_APART_M` away from
    everyone else. This is the PoseNet release's rule, because the labels do not say who covers whom."""
    roots = np.stack([person.joints_m[0] for person in people if person.joints_m is not None])
    far = np.linalg.norm(roots[:, None, :2] - roots[None, :, :2], axis=-1) >= _APART_M
    alone = (far | np.eye(len(roots), dtype=bool)).all(1)
    alone[roots[:, 2].argmin()] = True
    return tuple(person for person, kept in zip(people, alone, strict=True) if kept)


def _muco(path: Path, data: dict[str, Any]) -> list[_Entry]:
    def camera(image: dict[str, Any]) -> Camera:
        return Camera(*(float(v) for v in (*image["f"], *image["c"])))

    def person(_: dict[str, Any], annotation: dict[str, Any], camera: Camera) -> AnnotatedPerson:
        return _person_3d(annotation["keypoints_img"], annotation["keypoints_cam"], annotation)

    entries = _entries(data, path.parent, camera, person)
    return [replace(entry, people=_in_nobodys_way(entry.people)) for entry in entries]


def _mupots(path: Path, data: dict[str, Any]) -> list[_Entry]:
    def camera(image: dict[str, Any]) -> Camera:
        return Camera(*(float(v) for v in image["intrinsic"]))

    def person(_: dict[str, Any], annotation: dict[str, Any], camera: Camera) -> AnnotatedPerson | None:
        if not annotation["is_valid"]:
            return None
        return _person_3d(annotation["keypoints_img"], annotation["keypoints_cam"], annotation)

    return _entries(data, path.parent / "MultiPersonTestSet", camera, person)


def _human36m(folder: Path, subject: int, every: int) -> list[_Entry]:
    """One person in each picture; joints in world millimetres, in h36m17's order, by action, subaction and frame."""
    info = PICTURE_SETS["human36m"]
    labels, cameras, joints = (
        expected_file(folder, f"annotations/Human36M_subject{subject}_{part}.json", info)
        for part in ("data", "camera", "joint_3d")
    )

    def entries(data: dict[str, Any]) -> list[_Entry]:
        lenses = json.loads(cameras.read_text(encoding="utf-8"))
        world = json.loads(joints.read_text(encoding="utf-8"))
        kept = [image for image in data["images"] if image["frame_idx"] % every == 0]
        ids = {image["id"] for image in kept}
        data = {"images": kept, "annotations": [a for a in data["annotations"] if a["image_id"] in ids]}

        def camera(image: dict[str, Any]) -> Camera:
            lens = lenses[str(image["cam_idx"])]
            return Camera(*(float(v) for v in (*lens["f"], *lens["c"])))

        def person(image: dict[str, Any], annotation: dict[str, Any], camera: Camera) -> AnnotatedPerson:
            lens = lenses[str(image["cam_idx"])]
            take = world[str(image["action_idx"])][str(image["subaction_idx"])]
            world_mm = np.array(take[str(image["frame_idx"])], np.float64).reshape(len(H36M17.joints), 3)
            box = _box(annotation)
            joints_m = _seen_in_box(world_mm, np.array(lens["R"]), np.array(lens["t"]), camera, box, cameras)
            joints_m = mixed(H36M17_AS_DETECTED, joints_m)
            return AnnotatedPerson(
                pixels_from_camera(joints_m, camera), joints_m, np.ones(len(joints_m), np.bool_), box
            )

        return _entries(data, folder / "images", camera, person)

    return _grouped(labels, entries)


def _seen_in_box(
    world_mm: NDArray[np.float64], rotation: Any, shift: Any, camera: Camera, box: Float32, file: Path
) -> Float32:
    """(17, 3) metres in camera space. The release's first files hold the camera's position (R (x - t)), its later ones
    a translation (R x + t): the form that places the person in the box is used."""
    for camera_mm in ((world_mm - shift.reshape(3)) @ rotation.T, world_mm @ rotation.T + shift.reshape(3)):
        joints_m: Float32 = (camera_mm / 1000).astype(np.float32)
        if (joints_m[:, 2] > 0).all():
            x, y = pixels_from_camera(joints_m, camera).mean(0)
            if box[0] <= x <= box[2] and box[1] <= y <= box[3]:
                return joints_m
    raise InputError(f"{file} places people outside their boxes: download all files of one release")


_READERS = {"mpii": _mpii, "coco": _coco, "muco": _muco, "mupots": _mupots}
