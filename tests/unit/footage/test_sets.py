"""Reading a set: shapes, defaults, and what is said of a broken one."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from footage_files import FRAMES, write_set

from rtpose.errors import InputError
from rtpose.footage.sets import ARMS, JOINTS, FootageSet, find_sets, load_set, open_footage


def test_one_person_is_a_set_of_one(tmp_path: Path) -> None:
    folder = write_set(
        tmp_path / "one", people=1,
        world12=np.ones((FRAMES, 12, 3)), valid_joints=np.ones((FRAMES, 12), bool), seen=np.ones((2, FRAMES), bool),
        upper=True,
    )  # fmt: skip
    footage = load_set(folder)
    assert (footage.people, footage.arms_only, footage.judged) == (1, True, ARMS)
    assert [JOINTS[i].split("_")[1] for i in footage.judged] == ["shoulder", "elbow", "wrist"] * 2
    assert footage.cameras[1].seen.shape == (FRAMES, 1)


def test_cameras_turn_the_world_into_their_axes(footage: FootageSet) -> None:
    first, second = (camera.joints(footage.world) for camera in footage.cameras)
    assert first == pytest.approx(footage.world + np.array([0, 0, 4]))
    assert second[..., 0] == pytest.approx(footage.world[..., 2])
    assert second[..., 2] == pytest.approx(4 - footage.world[..., 0])


def test_a_person_may_have_a_camera_of_their_own(tmp_path: Path) -> None:
    moved = np.zeros((2, 2, 3)) + np.array([0, 1.0])[:, None, None] + [0, 0, 4]
    folder = write_set(tmp_path / "set", R_person=np.broadcast_to(np.eye(3), (2, 2, 3, 3)), T_person=moved)
    footage = load_set(folder)
    joints = footage.cameras[0].joints(footage.world)
    assert joints[:, 1] - footage.world[:, 1] == pytest.approx(np.broadcast_to([1, 1, 5], joints[:, 1].shape))


def test_lenses_are_opencvs(footage: FootageSet, tmp_path: Path) -> None:
    lens = np.array([-0.3, 0.1, 0.002, -0.001, 0.05])
    camera = load_set(write_set(tmp_path / "lens", dist=np.stack([lens, lens]))).cameras[0]
    joints = camera.joints(footage.world)[0, 0]
    expected, _ = cv2.projectPoints(joints, np.zeros(3), np.zeros(3), camera.matrix, lens)
    assert camera.project(joints) == pytest.approx(expected[:, 0], abs=1e-6)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"K": None}, "lacks K"),
        ({"world12": np.ones((FRAMES, 2, 5, 3))}, "world12 is"),
        ({"dist": np.zeros((2, 4))}, r"dist is \(2, 4\), expected \(2, 5\)"),
        ({"seen": np.ones((2, 3), bool)}, "seen is"),
        ({"world12": np.array({"a": 1}, dtype=object)}, "pickled"),
    ],
)
def test_a_broken_truth_is_named(tmp_path: Path, changes: dict[str, object], told: str) -> None:
    folder = write_set(tmp_path / "set", **changes)
    with pytest.raises(InputError, match=told):
        load_set(folder)


def test_a_missing_clip_is_named(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set")
    (folder / "cam02.mp4").unlink()
    with pytest.raises(InputError, match=r"no cam02\.mp4"):
        load_set(folder)


def test_sets_are_found(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no footage with ground truth"):
        find_sets(tmp_path)
    folder = write_set(tmp_path / "b")
    write_set(tmp_path / "a")
    assert [found.name for found in find_sets(tmp_path)] == ["a", "b"]
    assert find_sets(folder) == [folder]


def test_rendered_clips_are_one_set_of_the_table(tmp_path: Path) -> None:
    for name in ("clip-0", "clip-1"):
        write_set(tmp_path / "people" / name)
    real, rendered = (open_footage(f"{prefix}{tmp_path / 'people'}") for prefix in ("", "rendered:"))
    assert [(footage.name, footage.rendered) for footage in real] == [("clip-0", False), ("clip-1", False)]
    assert [(footage.name, footage.rendered) for footage in rendered] == [("rendered:people", True)] * 2
    assert [camera.number for footage in rendered for camera in footage.cameras] == [1, 2, 3, 4]
    assert rendered[1].cameras[0].clip == tmp_path / "people" / "clip-1" / "cam01.mp4"
    with pytest.raises(InputError, match="holds no footage with ground truth"):
        open_footage(f"rendered:{tmp_path}")
