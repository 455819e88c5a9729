"""Tiny files in the forms of the original release and of the JSON that most code uses."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from rtpose.errors import InputError
from rtpose.skeleton import H36M17
from rtpose.train.data.readers.mpii import load_mpii

# MPII's number of each joint of h36m17, from its page.
NUMBER = {
    "root": 6, "right_hip": 2, "right_knee": 1, "right_foot": 0, "left_hip": 3, "left_knee": 4, "left_foot": 5,
    "thorax": 7, "neck_base": 8, "head": 9, "left_shoulder": 13, "left_elbow": 14, "left_wrist": 15,
    "right_shoulder": 12, "right_elbow": 11, "right_wrist": 10,
}  # fmt: skip


def structs(items: list[dict[str, Any]]) -> np.ndarray:
    """A MATLAB struct array."""
    names = list(items[0])
    out = np.zeros((1, len(items)), dtype=[(name, object) for name in names])
    for i, item in enumerate(items):
        for name in names:
            out[0, i][name] = item[name]
    return out


def point(number: int, visible: Any) -> dict[str, Any]:
    return {"x": 10.0 * number + 1, "y": 5.0 * number + 1, "id": number, "is_visible": visible}


def write_release(path: Path) -> None:
    whole = structs([point(i, np.zeros((0, 0)) if i in (8, 9) else int(i != 4)) for i in range(16)])
    half = structs([point(i, "1") for i in (7, 8, 9)])
    person = {"x1": 1.0, "annopoints": {"point": whole}}
    annolist = structs([
        {"image": {"name": "a.jpg"}, "annorect": person},
        {"image": {"name": "b.jpg"}, "annorect": structs([{"x1": 2.0, "annopoints": {"point": half}}, person])},
        {"image": {"name": "test.jpg"}, "annorect": {"x1": 3.0}},
        {"image": {"name": "empty.jpg"}, "annorect": np.zeros((0, 0))},
    ])  # fmt: skip
    savemat(path, {"RELEASE": {"annolist": annolist, "img_train": np.array([[1, 1, 0, 0]])}})


def test_the_original_release(tmp_path: Path) -> None:
    write_release(tmp_path / "mpii_human_pose_v1_u12_1.mat")
    people = load_mpii(tmp_path)
    assert list(people.images) == ["a.jpg", "b.jpg", "b.jpg"]
    for joint, i in H36M17.index_of.items():
        if joint == "spine":
            assert np.isnan(people.joints_px[:, i]).all()
            assert not people.visible[:, i].any()
        else:
            assert people.joints_px[0, i].tolist() == [10 * NUMBER[joint], 5 * NUMBER[joint]]
            assert people.visible[0, i] == (joint != "left_knee")
    assert np.isfinite(people.joints_px[1]).all(-1).sum() == 3
    assert list(people.complete().images) == ["a.jpg", "b.jpg"]


def test_the_json_form(tmp_path: Path) -> None:
    joints = [[10.0 * i + 1, 5.0 * i + 1] for i in range(16)]
    joints[1] = [-1.0, -1.0]
    vis = [int(i not in (1, 15)) for i in range(16)]
    entry = {"image": "c.jpg", "joints": joints, "joints_vis": vis, "center": [1, 2], "scale": 3.0}
    (tmp_path / "annot").mkdir()
    (tmp_path / "annot" / "train.json").write_text(json.dumps([entry, entry]))
    people = load_mpii(tmp_path)
    assert list(people.images) == ["c.jpg", "c.jpg"]
    assert people.joints_px[1, H36M17.index_of["head"]].tolist() == [90, 45]
    assert np.isnan(people.joints_px[0, H36M17.index_of["right_knee"]]).all()
    # Labelled, but hidden.
    assert people.joints_px[0, H36M17.index_of["left_wrist"]].tolist() == [150, 75]
    assert not people.visible[0, H36M17.index_of["left_wrist"]]
    assert len(load_mpii(tmp_path / "annot" / "train.json")) == 2


@pytest.mark.parametrize(("content", "message"), [
    ("[]", "no labelled person"),
    ('[{"image": "t.jpg", "center": [1, 2]}]', "no labelled person"),
    ('[{"image": "t.jpg", "joints": [[1, 2]], "joints_vis": [1]}]', "holds no labels"),
    ('{"images": 3}', "holds no labels"),
    ("{", "holds no labels"),
])  # fmt: skip
def test_other_json_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "valid.json").write_text(content)
    with pytest.raises(InputError, match=rf"valid\.json .*{message}"):
        load_mpii(tmp_path / "valid.json")


def test_wrong_folders_and_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has none of mpii_human_pose_v1_u12_1\.mat, annot/trainval\.json"):
        load_mpii(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        load_mpii(tmp_path / "gone.mat")
    savemat(tmp_path / "x.mat", {"joints": np.zeros(3)})
    with pytest.raises(InputError, match=r"x\.mat has no RELEASE"):
        load_mpii(tmp_path / "x.mat")
    savemat(tmp_path / "x.mat", {"RELEASE": np.zeros(3)})
    with pytest.raises(InputError, match=r"x\.mat holds no labels"):
        load_mpii(tmp_path / "x.mat")
