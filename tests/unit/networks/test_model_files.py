"""Which files exist, where they are, and whether they are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtpose.errors import ConfigError
from rtpose.networks import model_files
from rtpose.networks.weights import FOLDER


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RTPOSE_CACHE_DIR", str(tmp_path))
    return tmp_path


def test_the_files_of_the_detectors() -> None:
    digests = {file.name: file.sha256[:8] for file in model_files.FILES.values()}
    assert digests == {
        "pose_detection.tflite": "9ba9dd3d", "pose_landmark_full.tflite": "e9a5c5cb",
        "pose_landmark_lite.tflite": "f17bfbec", "pose_landmark_heavy.tflite": "59e42d71",
        "yolox_tiny_humanart.onnx": "ceb11c07", "rtmpose_s_body7.onnx": "9aeb635b",
    }  # fmt: skip


def test_the_default_networks_are_shipped(cache: Path) -> None:
    states = {status.file.name: status.state for status in model_files.list_files()}
    assert states == {
        "pose_detection.tflite": "ready", "pose_landmark_full.tflite": "ready",
        "pose_landmark_lite.tflite": "missing", "pose_landmark_heavy.tflite": "missing",
    }  # fmt: skip
    assert model_files.path_of("pose_landmark_full.tflite") == FOLDER / "pose_landmark_full.tflite"
    assert model_files.path_of("pose_landmark_heavy.tflite") == cache / "pose_landmark_heavy.tflite"


def test_a_file_with_other_content_is_damaged(cache: Path) -> None:
    (cache / "pose_landmark_lite.tflite").write_bytes(b"half")
    assert model_files.state_of("pose_landmark_lite.tflite") == "damaged"


def test_a_changed_file_has_another_digest(tmp_path: Path) -> None:
    file = tmp_path / "network"
    file.write_bytes(b"one")
    first = model_files.sha256_of(file)
    assert first == model_files.sha256_of(file)
    file.write_bytes(b"three")
    assert model_files.sha256_of(file) != first


def test_unknown_names() -> None:
    with pytest.raises(ConfigError, match=r"known are pose_detection\.tflite"):
        model_files.path_of("third.tflite")
    with pytest.raises(ConfigError, match="no detector 'openpose' has files to fetch: choose one of blazepose, rtm"):
        model_files.files_of("openpose")


def test_cache_dir_without_override(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RTPOSE_CACHE_DIR")
    assert model_files.cache_dir().is_absolute()
    assert "rtpose" in model_files.cache_dir().parts
