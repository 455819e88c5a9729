"""Packs of joint angles, against the places that `prepare_cmu` makes of the same files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asf_files import amc_text, asf_text, write_real_clip

from rtpose.errors import InputError, OutputError
from rtpose.train.data.motion_pack import PACK_JOINTS
from rtpose.train.data.readers.cmu import prepare_cmu
from rtpose.train.data.readers.cmu_angles import prepare_cmu_angles
from rtpose.train.synth.motion import JointAnglePack

DATA = Path(__file__).parents[6] / "shared" / "data"
AXES = {"lfemur": "10 20 30", "lhumerus": "0 0 90"}
DOFS = {"lfemur": "rx ry rz", "rfemur": "rz rx", "lhumerus": "ry", "lowerback": "rx ry"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two trials of subject 07 at 120 Hz, everything turning; the second is of 40 frames, cut off by a jump after 8."""
    folder = tmp_path / "cmu"
    folder.mkdir()
    turn = np.random.default_rng(3).uniform(-170, 170, (48, 8)).cumsum(0) / 50
    (folder / "07.asf").write_text(asf_text(AXES, DOFS))
    for trial, x in (("07_01", [0.0] * 48), ("07_02", [0.0] * 8 + [50.0] * 40)):
        frames = [
            {
                "root": f"{x[i]} 17 2 {t[0]:.2f} {t[1] + 700:.2f} {t[2]:.2f}", "lowerback": f"{t[3]:.2f} {t[4]:.2f}",
                "lfemur": f"{t[5]:.2f} {t[6]:.2f} {t[7]:.2f}", "rfemur": f"{t[6]:.2f} {t[5]:.2f}",
                "lhumerus": f"{t[4]:.2f}",
            }
            for i, t in enumerate(turn)
        ]  # fmt: skip
        (folder / f"{trial}.amc").write_text(amc_text(frames))
    (folder / "cmu-mocap-index-text.txt").write_text("07_01\twalk, slow\n")
    return folder


def bone_directions(motion: Any, bones: list[str]) -> np.ndarray:
    return np.stack([motion.rotations[bone] @ motion.rest_directions[bone] for bone in bones], axis=1)


def test_the_bones_point_where_the_places_say(folder: Path, tmp_path: Path) -> None:
    assert prepare_cmu_angles(folder, tmp_path / "angles.npz") == 12 + 10
    prepare_cmu(folder, tmp_path / "places.npz")
    angles = JointAnglePack(tmp_path / "angles.npz")
    assert [(c["clip"], c["start"], c["n"], c["text"]) for c in angles.clips] == [
        ("07_01", 0, 12, "walk, slow"), ("07_02", 8, 10, ""),
    ]  # fmt: skip
    with np.load(tmp_path / "places.npz") as pack:
        places = dict(zip(PACK_JOINTS, np.moveaxis(pack["joints"] / 1e4, 1, 0), strict=True))
        hips = pack["root"] / 1e3
        seg = pack["seg"]
    for clip in range(2):
        motion, part = angles.motion(clip), slice(seg[clip], seg[clip + 1])
        assert np.allclose(np.diff(motion.hips, axis=0), np.diff(hips[part], axis=0), atol=2e-4)
        ends = {"lfemur": ("lhip", "lknee"), "rtibia": ("rknee", "rankle"), "lhumerus": ("lshoulder", "lelbow")}
        for bone, (near, far) in ends.items():
            bones = (places[far] - places[near])[part]
            bones /= np.linalg.norm(bones, axis=1, keepdims=True)
            assert np.allclose(bone_directions(motion, [bone])[:, 0], bones, atol=2e-3), bone


def test_a_real_clip_comes_out_as_in_the_pack(tmp_path: Path) -> None:
    real = DATA / "cmu_amc30_train.npz"
    if not real.is_file():
        pytest.skip("the motion data is not beside the project")
    clip = write_real_clip(real, tmp_path / "cmu", frames=120)
    out = tmp_path / "angles.npz"
    assert prepare_cmu_angles(tmp_path / "cmu", out, fps={clip["subject"]: 30.0}) == 120
    with np.load(real) as there, np.load(out) as ours:
        assert json.loads(str(ours["channels"])) == json.loads(str(there["channels"]))
        turns = np.abs(ours["angles_cdeg"].astype(int) - there["angles_cdeg"][:120])
        assert np.minimum(turns, 36000 - turns).max() <= 1
        assert np.allclose(ours["root_units"], there["root_units"][:120], atol=1e-4)
        skeletons = [json.loads(str(pack["skeletons"]))[clip["subject"]] for pack in (ours, there)]
    assert skeletons[0] == skeletons[1]
    theirs = JointAnglePack(real).motion(0, slice(0, 120))
    found = JointAnglePack(out).motion(0)
    bones = list(found.rest_directions)
    assert np.allclose(bone_directions(found, bones), bone_directions(theirs, bones), atol=1e-3)


