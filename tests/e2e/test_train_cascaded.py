"""`rtpose train cascaded` on stick figures in the form of rendered pictures."""

import json
from pathlib import Path

import numpy as np
from command import rtpose, rtpose_process
from posenet_files import write_coco
from stick_people import StickPeople, write_rendered
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from rtpose.networks.backends import load_backend

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
    backend = load_backend(tmp_path / "run" / "cascaded.onnx")
    out = backend.run({"image": np.zeros((2, 3, 64, 64), np.float32)})
    assert {name: value.shape for name, value in out.items()} == {
        "joints": (2, 17, 3), "pose": (2, 17, 3), "confidence": (2, 17)
    }  # fmt: skip
    assert rtpose(*command, cwd=tmp_path).returncode == 2
    assert rtpose(*command, "--resume", cwd=tmp_path).returncode == 0
    other = rtpose(*command[:-3], "--out", "tuned", "--start", "run", "--quiet", "seed=1", cwd=tmp_path)
    assert other.returncode == 0, other.stderr
    data = json.loads(load_backend(tmp_path / "tuned" / "cascaded.onnx").metadata["training_data"])
    assert "rendered" in data["start"]["training_data"]["train"]
    missing = rtpose(*command[:-3], "--out", "third", "--start", "gone", cwd=tmp_path)
    assert missing.returncode == 2
    assert "give --start the --out of an earlier training" in missing.stderr


def test_pictures_with_2d_labels_are_mixed_in(tmp_path: Path) -> None:
    write_rendered(tmp_path / "people", StickPeople(6))
    write_coco(tmp_path / "coco", StickPeople(4))
    command = ("train", "cascaded", *TINY, "--validation", "people", "--out", "run", "--quiet")
    run = rtpose(*command, "--data", "coco:coco", cwd=tmp_path)
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert "--data-2d" in run.stderr
    run = rtpose(*command, "--data", "people", "--data-2d", "coco:coco", cwd=tmp_path)
    assert run.returncode == 0, run.stderr  # also: the mistake before left nothing in the way
    data = json.loads(load_backend(tmp_path / "run" / "cascaded.onnx").metadata["training_data"])
    assert data["2d"] == {"data_set": "COCO keypoints", "pictures": 4}
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
    shown = [event for tag in events.Tags()["images"] for event in events.Images(tag)]
    assert events.Tags()["images"] == ["person/0", "person/1", "person/2", "person/3"]
    assert {(one.height, one.width) for one in shown} == {(64, 3 * 64)}  # the crop, its bones, its joints
    assert "val/mpjpe_mm" in events.Tags()["scalars"]


def test_missing_pictures_are_told(tmp_path: Path) -> None:
    run = rtpose_process("train", "cascaded", "--data", "gone", "--validation", "gone", cwd=tmp_path)
    assert run.returncode == 2
    assert "rtpose data render" in run.stderr
    run = rtpose("train", "cascaded", "--data", "muco:gone", "--validation", "gone", cwd=tmp_path)
    assert run.returncode == 2
    assert "gone is not a folder" in run.stderr
