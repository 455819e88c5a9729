"""Each format, opened by a reader that is not ours: the positions, times, units and axes are right."""

import csv
import json
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import bvhio_reader
import c3d
import ezc3d
import numpy as np
import pytest
import trc
from glb_reader import Glb

from rtpose.bones import BONE_INDEX, BONE_NAMES, BONES, CONTACT_JOINTS, JOINT_BONES, JOINT_PLACES
from rtpose.errors import InputError, MissingExtraError, OutputError
from rtpose.recordings.export import FORMATS, export_recording
from rtpose.recordings.npz import read_npz, write_npz
from rtpose.recordings.recording import Recording
from rtpose.recordings.rtpose_file import read_rtpose
from rtpose.skeleton import RTPOSE28

FRAMES = 100
IDS = (3, 12)
AWAY = slice(40, 60)
HIDDEN = (slice(20, 25), RTPOSE28.indices("left_wrist", "left_index", "left_pinky"))
MM = 1e-3


@pytest.fixture(scope="module")
def folder(poses: Recording, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recording in every format, both people in it."""
    folder = tmp_path_factory.mktemp("converted")
    for suffix in FORMATS:
        export_recording(poses, folder / f"dance{suffix}")
    return folder


def test_one_file_for_each_person_where_a_format_holds_one(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {
        "dance.npz", "dance.rtpose", "dance.json", "dance.csv", "dance.c3d", "dance.glb",
        "dance-3.bvh", "dance-12.bvh", "dance-3.trc", "dance-12.trc",
    }  # fmt: skip


@pytest.mark.parametrize("suffix", FORMATS)
def test_one_person_alone(poses: Recording, tmp_path: Path, suffix: str) -> None:
    said = export_recording(poses, tmp_path / f"one{suffix}", person=12)
    assert [path.name for path in tmp_path.iterdir()] == [f"one{suffix}"]
    assert len(said) == 1
    assert said[0].startswith(f"{tmp_path / 'one'}{suffix}: person 12")


# npz and .rtpose


def npz_bytes(poses: Recording, path: Path) -> bytes:
    with path.open("wb") as file:
        write_npz(file, poses)
    return path.read_bytes()


def test_npz_and_rtpose_are_equal_bit_by_bit(poses: Recording, folder: Path, tmp_path: Path) -> None:
    whole = npz_bytes(poses, tmp_path / "whole.npz")
    assert (folder / "dance.npz").read_bytes() == whole
    recording = read_rtpose(folder / "dance.rtpose")
    assert recording.complete
    assert npz_bytes(recording.recording, tmp_path / "back.npz") == whole


def test_one_person_of_an_npz_keeps_all_frames(poses: Recording, tmp_path: Path) -> None:
    export_recording(poses, tmp_path / "one.npz", person=12)
    one = read_npz(tmp_path / "one.npz")
    np.testing.assert_array_equal(one.track_ids[:, 0], poses.track_ids[:, 1])
    np.testing.assert_array_equal(one.poses_3d[:, 0], poses.poses_3d[:, 1])
    np.testing.assert_array_equal(one.timestamps_s, poses.timestamps_s)


# CSV and JSON


def test_csv(poses: Recording, points: np.ndarray, folder: Path) -> None:
    with (folder / "dance.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 100 + 80
    cells = {(int(row["frame_id"]), int(row["track_id"])): row for row in rows}
    got = np.full_like(points, np.nan)
    for (frame_id, track_id), row in cells.items():
        assert float(row["time_s"]) == pytest.approx(2 + (frame_id - 60) / 30, abs=1e-6)
        for j, joint in enumerate(RTPOSE28.joints):
            texts = [row[f"{joint}_{axis}_m"] for axis in "xyz"]
            got[frame_id - 60, IDS.index(track_id), j] = [float(text) if text else np.nan for text in texts]
    np.testing.assert_allclose(got, points, atol=MM)
    row = cells[70, 3]
    u, v, score = poses.keypoints_2d[10, 0, RTPOSE28.index_of["right_wrist"]]
    assert float(row["right_wrist_u_px"]) == pytest.approx(u)
    assert float(row["right_wrist_v_px"]) == pytest.approx(v)
    assert float(row["right_wrist_score"]) == pytest.approx(score)
    assert float(row["right_wrist_confidence"]) == 0.75


def test_csv_has_a_row_for_a_frame_without_people(poses: Recording, tmp_path: Path) -> None:
    export_recording(poses, tmp_path / "one.csv", person=12)
    with (tmp_path / "one.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 100
    assert [row["track_id"] for row in rows[38:42]] == ["12", "12", "", ""]
    assert rows[40]["time_s"] == f"{2 + 40 / 30:.6f}"
    assert rows[40]["head_x_m"] == ""


def strict_json(path: Path) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(path.read_text("utf-8"), parse_constant=refuse)


def test_json(poses: Recording, points: np.ndarray, folder: Path) -> None:
    document = strict_json(folder / "dance.json")
    assert document["fps"] == 30
    assert document["format"] == 2
    assert document["units"] == {"position": "metres", "length": "metres", "keypoint": "pixels", "time": "seconds"}
    assert document["camera"] == {"fx": 800, "fy": 800, "cx": 640, "cy": 360}
    assert document["meta"]["source"] == "dance"
    assert [frame["time_s"] for frame in document["frames"]] == poses.timestamps_s.tolist()
    got = np.full_like(points, np.nan)
    for t, frame in enumerate(document["frames"]):
        for person in frame["persons"]:
            got[t, IDS.index(person["track_id"])] = np.array(person["position_m"], dtype=float)
    seen = np.isfinite(points)
    np.testing.assert_allclose(got[seen], points[seen], atol=MM)
    person = document["frames"][10]["persons"][1]
    np.testing.assert_allclose(person["rotation_wxyz"], poses.rotations[10, 1], atol=1e-5)
    np.testing.assert_allclose(person["contacts"], poses.contacts[10, 1], atol=1e-5)
    np.testing.assert_allclose(document["bone_lengths"]["12"], poses.bone_lengths[1], atol=1e-5)
    assert document["bone_names"] == list(BONE_NAMES)
    assert document["frames"][10]["world_from_camera"] is None
    np.testing.assert_allclose(document["frames"][40]["world_from_camera"], poses.world_from_camera[40])
    np.testing.assert_allclose(person["keypoint_px"], poses.keypoints_2d[10, 1, :, :2], atol=1e-3)


# TRC and C3D


@pytest.mark.parametrize(("column", "track_id"), list(enumerate(IDS)))
def test_trc(y_up: np.ndarray, folder: Path, column: int, track_id: int) -> None:
    data = trc.TRCData()
    data.load(str(folder / f"dance-{track_id}.trc"))
    assert data["Units"] == "mm"
    assert (data["DataRate"], data["NumFrames"], data["NumMarkers"]) == (30, 100, 28)
    assert tuple(data["Markers"]) == RTPOSE28.joints
    np.testing.assert_allclose(data["Time"], np.arange(100) / 30, atol=1e-6)
    got_mm = np.array([data[joint] for joint in RTPOSE28.joints], dtype=float).transpose(1, 0, 2)
    np.testing.assert_allclose(got_mm / 1000, y_up[:, column], atol=MM)


def test_c3d_in_ezc3d(y_up: np.ndarray, folder: Path) -> None:
    file = ezc3d.c3d(str(folder / "dance.c3d"))
    point = file["parameters"]["POINT"]
    assert point["UNITS"]["value"] == ["mm"]
    assert point["RATE"]["value"] == 30
    assert (point["X_SCREEN"]["value"], point["Y_SCREEN"]["value"]) == (["+X"], ["+Y"])
    assert point["LABELS"]["value"] == [f"{track_id}:{joint}" for track_id in IDS for joint in RTPOSE28.joints]
    got_mm = file["data"]["points"][:3].transpose(2, 1, 0).reshape(100, 2, 28, 3)
    np.testing.assert_allclose(got_mm / 1000, y_up, atol=MM)
    residuals = file["data"]["meta_points"]["residuals"][0].T.reshape(100, 2, 28)
    np.testing.assert_array_equal(residuals < 0, np.isnan(y_up[..., 0]))


def test_c3d_in_another_reader(y_up: np.ndarray, folder: Path) -> None:
    with (folder / "dance.c3d").open("rb") as file:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "No analog data")
            warnings.filterwarnings("ignore", "incomplete reading of data blocks")  # ezc3d pads whole blocks, too
            reader = c3d.Reader(file)
            frames = [points for _, points, _ in reader.read_frames()]
        assert reader.point_rate == 30
    got = np.array(frames)[..., :4].reshape(100, 2, 28, 4)
    known = np.isfinite(y_up[..., 0])
    np.testing.assert_array_equal(got[..., 3] >= 0, known)
    np.testing.assert_allclose(got[known][:, :3] / 1000, y_up[known], atol=MM)


def test_c3d_without_its_extra(poses: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ezc3d", None)
    with pytest.raises(MissingExtraError, match=r"pip install .*\[c3d\]'"):
        export_recording(poses, tmp_path / "out.c3d")
    assert not list(tmp_path.iterdir())


# BVH and GLB: positions by forward kinematics. All joints that were seen are where the recording has them.


@pytest.mark.parametrize(("column", "track_id"), list(enumerate(IDS)))
def test_bvh(poses: Recording, y_up: np.ndarray, folder: Path, column: int, track_id: int) -> None:
    path = folder / f"dance-{track_id}.bvh"
    got = bvhio_reader.positions(path, poses.bone_lengths[column])
    known = np.isfinite(y_up[:, column]).all(-1)
    assert np.linalg.norm(got - y_up[:, column], axis=-1)[known].max() < 0.1 * MM
    assert "Frame Time: 0.03333333\n" in path.read_text()
    if column == 1:
        np.testing.assert_allclose(got[AWAY], np.repeat(got[39:40], 20, axis=0), atol=1e-6)


def test_glb(poses: Recording, y_up: np.ndarray, folder: Path) -> None:
    glb = Glb(folder / "dance.glb")
    np.testing.assert_allclose(glb.times, poses.timestamps_s - 2, atol=1e-6)
    for column, track_id in enumerate(IDS):
        person = glb.names.index(f"person {track_id}")
        nodes = [n for n, name in enumerate(glb.names) if name in BONE_NAMES and person in above(glb, n)]
        assert [glb.names[n] for n in nodes] == list(BONE_NAMES)
        places = JOINT_PLACES * poses.bone_lengths[column][JOINT_BONES, None]
        bones = np.stack([glb.matrices(n) for n in nodes], axis=1)[:, JOINT_BONES]
        got = np.einsum("tjik,jk->tji", bones[..., :3, :3], places) + bones[..., :3, 3]
        known = np.isfinite(y_up[:, column]).all(-1)
        assert np.linalg.norm(got - y_up[:, column], axis=-1)[known].max() < 0.1 * MM
        scale = glb.values.get((person, "scale"), np.ones((100, 3)))
        np.testing.assert_array_equal(scale[:, 0], known.any(1))


def above(glb: Glb, node: int) -> list[int]:
    return [node, *above(glb, glb.parents[node])] if node in glb.parents else [node]


def test_the_figure_of_a_glb_stands_on_its_bones(folder: Path) -> None:
    """At every time each vertex, moved by its skin, lies within a hand's width of the bone it belongs to."""
    glb = Glb(folder / "dance.glb")
    skin = glb.gltf.skins[0]
    figure = glb.gltf.meshes[0].primitives[0].attributes
    vertices = np.c_[glb.array(figure.POSITION), np.ones(glb.gltf.accessors[figure.POSITION].count)]
    joint_of = glb.array(figure.JOINTS_0)[:, 0]
    inverse_bind = glb.array(skin.inverseBindMatrices).reshape(-1, 4, 4).transpose(0, 2, 1)
    world = np.stack([glb.matrices(n) for n in skin.joints], axis=1)
    moved = np.einsum("tvij,vj->tvi", world[:, joint_of] @ inverse_bind[joint_of], vertices)[..., :3]
    tips, ends = moved[:, 0::6], moved[:, 5::6]  # an octahedron's ends are those of its bone
    where = {glb.names[n]: world[:, k, :3, 3] for k, n in enumerate(skin.joints)}
    for number, bone in enumerate(BONES[1:], 1):
        np.testing.assert_allclose(tips[:, number], where[bone.name], atol=1e-5)
        for child in BONES:
            if child.parent == bone.name:
                np.testing.assert_allclose(ends[:, number], where[child.name], atol=1e-5)


def test_at_rest_the_body_of_a_glb_stands_on_the_floor_in_a_t(folder: Path) -> None:
    glb = Glb(folder / "dance.glb")
    at_rest = {}
    for n, node in enumerate(glb.gltf.nodes):
        if glb.names[n] in BONE_NAMES:
            at_rest.setdefault(
                glb.names[n], np.sum([glb.gltf.nodes[k].translation or [0] * 3 for k in above(glb, n)], 0)
            )
            assert node.rotation in (None, [0, 0, 0, 1])
    heights = {name: place[1] for name, place in at_rest.items()}
    assert heights["leftUpperArm"] == pytest.approx(heights["leftHand"])
    assert at_rest["leftHand"][0] > 0.6, "the left hand is at x"
    assert 0.05 < heights["leftFoot"] < 0.12
    assert 0.8 < heights["hips"] < 1.0


def test_a_glb_of_one_person_names_the_bones_of_the_humanoid(poses: Recording, folder: Path, tmp_path: Path) -> None:
    export_recording(poses, tmp_path / "one.glb", person=12)
    glb = Glb(tmp_path / "one.glb")
    bones = glb.gltf.extensions["VRMC_vrm_animation"]["humanoid"]["humanBones"]
    assert {bone: glb.names[at["node"]] for bone, at in bones.items()} == {name: name for name in BONE_NAMES}
    assert "VRMC_vrm_animation" in glb.gltf.extensionsUsed
    assert not Glb(folder / "dance.glb").gltf.extensionsUsed, "the humanoid is one"


# The room


def test_without_a_known_floor_the_lowest_feet_stand_at_0(poses: Recording, tmp_path: Path) -> None:
    blind = replace(poses, world_from_camera=np.full_like(poses.world_from_camera, np.nan))
    export_recording(blind, tmp_path / "a.trc", person=3)
    data = trc.TRCData()
    data.load(str(tmp_path / "a.trc"))
    soles_mm = np.array([data[joint] for joint in CONTACT_JOINTS], dtype=float)[..., 1].min(0)
    assert abs(np.percentile(soles_mm, 2)) < 3
    hips = np.array(data["root"], dtype=float)[0] / 1000
    assert hips[2] == pytest.approx(-5, abs=MM), "a level camera"


# Markers of Pose2Sim


def test_markers_of_halpe26(poses: Recording, y_up: np.ndarray, tmp_path: Path) -> None:
    export_recording(poses, tmp_path / "a.trc", person=12, markers="halpe26")
    export_recording(poses, tmp_path / "a.c3d", person=12, markers="halpe26")
    data = trc.TRCData()
    data.load(str(tmp_path / "a.trc"))
    legs = [f"{side}{marker}" for side in "RL" for marker in ("Hip", "Knee", "Ankle", "BigToe", "SmallToe", "Heel")]
    arms = [f"{side}{marker}" for side in "RL" for marker in ("Shoulder", "Elbow", "Wrist")]
    names = ["Hip", *legs, "Neck", "Head", "Nose", *arms]
    assert data["Markers"] == names
    assert ezc3d.c3d(str(tmp_path / "a.c3d"))["parameters"]["POINT"]["LABELS"]["value"] == names
    at = {name: np.array(data[name], dtype=float)[:40] / 1000 for name in names}
    for marker, joint in {
        "RAnkle": "right_foot",
        "LBigToe": "left_toe",
        "Neck": "thorax",
        "RHeel": "right_heel",
    }.items():
        np.testing.assert_allclose(at[marker], y_up[:40, 1, RTPOSE28.index_of[joint]], atol=MM)
    up = at["Head"] - y_up[:40, 1, RTPOSE28.index_of["head"]]
    np.testing.assert_allclose(np.linalg.norm(up, axis=-1), 1.3 * poses.bone_lengths[1, BONE_INDEX["head"]], atol=MM)
    for side in "RL":
        # The small toe is outside of the foot: across the line from heel to toe, on the side away from the other foot.
        apart = np.linalg.norm(at[f"{side}SmallToe"] - at[f"{side}BigToe"], axis=-1)
        assert (apart > 0.04).all()
        assert (apart < 0.1).all()
    across = at["LHip"] - at["RHip"]
    assert (((at["LSmallToe"] - at["LBigToe"]) * across).sum(-1) > 0).mean() > 0.9
    with pytest.raises(OutputError, match="only TRC and C3D have markers"):
        export_recording(poses, tmp_path / "b.csv", markers="halpe26")


def test_bones_need_bodies(poses: Recording, tmp_path: Path) -> None:
    bodiless = replace(poses, rotations=np.full_like(poses.rotations, np.nan))
    for name, markers in (("a.bvh", None), ("a.glb", None), ("a.trc", "halpe26")):
        with pytest.raises(InputError, match="convert it with `rtpose convert`"):
            export_recording(bodiless, tmp_path / name, person=3, markers=markers)  # type: ignore[arg-type]
    export_recording(bodiless, tmp_path / "a.trc", person=3)


# What cannot be


@pytest.mark.parametrize(
    ("name", "person", "message"),
    [
        ("out.fbx", None, "is written as .npz, .rtpose, .json"),
        ("out.bvh", 4, "no person 4: it has 3, 12"),
        ("missing/out.csv", None, "does not exist"),
    ],
)
def test_said(poses: Recording, tmp_path: Path, name: str, person: int | None, message: str) -> None:
    with pytest.raises((InputError, OutputError), match=message):
        export_recording(poses, tmp_path / name, person=person)
    assert not list(tmp_path.iterdir())


def without_people(poses: Recording, frames: int) -> Recording:
    cut = {
        key: getattr(poses, key)[:frames, :0]
        for key in ("poses_3d", "root_3d", "confidence", "keypoints_2d", "track_ids", "rotations", "contacts")
    }
    cut["bone_lengths"] = poses.bone_lengths[:0]
    cut["world_from_camera"] = poses.world_from_camera[:frames]
    return replace(poses, **cut, timestamps_s=poses.timestamps_s[:frames], frame_ids=poses.frame_ids[:frames])


@pytest.mark.parametrize("suffix", FORMATS)
def test_nobody(poses: Recording, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"out{suffix}"
    if suffix in (".npz", ".rtpose", ".json", ".csv"):
        export_recording(without_people(poses, 5), out)
        assert out.stat().st_size > 0
    else:
        with pytest.raises(InputError, match="the recording has no people"):
            export_recording(without_people(poses, 5), out)
    with pytest.raises(InputError, match="no frames"):
        export_recording(without_people(poses, 0), out, overwrite=True)


def test_an_older_file_needs_overwrite(poses: Recording, tmp_path: Path) -> None:
    old = tmp_path / "out-12.bvh"
    old.write_text("old")
    with pytest.raises(OutputError, match="exists"):
        export_recording(poses, tmp_path / "out.bvh")
    assert [path.name for path in tmp_path.iterdir()] == ["out-12.bvh"]
    export_recording(poses, tmp_path / "out.bvh", overwrite=True)
    assert old.read_text().startswith("HIERARCHY")


@pytest.mark.slow
def test_c3d_refuses_more_frames_than_it_can_count(poses: Recording, tmp_path: Path) -> None:
    times = 2 + np.linspace(0, 70_000 / 30, FRAMES)
    with pytest.raises(OutputError, match=r"long\.c3d: C3D holds at most 65,535 frames, .* has 70,001"):
        export_recording(replace(poses, timestamps_s=times), tmp_path / "long.c3d")
    assert not list(tmp_path.iterdir())
    times = 2 + np.linspace(0, 65_534 / 30, FRAMES)
    (line,) = export_recording(replace(poses, timestamps_s=times), tmp_path / "long.c3d", person=3)
    assert "65535 frames at 30 Hz" in line
    assert ezc3d.c3d(str(tmp_path / "long.c3d"))["data"]["points"].shape[2] == 65_535


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_full_disk_is_an_error_in_every_format(poses: Recording, tmp_path: Path, suffix: str) -> None:
    resource = pytest.importorskip("resource")
    out = tmp_path / f"out{suffix}"
    out.write_bytes(b"older")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, before[1]))  # the next byte fails, as on a full disk
    try:
        with pytest.raises(OutputError, match=r"cannot write .*the older file is unchanged"):
            export_recording(poses, out, person=3, overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert out.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [out]


def test_joints_that_nobody_saw_are_no_facts(poses: Recording, tmp_path: Path) -> None:
    legs = RTPOSE28.indices(
        *(f"{side}_{joint}" for side in ("left", "right") for joint in ("knee", "foot", "heel", "toe"))
    )
    confidence = poses.confidence.copy()
    confidence[..., legs] = 0.01
    unseen = replace(poses, confidence=confidence)
    for ending in (".trc", ".c3d", ".csv", ".bvh", ".glb"):
        export_recording(unseen, tmp_path / f"a{ending}", person=IDS[0])
    data = trc.TRCData()
    data.load(str(tmp_path / "a.trc"))
    file = ezc3d.c3d(str(tmp_path / "a.c3d"))
    residuals = file["data"]["meta_points"]["residuals"][0]  # (28, T)
    with (tmp_path / "a.csv").open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    for index, joint in enumerate(RTPOSE28.joints):
        hidden = index in legs
        known = np.isfinite(np.array(data[joint], dtype=float)).all(1)
        assert known.any() != hidden
        assert (residuals[index] >= 0).any() != hidden
        assert any(row[f"{joint}_y_m"] for row in rows) != hidden
        assert all(row[f"{joint}_confidence"] for row in rows)
    at = bvhio_reader.positions(tmp_path / "a.bvh", poses.bone_lengths[0])
    thigh = at[:, RTPOSE28.index_of["left_knee"]] - at[:, RTPOSE28.index_of["left_hip"]]
    down = at[:, 0] - at[:, RTPOSE28.index_of["spine"]]
    cosine = (thigh * down).sum(-1) / np.linalg.norm(thigh, axis=-1) / np.linalg.norm(down, axis=-1)
    assert cosine.min() > 0.95, "a leg that was never seen stays at rest"
