"""Tiny `joints.mat` files in the forms of both sets."""

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from rtpose.errors import InputError
from rtpose.skeleton import H36M17
from rtpose.train.data.readers.lsp import load_lsp

# LSP's number of each joint, from its readme.
NUMBER = {
    "right_foot": 0, "right_knee": 1, "right_hip": 2, "left_hip": 3, "left_knee": 4, "left_foot": 5,
    "right_wrist": 6, "right_elbow": 7, "right_shoulder": 8, "left_shoulder": 9, "left_elbow": 10, "left_wrist": 11,
    "neck_base": 12, "head": 13,
}  # fmt: skip
WITHOUT = ("root", "spine", "thorax")


def labels(people: int) -> np.ndarray:
    """(14, 3, people): joint j of person p at (j + 100 p, 2 j); third row 1 for joint 4 alone."""
    out = np.zeros((14, 3, people))
    out[:, 0] = np.arange(14)[:, None] + 100 * np.arange(people)
    out[:, 1] = 2 * np.arange(14)[:, None]
    out[4, 2] = 1
    return out


def test_joints_of_lsp(tmp_path: Path) -> None:
    savemat(tmp_path / "joints.mat", {"joints": labels(3).transpose(1, 0, 2)})
    people = load_lsp(tmp_path)
    assert list(people.images) == ["im0001.jpg", "im0002.jpg", "im0003.jpg"]
    for joint, i in H36M17.index_of.items():
        if joint in WITHOUT:
            assert np.isnan(people.joints_px[:, i]).all()
        else:
            assert people.joints_px[2, i].tolist() == [NUMBER[joint] + 200, 2 * NUMBER[joint]]
            assert people.visible[2, i] == (joint != "left_knee")
    assert len(people.complete()) == 3


def test_labels_of_hidden_joints_of_the_extended_set_are_none(tmp_path: Path) -> None:
    extended = labels(2)
    extended[:, 2] = 1 - extended[:, 2]
    savemat(tmp_path / "joints.mat", {"joints": extended})
    people = load_lsp(tmp_path, split="train")
    assert list(people.images) == ["im00001.jpg", "im00002.jpg"]
    knee = H36M17.index_of["left_knee"]
    assert np.isnan(people.joints_px[:, knee]).all()
    assert people.joints_px[1, H36M17.index_of["head"]].tolist() == [113, 26]
    assert not people.visible[:, knee].any()
    with pytest.raises(InputError, match="no part 'test'"):
        load_lsp(tmp_path, split="test")


def test_halves_of_lsp(tmp_path: Path) -> None:
    savemat(tmp_path / "joints.mat", {"joints": labels(2000).transpose(1, 0, 2)})
    train, test = load_lsp(tmp_path, split="train"), load_lsp(tmp_path, split="test")
    assert (len(train), train.images[-1], len(test), test.images[0]) == (1000, "im1000.jpg", 1000, "im1001.jpg")
    assert test.joints_px[0, H36M17.index_of["right_foot"], 0] == 100 * 1000


def test_one_person(tmp_path: Path) -> None:
    savemat(tmp_path / "joints.mat", {"joints": labels(1).transpose(1, 0, 2)})
    assert load_lsp(tmp_path).joints_px[0, H36M17.index_of["head"]].tolist() == [13, 26]


def test_wrong_folders_and_versions_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no joints\.mat: it is not a folder of Leeds Sports Pose"):
        load_lsp(tmp_path)
    savemat(tmp_path / "joints.mat", {"joints": np.zeros((2, 14, 5))})
    with pytest.raises(InputError, match=r"holds \(2, 14, 5\), not \(3, 14, people\)"):
        load_lsp(tmp_path)
    savemat(tmp_path / "joints.mat", {"other": np.zeros(3)})
    with pytest.raises(InputError, match=r"joints\.mat has no joints"):
        load_lsp(tmp_path)
