from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from proxies import no_web

from rtpose.errors import ConfigError, ModelError
from rtpose.pose.detect import network_files, open_detector, open_finder
from rtpose.types import Frame


def test_unknown_name() -> None:
    with pytest.raises(ConfigError, match="no detector 'openpose': choose one of blazepose, rtmpose"):
        open_detector("openpose")
    with pytest.raises(ConfigError, match="no detector 'openpose'"):
        open_finder("openpose")


def test_fewer_than_one_person() -> None:
    with pytest.raises(ConfigError, match="0 people"):
        open_detector("blazepose", persons=0)


def test_blazepose_needs_no_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTPOSE_CACHE_DIR", str(tmp_path))
    no_web(monkeypatch)
    picture = np.zeros((48, 64, 3), np.uint8)
    assert open_detector("blazepose").detect(Frame(picture, 0, 0, 0.0)) == []
    assert not list(tmp_path.iterdir())


def test_the_files_of_a_detector() -> None:
    assert network_files("blazepose") == network_files("blazepose", "full")
    assert network_files("blazepose", "heavy") == ("pose_detection.tflite", "pose_landmark_heavy.tflite")
    assert network_files("rtmpose") == ("yolox_tiny_humanart.onnx", "rtmpose_s_body7.onnx")
    with pytest.raises(ConfigError, match="rtmpose has no network 'heavy': choose one of s"):
        network_files("rtmpose", "heavy")


def test_no_network_files_and_no_web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTPOSE_CACHE_DIR", str(tmp_path))
    no_web(monkeypatch)
    with pytest.raises(ModelError, match=r"cannot download https://.*refused.*rtpose models import FILE"):
        open_detector("rtmpose")
    assert not list(tmp_path.iterdir())


def test_importing_the_package_loads_no_runtime() -> None:
    code = "import sys, rtpose.pose.detect; print({'openvino', 'cv2', 'torch'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"