def test_another_unit_is_turned_into_the_database_s(folder: Path, tmp_path: Path) -> None:
    prepare_cmu_angles(folder, tmp_path / "a.npz")
    half = asf_text(AXES, DOFS).replace("length 0.45", "length 0.9")  # each unit half as long
    (folder / "07.asf").write_text(half)
    prepare_cmu_angles(folder, tmp_path / "b.npz")
    one, other = (JointAnglePack(tmp_path / f"{name}.npz").motion(0) for name in "ab")
    assert other.leg_length == pytest.approx(one.leg_length / 2)
    assert np.allclose(np.diff(other.hips, axis=0), np.diff(one.hips, axis=0) / 2, atol=1e-6)


def test_what_cannot_be_packed(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no subject 09"):
        prepare_cmu_angles(folder, tmp_path / "a.npz", subjects=["9"])
    (tmp_path / "there.npz").write_bytes(b"kept")
    with pytest.raises(OutputError, match="exists"):
        prepare_cmu_angles(folder, tmp_path / "there.npz")
    assert (tmp_path / "there.npz").read_bytes() == b"kept"
    for text, said in (
        (asf_text(AXES, DOFS).replace("length 0.45", "length 0.045"), "m from the hips"),
        ("", "not a complete ASF"),
    ):
        (folder / "07.asf").write_text(text)
        (folder / "07_02.amc").write_text(amc_text([{"root": "0 17 0 0 0 0"}] * 40))
        with pytest.raises(InputError, match=said):
            prepare_cmu_angles(folder, tmp_path / "a.npz")
    assert not (tmp_path / "a.npz").exists()


def test_subjects_without_angles(folder: Path, tmp_path: Path) -> None:
    """Asked for, they are missed; otherwise what there is gets packed."""
    (folder / "17_01.bvh").write_text("HIERARCHY")
    with pytest.raises(InputError, match=r"only BVH files of subject 17: .*17\.asf and 17_01\.amc"):
        prepare_cmu_angles(folder, tmp_path / "a.npz", subjects=["7", "17"])
    assert prepare_cmu_angles(folder, tmp_path / "a.npz") == 22
    for file in folder.glob("*.amc"):
        file.unlink()
    with pytest.raises(InputError, match="only BVH files of subject 17"):
        prepare_cmu_angles(folder, tmp_path / "b.npz")


def test_two_skeletons_of_one_subject(folder: Path, tmp_path: Path) -> None:
    """A pack has one for each subject: another one's angles would move it wrongly."""
    (folder / "again").mkdir()
    (folder / "again" / "07.asf").write_text(asf_text({"lfemur": "1 2 3"}, DOFS))
    (folder / "07_02.amc").rename(folder / "again" / "07_02.amc")
    with pytest.raises(InputError, match="a different skeleton"):
        prepare_cmu_angles(folder, tmp_path / "a.npz")


def test_rates_that_are_no_multiple_take_the_nearest_frames(tmp_path: Path) -> None:
    (tmp_path / "07.asf").write_text(asf_text())
    (tmp_path / "07_01.amc").write_text(amc_text([{"root": f"0 17 0 0 {i} 0"} for i in range(50)]))
    assert prepare_cmu_angles(tmp_path, tmp_path / "a.npz", fps={"7": 50.0}) == 30
    with np.load(tmp_path / "a.npz") as pack:
        channels = [f"{bone} {axis}" for bone, axes in json.loads(str(pack["channels"])) for axis in axes]
        turned = pack["angles_cdeg"][:, channels.index("root ry")] / 100
    assert turned[:6].tolist() == [0, 2, 3, 5, 7, 8]  # of 0, 1.67, 3.33, 5, 6.67, 8.33
