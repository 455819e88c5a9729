"""Tiny ASF/AMC and BVH files whose joints are worked out by hand, and one clip of the real data."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asf_files import amc_text, asf_text, write_real_clip

from rtpose.errors import InputError, OutputError
from rtpose.train.data.motion_pack import PACK_JOINTS, load_motion_pack
from rtpose.train.data.readers.cmu import MISSING, prepare_cmu

DATA = Path(__file__).parents[6] / "shared" / "data"
UNIT_MM = 25.4 / 0.45


def pack_of(folder: Path, **options: Any) -> dict[str, Any]:
    """The pack's arrays, and metadata under "clips"."""
    out = folder.parent / f"{folder.name}.npz"
    count = prepare_cmu(folder, out, **options)
    pack = load_motion_pack(out)
    assert count == len(pack.poses_m)
    with np.load(out) as arrays:
        return {**{name: arrays[name] for name in arrays.files}, "clips": pack.clips}


def units(pack: dict[str, Any], joint: str, frame: int = 0) -> list[float]:
    """A joint relative to the hip, in ASF units."""
    found: np.ndarray = pack["joints"][frame, PACK_JOINTS.index(joint)] / 10 / UNIT_MM
    return [round(float(v), 2) + 0.0 for v in found]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "cmu" / "subjects" / "07").mkdir(parents=True)
    return tmp_path / "cmu"


def write_trial(folder: Path, frames: list[dict[str, str]], asf: str, name: str = "07_03") -> Path:
    place = folder / "subjects" / "07"
    (place / "07.asf").write_text(asf)
    (place / f"{name}.amc").write_text(amc_text(frames))
    return place


def test_joints_of_a_standing_person(folder: Path) -> None:
    write_trial(folder, [{"root": "1 17 2 0 0 0"}] * 40, asf_text())
    (folder / "cmu-mocap-index-text.txt").write_text("Subject #7 (walk)\n07_03\twalk, slow\n")
    pack = pack_of(folder)
    assert len(pack["joints"]) == 10  # 120 Hz -> 30 Hz
    expected = {
        "hip": [0, 0, 0], "rhip": [-2, 0, 0], "rknee": [-2, -7, 0], "rankle": [-2, -15, 0],
        "lhip": [2, 0, 0], "lknee": [2, -7, 0], "lankle": [2, -15, 0],
        "spine": [0, 2, 0], "thorax": [0, 7.5, 0], "neck_nose": [0, 9, 0], "head": [0, 11, 0],
        "lshoulder": [3, 7, 0], "lelbow": [8, 7, 0], "lwrist": [14, 7, 0],
        "rshoulder": [-3, 7, 0], "relbow": [-8, 7, 0], "rwrist": [-14, 7, 0],
    }  # fmt: skip
    assert {joint: units(pack, joint) for joint in PACK_JOINTS} == expected
    assert np.allclose(pack["root"][0] / UNIT_MM, [1, 17, 2])
    extras = dict(zip(pack["extra_names"].tolist(), (pack["extras"][0] / 10 / UNIT_MM).round(1).tolist(), strict=True))
    assert extras["root_raw"] == [0, 0, 0]
    assert extras["ltoes_end"] == [2, -15, 3]
    assert extras["rhand_end"] == [-15, 7, 0]
    clip = pack["clips"][0]
    assert (clip["subject"], clip["trial"], clip["text"], clip["flags"]) == ("07", "03", "walk, slow", "")
    assert (clip["src_fps"], clip["fps"], clip["stride"], clip["start"], clip["n"]) == (120.0, 30.0, 4, 0, 10)


def test_bones_turn_in_their_own_axes(folder: Path) -> None:
    # lfemur's own x axis is the world's -z, so 90 degrees swing the leg to the person's right; then the whole person
    # is turned by 90 degrees about y: (x, y, z) -> (z, y, -x).
    asf = asf_text({"lfemur": "0 90 0"}, {"lfemur": "rx ry rz", "lradius": "ry"})
    write_trial(folder, [{"root": "0 0 0 0 90 0", "lfemur": "90 0 0", "lradius": "-90"}] * 10, asf)
    pack = pack_of(folder, fps={"7": 30.0})
    assert units(pack, "lhip") == [0, 0, -2]
    assert units(pack, "lknee") == [0, 0, 5]
    assert units(pack, "lankle") == [0, 0, 13]
    assert units(pack, "lelbow") == [0, 7, -8]
    # The forearm turns about y by -90: x -> z, and with the person z -> x.
    assert units(pack, "lwrist") == [6, 7, -8]


