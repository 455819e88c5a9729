"""Tiny files in the PoseNet release's form, one person or two in a picture of one colour."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from rtpose.errors import InputError
from rtpose.geometry import pixels_from_camera
from rtpose.skeleton import H36M17, H36M17_AS_DETECTED
from rtpose.train.cascaded.pictures import everyone, labelled_crop
from rtpose.train.data.readers.posenet_release import PictureSet, open_picture_set
from rtpose.types import Camera

CAMERA = Camera(100.0, 110.0, 32.0, 24.0)
HIP, SHOULDER, EAR = (11, 12), (5, 6), (3, 4)


def write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def write_picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((48, 64, 3), (10, 20, 200), np.uint8))  # blue, green, red


def mpi_person(count: int) -> np.ndarray:
    """(count, 3) mm, camera space."""
    return np.random.default_rng(0).normal((0, 0, 4000), 300, (count, 3))


def image(**more: Any) -> dict[str, Any]:
    return {"id": 7, "file_name": "a/one.png", "width": 64, "height": 48, **more}


def coco(folder: Path) -> PictureSet:
    keypoints = np.stack([np.arange(17) + 10.0, 2.0 * np.arange(17), np.full(17, 2.0)], 1)
    keypoints[9] = 0  # left wrist: not labelled
    keypoints[15, 2] = 1  # left ankle: hidden
    person = {"image_id": 7, "bbox": [5, 6, 20, 30], "num_keypoints": 16, "iscrowd": 0}
    write(
        folder / "annotations" / "person_keypoints_train2017.json",
        {
            "images": [image(), image(id=8)],
            "annotations": [
                {**person, "keypoints": keypoints.ravel().tolist()},
                {**person, "keypoints": [0] * 51, "num_keypoints": 0},
                {**person, "image_id": 8, "iscrowd": 1, "keypoints": [0] * 51},
            ],
        },
    )
    write_picture(folder / "images" / "train2017" / "a" / "one.png")
    return open_picture_set("coco", folder)


def test_coco(tmp_path: Path) -> None:
    pictures = coco(tmp_path)
    assert len(pictures) == 1
    assert pictures[0].image[0, 0].tolist() == [200, 20, 10]
    (person,) = pictures[0].people
    assert person.box_px.tolist() == [5, 6, 25, 36]
    assert person.joints_m is None
    joint = H36M17.index_of
    assert person.joints_px[joint["root"]].tolist() == [21.5, 23]  # between the hips, keypoints 11 and 12
    assert person.joints_px[joint["head"]].tolist() == [13.5, 7]  # between the ears, 3 and 4
    assert person.joints_px[joint["right_knee"]].tolist() == [24, 28]
    assert np.isnan(person.joints_px[joint["left_wrist"]]).all()
    hidden = {H36M17.joints[i] for i in np.flatnonzero(~person.visible)}
    assert hidden == {"left_wrist", "left_foot"}
    ((picture, someone),) = everyone(pictures)
    assert np.isnan(labelled_crop(picture, someone, *crop(someone)).pose).all()


def crop(person: Any) -> tuple[Any, Any]:
    from rtpose.pose.cascaded.crop_codec import CropCodec

    codec = CropCodec(64, 16, 16)
    return codec.roi(person.box_px), codec


def test_mpii(tmp_path: Path) -> None:
    keypoints = np.stack([np.arange(16) + 1.0, np.arange(16) + 2.0, np.ones(16)], 1)
    annotation = {"image_id": 7, "bbox": [0, 0, 9, 9], "num_keypoints": 16, "keypoints": keypoints.ravel().tolist()}
    write(tmp_path / "annotations" / "train.json", {"images": [image()], "annotations": [annotation]})
    write_picture(tmp_path / "a" / "one.png")
    (person,) = open_picture_set("mpii", tmp_path)[0].people
    joint = H36M17.index_of
    assert person.joints_px[joint["left_wrist"]].tolist() == [16, 17]
    assert person.joints_px[joint["root"]].tolist() == [3.5, 4.5]  # between the hips, 2 and 3
    assert person.joints_px[joint["head"]].tolist() == [9.5, 10.5]  # between upper neck and top, 8 and 9
    assert person.visible.all()


@pytest.mark.parametrize("name", ["muco", "mupots"])
def test_people_in_camera_space(name: str, tmp_path: Path) -> None:
    count, file, pictures = {
        "muco": (21, "MuCo-3DHP.json", ""),
        "mupots": (17, "MuPoTS-3D.json", "MultiPersonTestSet"),
    }[name]
    lens = {"f": [100.0, 110.0], "c": [32.0, 24.0], "intrinsic": [100.0, 110.0, 32.0, 24.0]}
    joints_mm = mpi_person(count)
    annotation = {
        "image_id": 7, "bbox": [1, 2, 3, 4], "is_valid": 1, "keypoints_cam": joints_mm.tolist(),
        "keypoints_img": pixels_from_camera(joints_mm.astype(np.float32), CAMERA).tolist(),
    }  # fmt: skip
    both = [annotation, {**annotation, "is_valid": 0}]
    if name == "muco":  # beside the first one, so that both may be seen
        both[1] = {**annotation, "keypoints_cam": (joints_mm + np.array([800, 0, 0])).tolist()}
    write(tmp_path / "data" / file, {"images": [image(**lens)], "annotations": both})
    write_picture(tmp_path / "data" / pictures / "a" / "one.png")
    picture = open_picture_set(name, tmp_path)[0]
    assert picture.camera == CAMERA
    assert len(picture.people) == {"muco": 2, "mupots": 1}[name]
    person = picture.people[0]
    assert person.joints_m is not None
    np.testing.assert_allclose(person.joints_m[H36M17.index_of["right_elbow"]], joints_mm[3] / 1000, rtol=1e-5)
    np.testing.assert_allclose(person.joints_m[0], (joints_mm[8] + joints_mm[11]) / 2000, rtol=1e-5)
    np.testing.assert_allclose(
        person.joints_px[H36M17.index_of["left_foot"]],
        pixels_from_camera(person.joints_m[H36M17.index_of["left_foot"]], CAMERA),
        rtol=1e-4,
    )


def test_muco_s_people_who_may_be_hidden_are_left_out(tmp_path: Path) -> None:
    """Nobody says who covers whom: the nearest one stays, and whoever stands 500 mm from everyone else."""
    roots = {"nearest": (0, 0, 3000), "behind": (100, 0, 5000), "beside": (900, 0, 4000), "touching": (1100, 0, 4300)}
    pose = mpi_person(21) - mpi_person(21)[[8, 11]].mean(0)

    def kept(*names: str) -> list[str]:
        people = [
            {
                "image_id": 7, "bbox": [i, 2, 3, 4], "keypoints_cam": (pose + roots[name]).tolist(),
                "keypoints_img": np.zeros((21, 2)).tolist(),
            }
            for i, name in enumerate(names)
        ]  # fmt: skip
        labels = {"images": [image(f=[100.0, 110.0], c=[32.0, 24.0])], "annotations": people}
        write(tmp_path / "data" / "MuCo-3DHP.json", labels)
        write_picture(tmp_path / "data" / "a" / "one.png")
        return [names[int(person.box_px[0])] for person in open_picture_set("muco", tmp_path)[0].people]

    assert kept("behind", "nearest") == ["nearest"]
    assert kept("nearest", "beside", "behind") == ["nearest", "beside"]
    assert kept("touching", "nearest", "beside") == ["nearest"]


def human36m(folder: Path, shift: np.ndarray, rotation: np.ndarray, world_mm: np.ndarray) -> None:
    frames = [image(id=i, subject=1, action_idx=2, subaction_idx=1, cam_idx=3, frame_idx=i) for i in range(6)]
    notes = [{"image_id": i, "bbox": [2, 4, 60, 40]} for i in range(6)]
    part = str(folder / "annotations" / "Human36M_subject1_")
    write(Path(part + "data.json"), {"images": frames, "annotations": notes})
    lens = {"R": rotation.tolist(), "t": shift.tolist(), "f": [100.0, 110.0], "c": [32.0, 24.0]}
    write(Path(part + "camera.json"), {"3": lens})
    write(Path(part + "joint_3d.json"), {"2": {"1": {str(i): world_mm.tolist() for i in range(6)}}})
    write_picture(folder / "images" / "a" / "one.png")


@pytest.mark.parametrize("form", ["place", "added"])
def test_human36m_in_both_forms_of_its_cameras(form: str, tmp_path: Path) -> None:
    turn = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])  # world z up, camera looks along world x
    place = np.array([-3000.0, 200, 900])
    world_mm = np.random.default_rng(1).normal((0, 200, 900), 300, (17, 3))
    human36m(tmp_path, place if form == "place" else -turn @ place, turn, world_mm)
    pictures = open_picture_set("human36m", tmp_path, subjects=(1,), every=5)
    assert len(pictures) == 2  # frames 0 and 5
    assert pictures.action(0) == "Directions"
    (person,) = pictures[1].people
    expected = (H36M17_AS_DETECTED @ ((world_mm - place) @ turn.T)) / 1000
    assert person.joints_m is not None
    np.testing.assert_allclose(person.joints_m, expected, atol=1e-5)
    np.testing.assert_allclose(person.joints_px, pixels_from_camera(person.joints_m, CAMERA))


def test_cameras_of_another_release_are_reported(tmp_path: Path) -> None:
    human36m(tmp_path, np.array([9e5, 0, 0]), np.eye(3), np.zeros((17, 3)))
    with pytest.raises(InputError, match="outside their boxes"):
        open_picture_set("human36m", tmp_path, subjects=(1,))


def test_wrong_folders_and_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no data set 'lego'"):
        open_picture_set("lego", tmp_path)
    with pytest.raises(InputError, match=r"no annotations/train\.json"):
        open_picture_set("mpii", tmp_path)
    labels = tmp_path / "annotations" / "train.json"
    for content in ([], {"images": [image()]}, {"images": [image()], "annotations": [{"image_id": 9}]}):
        write(labels, content)
        with pytest.raises(InputError, match="download it again"):
            open_picture_set("mpii", tmp_path)
    write(labels, {"images": [image()], "annotations": []})
    with pytest.raises(InputError, match="no labelled person"):
        open_picture_set("mpii", tmp_path)
    pictures = coco(tmp_path / "coco")
    (tmp_path / "coco" / "images" / "train2017" / "a" / "one.png").unlink()
    with pytest.raises(InputError, match=r"one\.png is missing"):
        pictures[0]
