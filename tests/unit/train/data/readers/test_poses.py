from pathlib import Path

import numpy as np
import pytest

from rtpose.errors import InputError
from rtpose.skeleton import H36M17
from rtpose.train.data.readers.data_set_info import DataSetInfo, expected_file
from rtpose.train.data.readers.poses import Poses2D, as_detected_or_nan, h36m17_by_name


def test_joints_are_taken_by_name_and_the_unknown_are_nan() -> None:
    points = np.array([[[1.0, 2.0], [3.0, 4.0]]])
    out = h36m17_by_name(points, ("ankle_l", "pelvis"), {"root": "pelvis", "left_foot": "ankle_l"})
    assert out.shape == (1, 17, 2)
    assert out.dtype == np.float32
    assert out[0, H36M17.index_of["root"]].tolist() == [3.0, 4.0]
    assert out[0, H36M17.index_of["left_foot"]].tolist() == [1.0, 2.0]
    assert np.isnan(out).all(-1).sum() == 15


def test_as_detected_needs_only_what_a_joint_is_made_of() -> None:
    joints = np.random.default_rng(0).normal(size=(2, 17, 3)).astype(np.float32)
    whole = as_detected_or_nan(joints)
    for name in ("root", "spine", "thorax"):
        joints[:, H36M17.index_of[name]] = np.nan
    assert np.array_equal(as_detected_or_nan(joints), whole)
    hips = joints[:, H36M17.indices("left_hip", "right_hip")]
    assert np.allclose(whole[:, 0], hips.mean(1), atol=1e-6)
    joints[1, H36M17.index_of["left_hip"]] = np.nan
    lost = np.isnan(as_detected_or_nan(joints)).all(-1)
    assert not lost[0].any()
    assert {H36M17.joints[i] for i in np.flatnonzero(lost[1])} == {"root", "spine", "left_hip"}


def test_people_with_a_missing_limb_are_left_out() -> None:
    joints = np.ones((3, 17, 2), dtype=np.float32)
    joints[:, H36M17.index_of["spine"]] = np.nan
    joints[1, H36M17.index_of["right_foot"]] = np.nan
    people = Poses2D(joints, np.isfinite(joints).all(-1), ["a", "b", "c"])
    assert list(people.complete().images) == ["a", "c"]
    assert len(people.complete()) == len(people.complete().visible) == 2


def test_a_wrong_folder_names_the_file_expected(tmp_path: Path) -> None:
    info = DataSetInfo("Poses", "http://poses.example", "free", ("a.npz",))
    with pytest.raises(InputError, match=r"has no a\.npz: it is not a folder of Poses \(http://poses\.example\)"):
        expected_file(tmp_path, "a.npz", info)
    with pytest.raises(InputError, match=r"gone is not a folder: give the folder of Poses with a\.npz"):
        expected_file(tmp_path / "gone", "a.npz", info)