def test_angles_apply_as_rz_ry_rx_whatever_the_columns_order(folder: Path) -> None:
    # y by 90 first, then z by 90: the arm (1, 0, 0) -> (0, 0, -1), which z leaves there.
    asf = asf_text(dof_of={"lhumerus": "rz ry"})
    write_trial(folder, [{"root": "0 0 0 0 0 0", "lhumerus": "90 90"}] * 10, asf)
    assert units(pack_of(folder, fps={"07": 30}), "lwrist") == [3, 7, -11]


def test_a_real_clip_comes_out_as_in_the_pack(tmp_path: Path) -> None:
    if not (DATA / "cmu_amc30_train.npz").is_file():
        pytest.skip("the motion data is not beside the project")
    clip = write_real_clip(DATA / "cmu_amc30_train.npz", tmp_path / "cmu", frames=200)
    with np.load(DATA / "cmu17_train.npz") as pack:
        assert json.loads(str(pack["meta"]))[0]["clip"] == clip["clip"]
        expected = {name: pack[name][:200] for name in ("joints", "root", "extras")}
    found = pack_of(tmp_path / "cmu", fps={clip["subject"]: 30.0})
    for name, tenths in (("joints", 10.0), ("extras", 10.0), ("root", 1.0)):
        assert np.abs(found[name] - expected[name].astype(np.float64)).max() / tenths < 1.0, name


# BVH: the same person, as the conversion for MotionBuilder writes it, without thorax and wrists.

Joint = tuple[str, str, list[Any]]
TURNS = "CHANNELS 3 Zrotation Yrotation Xrotation"


def bvh_text(root: Joint, rows: list[list[float]], frame_time: str) -> str:
    """rows: the root's six channels in each frame; the other joints stay at rest."""

    def lines(joint: Joint, word: str) -> list[str]:
        name, offset, children = joint
        channels = TURNS if word == "JOINT" else TURNS.replace("3", "6 Xposition Yposition Zposition")
        out = [f"{word} {name}", "{", f"OFFSET {offset}", channels]
        for child in children:
            out += ["End Site", "{", f"OFFSET {child}", "}"] if isinstance(child, str) else lines(child, "JOINT")
        return [*out, "}"]

    tree = lines(root, "ROOT")
    still = " 0" * 3 * sum(line == TURNS for line in tree)
    body = [" ".join(f"{v:g}" for v in row) + still for row in rows]
    return "\n".join(["HIERARCHY", *tree, "MOTION", f"Frames: {len(rows)}", f"Frame Time: {frame_time}", *body, ""])


def motionbuilder() -> Joint:
    def side(s: str, x: int) -> tuple[Joint, Joint]:
        toes = (f"{s}ToeBase", "0 0 2", ["0 0 1"])
        leg = (f"{s}Leg", "0 -7 0", [(f"{s}Foot", "0 -8 0", [toes])])
        hand = [(f"{s}FingerBase", "0 0 0", [(f"{s}HandIndex1", f"{x} 0 0", ["0 0 0"])]), (f"{s[0]}Thumb", "0 0 0", [])]
        arm = (f"{s}Arm", f"{3 * x} 0 0", [(f"{s}ForeArm", f"{5 * x} 0 0", [(f"{s}Hand", f"{4 * x} 0 0", hand)])])
        hip = (f"{s[0]}HipJoint", "0 0 0", [(f"{s}UpLeg", f"{2 * x} 0 0", [leg])])
        return hip, (f"{s}Shoulder", "0 0 0", [arm])

    (left_hip, left_arm), (right_hip, right_arm) = side("Left", 1), side("Right", -1)
    neck = ("Neck", "0 0 0", [("Neck1", "0 1 0", [("Head", "0 1 0", ["0 2 0"])])])
    spine = ("Spine", "0 2 0", [("Spine1", "0 2.5 0", [neck, left_arm, right_arm])])
    return ("Hips", "0 0 0", [left_hip, right_hip, ("LowerBack", "0 0 0", [spine])])


