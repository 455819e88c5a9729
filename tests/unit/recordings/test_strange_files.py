"""Files from anywhere: a reader gives a right result or one clear error, and allocates little for a small file."""

from __future__ import annotations

import json
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rtpose_file import FRAMES, HEAD, MAGIC, chunk

from rtpose.config import CalibrationSettings, RunSettings, load_settings
from rtpose.errors import ConfigError, InputError, ModelError, RtposeError
from rtpose.networks.archives import DamagedArchiveError, read_members
from rtpose.networks.facts import read_facts
from rtpose.recordings import load_recording
from rtpose.recordings.export import export_recording
from rtpose.skeleton import H36M17

HEAD_FACTS: dict[str, Any] = {
    "format": 1, "joint_names": list(H36M17.joints), "parents": H36M17.parents.tolist(), "image_size": [640, 480],
    "camera": [600, 600, 320, 240], "meta": {"format": 1},
}  # fmt: skip
FRAME = np.array([0], "<f8").tobytes() + np.array([0], "<i8").tobytes() + np.array([0, 17], "<u2").tobytes()


def rtpose_with(path: Path, text: str) -> Path:
    path.write_bytes(MAGIC + chunk(HEAD, text.encode()) + chunk(FRAMES, FRAME))
    return path


def head_with(**changes: str) -> str:
    """JSON of a head in which some values are other JSON."""
    return "{" + ", ".join(f'"{k}": {changes.get(k, json.dumps(v))}' for k, v in HEAD_FACTS.items()) + "}"


def test_the_plain_head_is_read(tmp_path: Path) -> None:
    assert len(load_recording(rtpose_with(tmp_path / "a.rtpose", head_with()))) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"image_size": "[1e999, 480]"},
        {"image_size": "[-5, 480]"},
        {"camera": f"[{10**400}, 1, 1, 1]"},
        {"camera": "[NaN, 1, 1, 1]"},
        {"camera": f"[{'9' * 5000}, 1, 1, 1]"},
        {"meta": '{"a": ' * 200 + "1" + "}" * 200},
        {"meta": '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}"},
    ],
)
def test_an_impossible_head(changes: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(InputError):
        load_recording(rtpose_with(tmp_path / "a.rtpose", head_with(**changes)))


def test_assumptions_are_texts(tmp_path: Path) -> None:
    recording = load_recording(rtpose_with(tmp_path / "a.rtpose", head_with(meta='{"assumptions": 7}')))
    assert recording.meta["assumptions"] == ["7"]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(key=st.sampled_from(list(HEAD_FACTS)), value=JSON_VALUES)
def test_any_head_reads_or_is_an_error(tmp_path: Path, key: str, value: Any) -> None:
    path = rtpose_with(tmp_path / "a.rtpose", head_with(**{key: json.dumps(value)}))
    with suppress(RtposeError):
        recording = load_recording(path)
        assert np.isfinite(recording.camera.as_array()).all()
        export_recording(recording, tmp_path / "a.json", overwrite=True)


def test_many_frames_with_one_crowd_are_refused_before_they_are_laid_out(tmp_path: Path) -> None:
    person = np.dtype([("id", "<i4"), ("rest", "<f4", 7 + 17 * 7)])
    crowd = np.zeros(900, person)
    crowd["id"] = np.arange(900)
    frames = [
        np.array([t], "<f8").tobytes() + np.array([t], "<i8").tobytes() + np.array([0, 17], "<u2").tobytes()
        for t in range(1, 20_000)
    ]
    first = np.array([0], "<f8").tobytes() + np.array([0], "<i8").tobytes() + np.array([900, 17], "<u2").tobytes()
    path = tmp_path / "a.rtpose"
    path.write_bytes(
        MAGIC
        + chunk(HEAD, head_with().encode())
        + chunk(FRAMES, first + crowd.tobytes())
        + chunk(FRAMES, b"".join(frames))
    )
    with pytest.raises(InputError, match="up to 900 people at once would need"):
        load_recording(path)


def npz_with(path: Path, **changes: Any) -> Path:
    """One frame with nobody, in two columns."""
    arrays = {
        "poses_3d": np.full((1, 2, 17, 3), np.nan, np.float32), "root_3d": np.zeros((1, 2, 3), np.float32),
        "confidence": np.zeros((1, 2, 17), np.float32), "keypoints_2d": np.zeros((1, 2, 17, 3), np.float32),
        "track_ids": np.full((1, 2), -1, np.int32), "timestamps_s": np.zeros(1), "frame_ids": np.zeros(1, np.int64),
        "joint_names": np.array(H36M17.joints), "parents": H36M17.parents.astype(np.int16),
        "image_size": np.array([640, 480], np.int32), "camera": np.array([600.0, 600, 320, 240]),
        "meta": np.array(json.dumps({"format": 1})),
    }  # fmt: skip
    np.savez(path, **{**arrays, **changes})
    return path


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"timestamps_s": np.array([np.inf])}, "timestamps"),
        ({"camera": np.array([np.inf, 1, 1, 1])}, "camera"),
        ({"image_size": np.array([-1, 480], np.int32)}, "image_size"),
        ({"track_ids": np.array([[4, 4]], np.int32), "poses_3d": np.zeros((1, 2, 17, 3), np.float32)}, "the same id"),
        ({"meta": np.array('{"format": 1, "a": ' + "[" * 100 + "]" * 100 + "}")}, "too deeply"),
    ],
)
def test_an_impossible_npz(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    assert len(load_recording(npz_with(tmp_path / "good.npz"))) == 1
    with pytest.raises(InputError, match=said):
        load_recording(npz_with(tmp_path / "a.npz", **changes))


def test_arrays_are_checked_before_they_are_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = npz_with(tmp_path / "a.npz")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("unknown.npy", bytes(64 * 2**20))
    read: list[str] = []
    real = zipfile.ZipFile.open
    monkeypatch.setattr(
        zipfile.ZipFile, "open", lambda self, name, *a, **k: (read.append(str(name)), real(self, name, *a, **k))[1]
    )
    assert len(load_recording(path)) == 1
    assert not any("unknown" in name for name in read)
    bomb = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, bytes(64 * 2**20) if name == "poses_3d.npy" else old.read(name))
    with pytest.raises(InputError, match="poses_3d would be 64 MB"):
        load_recording(bomb)


