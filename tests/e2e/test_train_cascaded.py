"""`rtpose train cascaded` on stick figures in the form of rendered pictures."""

import json
from pathlib import Path

import numpy as np
from command import rtpose
from stick_people import StickPeople, write_rendered

from rtpose.backends import load_backend

TINY = (
    "network.input_px=64", "network.depth_channels=16", "network.trunk=resnet18", "network.trunk_width=0.125",
    "network.width=8", "network.lift_width=16", "batch_size=4", "validate_every=2", "device=cpu",
    "stage_one.epochs=1", "stage_one.steps_per_epoch=2", "stage_two.epochs=1", "stage_two.steps_per_epoch=2",
)  # fmt: skip


def test_a_network_is_trained_exported_and_resumed(tmp_path: Path) -> None:
    write_rendered(tmp_path / "people", StickPeople(6))
    command = ("train", "cascaded", *TINY, "--data", "people", "--validation", "people", "--out", "run", "--quiet")
    run = rtpose(*command, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip().endswith("cascaded.onnx")
    backend = load_backend("openvino", tmp_path / "run" / "cascaded.onnx")
    out = backend.run({"image": np.zeros((2, 3, 64, 64), np.float32)})
    assert {name: value.shape for name, value in out.items()} == {
        "joints": (2, 17, 3), "pose": (2, 17, 3), "confidence": (2, 17)
    }  # fmt: skip
    assert rtpose(*command, cwd=tmp_path).returncode == 2
    assert rtpose(*command, "--resume", cwd=tmp_path).returncode == 0
    other = rtpose(*command[:-3], "--out", "tuned", "--start", "run", "--quiet", "seed=1", cwd=tmp_path)
    assert other.returncode == 0, other.stderr
    data = json.loads(load_backend("openvino", tmp_path / "tuned" / "cascaded.onnx").metadata["training_data"])
    assert "rendered" in data["start"]["training_data"]["train"]
    missing = rtpose(*command[:-3], "--out", "third", "--start", "gone", cwd=tmp_path)
    assert missing.returncode == 2
    assert "--start wants the --out of an earlier training" in missing.stderr


def test_missing_pictures_are_told(tmp_path: Path) -> None:
    run = rtpose("train", "cascaded", "--data", "gone", "--validation", "gone", cwd=tmp_path)
    assert run.returncode == 2
    assert "rtpose data render" in run.stderr
    run = rtpose("train", "cascaded", "--data", "muco:gone", "--validation", "gone", cwd=tmp_path)
    assert run.returncode == 2
    assert "gone is no folder" in run.stderr