def moving_row(x: float = 0.0) -> list[float]:
    """The hips turned by 90 degrees about y."""
    return [x, 17, 0, 0, 90, 0]


def write_bvh(folder: Path, rows: list[list[float]], frame_time: str, name: str = "07_03") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.bvh").write_text(bvh_text(motionbuilder(), rows, frame_time))


def test_bvh_gets_thorax_and_wrists_back_and_loses_its_t_pose(folder: Path) -> None:
    write_bvh(folder, [[0, 17, 0, 0, 0, 0]] + [moving_row()] * 40, ".0083333")
    pack = pack_of(folder)
    assert pack["clips"][0]["flags"] == "synth_thorax synth_wrist"
    assert (pack["clips"][0]["fmt"], pack["clips"][0]["src_fps"], len(pack["joints"])) == ("bvh", 120.0, 10)
    assert units(pack, "lhip") == [0, 0, -2]
    assert units(pack, "spine") == [0, 2, 0]
    assert units(pack, "lshoulder") == [0, 7, -3]  # 2 + 2.5 + the thorax as long as the upper back
    assert units(pack, "lwrist") == [0, 7, -14]  # 3 + 5 + 4 + half of the forearm
    assert units(pack, "head") == [0, 11, 0]
    assert np.allclose(pack["root"][0] / UNIT_MM, [0, 17, 0])


@pytest.mark.parametrize(("claimed", "speed_m_s", "fps", "flag"), [
    # At 30 Hz as claimed; at 120 Hz it would be 16 m/s: an honestly resampled file.
    ("0.0333333", 4.0, 30.0, ""),
    # As slow as it claims, so it may as well be 120 Hz, as the database was recorded.
    ("0.0333333", 0.4, 120.0, "rate_claimed_30"),
])  # fmt: skip
def test_a_wrong_frame_rate_is_corrected(folder: Path, claimed: str, speed_m_s: float, fps: float, flag: str) -> None:
    step = speed_m_s / 30 * 1000 / UNIT_MM
    write_bvh(folder, [moving_row(i * step) for i in range(80)], claimed)
    clip = pack_of(folder)["clips"][0]
    assert clip["src_fps"] == pytest.approx(fps)
    assert clip["flags"] == f"synth_thorax synth_wrist {flag}".strip()


def test_subjects_recorded_at_60_hz_and_rates_that_are_given(folder: Path) -> None:
    write_bvh(folder, [moving_row()] * 40, "0.00833333", "60_01")
    write_bvh(folder, [moving_row()] * 40, "0.00833333", "08_01")
    clips = pack_of(folder, fps={"08": 100.0})["clips"]
    assert [(c["clip"], c["src_fps"], c["n"]) for c in clips] == [("08_01", 100.0, 12), ("60_01", 60.0, 20)]
    assert clips[0]["flags"].endswith("rate_claimed_120 interpolated")
    assert clips[1]["flags"].endswith("rate_claimed_120")


def test_the_unit_is_found_from_the_legs(folder: Path) -> None:
    text = bvh_text(motionbuilder(), [moving_row()] * 40, ".0083333")
    in_cm = [
        f"OFFSET {' '.join(f'{float(v) * UNIT_MM / 10:.4f}' for v in line.split()[1:])}" if "OFFSET" in line else line
        for line in text.splitlines()
    ]
    (folder / "07_01.bvh").write_text("\n".join(in_cm))
    pack = pack_of(folder)
    assert units(pack, "lankle") == [0, -15, -2]
    (folder / "07_01.bvh").write_text(text.replace("OFFSET 0 -8 0", "OFFSET 0 -8000 0"))
    with pytest.raises(InputError, match="legs of 8007 units"):
        prepare_cmu(folder, folder.parent / "other.npz")