def test_a_member_that_is_too_large_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rtpose.networks.archives.MAX_MEMBER_BYTES", 1000)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("end2end.onnx", bytes(2000))
    with pytest.raises(DamagedArchiveError, match=r"end2end\.onnx would be"):
        read_members(tmp_path / "a.zip", ["end2end.onnx"])


def test_deep_facts_of_a_network() -> None:
    with pytest.raises(ModelError):
        read_facts(Path("a.onnx"), {"name": "[" * 100_000}, "lifter")


@pytest.mark.parametrize(
    "text",
    ["height_m: .inf", "height_m: .nan", "persons: 2020-01-01", "persons: 2020-99-99", f"persons: {'9' * 5000}",
     "persons: " + "[" * 3000, "{a: {b: &x [*x]}}", "? [a]\n: 1", "lifter: \x00"],
)  # fmt: skip
def test_strange_settings(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings(RunSettings, tmp_path / "a.yaml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("number", [".inf", ".nan", "-.inf", "1e999"])
def test_a_calibration_is_finite(number: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(f"image_size: [640, 480]\ncamera: [600, 600, {number}, 240]\n")
    with pytest.raises(ConfigError, match=r"a\.yaml"):
        load_settings(CalibrationSettings, tmp_path / "a.yaml")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(text=st.text(max_size=60) | JSON_VALUES.map(json.dumps))
def test_any_yaml_reads_or_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.yaml").write_bytes(text.encode("utf-8", "replace"))
    with suppress(ConfigError):
        load_settings(RunSettings, tmp_path / "a.yaml")
    with suppress(ConfigError):
        load_settings(RunSettings, None, [f"height_m={text}"])