def test_the_conversion_for_daz_is_read_and_flagged(folder: Path) -> None:
    def side(s: str, x: int) -> tuple[Joint, Joint]:
        shin = (f"{s}Shin", "0 -37 0", [(f"{s}Foot", "0 -45 0", ["0 -4 12"])])
        forearm = (f"{s}ForeArm", f"{28 * x} 0 0", [(f"{s}Hand", f"{23 * x} 0 0", [f"{8 * x} 0 0"])])
        leg = (f"{s}Buttock", f"{9 * x} 4 0", [(f"{s}Thigh", "0 -2 0", [shin])])
        return leg, (f"{s}Collar", f"{3 * x} 18 0", [(f"{s}Shldr", f"{14 * x} 0 0", [forearm])])

    (left_leg, left_arm), (right_leg, right_arm) = side("l", 1), side("r", -1)
    chest = ("chest", "0 12 0", [("neck", "0 21 0", [("head", "0 7 0", [])]), right_arm, left_arm])
    figure = ("hip", "0 0 0", [("abdomen", "0 20 0", [chest]), right_leg, left_leg])
    (folder / "60_01.bvh").write_text(bvh_text(figure, [[0, 90, 0, 0, 90, 0]] * 20, "0.00833333"))
    pack = pack_of(folder)
    assert pack["clips"][0]["flags"] == "generic_skeleton synth_head rate_claimed_120"
    cm = {joint: (pack["joints"][0, i] / 100).round(1).tolist() for i, joint in enumerate(PACK_JOINTS)}
    assert cm["lhip"] == [0, 0, -9]
    assert cm["lankle"] == [0, -82, -9]
    assert cm["spine"] == [0, 24, 0]  # between abdomen (20 - 2) and chest (32 - 2)
    assert cm["thorax"] == [0, 49, 0]  # collars at 48, neck at 51
    assert cm["head"] == [0, 68, 0]
    assert cm["rwrist"] == [0, 48, 68]
    assert (pack["extras"][0, 1] == MISSING).all()  # no thorax end


# Clips, subjects, errors.


def test_a_clip_ends_where_a_joint_jumps(folder: Path) -> None:
    places = [0.0] * 48 + [20.0] * 44 + [60.0] * 4
    write_trial(folder, [{"root": f"{x} 17 0 0 0 0"} for x in places], asf_text())
    clips = pack_of(folder)["clips"]
    # The last frame alone is no clip.
    assert [(clip["start"], clip["n"]) for clip in clips] == [(0, 12), (48, 11)]


def test_only_the_subjects_asked_for_and_amc_before_bvh(folder: Path) -> None:
    write_trial(folder, [{"root": "0 17 0 0 0 0"}] * 40, asf_text())
    write_bvh(folder, [moving_row()] * 40, ".0083333")
    write_bvh(folder, [moving_row()] * 40, ".0083333", "011_02")
    write_bvh(folder / "dance", [moving_row()] * 40, ".0083333", "jig")
    seen: list[tuple[int, int, str]] = []
    pack = pack_of(folder, progress=lambda *args: seen.append(args))
    assert [(c["clip"], c["fmt"]) for c in pack["clips"]] == [("07_03", "amc"), ("11_02", "bvh"), ("dance_jig", "bvh")]
    assert pack["clips"][2]["flags"].startswith("id_inferred")
    assert seen == [(0, 3, "07_03"), (1, 3, "11_02"), (2, 3, "dance_jig"), (3, 3, "")]
    out = folder.parent / "one.npz"
    prepare_cmu(folder, out, subjects=["7"])
    assert load_motion_pack(out).subjects == ["07"]
    with pytest.raises(
        InputError, match=r"no subject 12: expected 12_01\.amc with 12\.asf, or 12_01\.bvh; it has 07, 11"
    ):
        prepare_cmu(folder, folder.parent / "two.npz", subjects=["12"])


def test_wrong_folders_are_named(folder: Path) -> None:
    out = folder.parent / "out.npz"
    with pytest.raises(InputError, match=r"expected files such as 01_01\.amc or 01_01\.bvh"):
        prepare_cmu(folder, out)
    with pytest.raises(InputError, match="is not a folder"):
        prepare_cmu(folder / "gone", out)
    place = write_trial(folder, [{"root": "0 17 0 0 0 0"}] * 4, asf_text())
    with pytest.raises(InputError, match="every trial is shorter than"):
        prepare_cmu(folder, out)
    (place / "07.asf").unlink()
    with pytest.raises(InputError, match=r"07_03\.amc needs its skeleton next to it: expected .*07\.asf"):
        prepare_cmu(folder, out)
    out.write_bytes(b"kept")
    with pytest.raises(OutputError, match=r"out\.npz exists"):
        prepare_cmu(folder, out)
    assert out.read_bytes() == b"kept"
    with pytest.raises(OutputError, match="its folder does not exist"):
        prepare_cmu(folder, folder / "gone" / "out.npz")


@pytest.mark.parametrize(("frames", "message"), [
    ([{"root": "0 17 0 0 0 0", "wing": "1"}], "moves wing"),
    ([{"root": "0 17 0 0 0 0", "lradius": "1 2"}], "different channels for lradius"),
    ([{"root": "0 17 0 0 0 0", "lradius": "1"}, {"root": "0 17 0"}], "not a complete AMC"),
    ([{"root": "0 17 0 0 0 0", "lradius": "1"}, {"root": "0 17 0 0 0 0", "rradius": "1"}], "a frame lacks lradius"),
    ([{"root": "0 17 0 0 0 x"}], "not a complete AMC"),
    ([], "not a complete AMC"),
])  # fmt: skip
def test_damaged_amc_files_are_named(folder: Path, frames: list[dict[str, str]], message: str) -> None:
    write_trial(folder, frames, asf_text(dof_of={"lradius": "ry", "rradius": "ry"}))
    with pytest.raises(InputError, match=rf"07_03\.amc .*{message}"):
        prepare_cmu(folder, folder.parent / "out.npz")


@pytest.mark.parametrize(("old", "new", "message"), [
    (":hierarchy", ":other", "not a complete ASF"),
    ("name lfemur", "name wing", "not a complete ASF"),
    ("  length 0.45", "  length much", "not a complete ASF"),
    ("angle deg", "angle rad", "different angles"),
    ("dof ry", "dof ly", "axes other than"),
    ("    root lhipjoint", "    wing lhipjoint", "wing is not joined to the root"),
    ("  length 0.45", "  length 0.00045", "unit is damaged"),
])  # fmt: skip
def test_damaged_asf_files_are_named(folder: Path, old: str, new: str, message: str) -> None:
    asf = asf_text(dof_of={"lradius": "ry"})
    assert old in asf
    write_trial(folder, [{"root": "0 17 0 0 0 0"}] * 40, asf.replace(old, new))
    with pytest.raises(InputError, match=rf"07.*{message}"):
        prepare_cmu(folder, folder.parent / "out.npz")


@pytest.mark.parametrize(("old", "new", "message"), [
    ("MOTION", "", "not a BVH file"),
    ("Frames: 40", "Frames: 41", "not a complete BVH"),
    ("OFFSET 0 -8 0", "OFFSET 0 -8", "not a complete BVH"),
    ("LeftUpLeg", "LeftThigh", "has the joints Hips"),
    ("JOINT Head", "JOINT Skull", "no joint Head"),
    (".0083333", "0", "no frame time"),
    ("CHANNELS 6", "CHANNELS 0", "not a complete BVH"),
])  # fmt: skip
def test_damaged_bvh_files_are_named(folder: Path, old: str, new: str, message: str) -> None:
    text = bvh_text(motionbuilder(), [moving_row()] * 40, ".0083333")
    assert old in text
    (folder / "07_01.bvh").write_text(text.replace(old, new))
    with pytest.raises(InputError, match=rf"07_01\.bvh .*{message}"):
        prepare_cmu(folder, folder.parent / "out.npz")


def test_nothing_half_written_is_left(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_trial(folder, [{"root": "0 17 0 0 0 0"}] * 40, asf_text())

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "open", full)
    with pytest.raises(OutputError, match="No space left"):
        prepare_cmu(folder, folder.parent / "out.npz")
    assert [p.name for p in folder.parent.iterdir()] == ["cmu"]
