"""Lifters as safetensors files."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from rtpose.errors import ModelError
from rtpose.modules.registry import build_network
from rtpose.networks.backends import load_backend
from rtpose.networks.options import LoadOptions
from rtpose.pose.lift.codec import DepthCodec
from rtpose.pose.lift.lifter import NetworkLifter
from rtpose.train.export import export_weights

ARCHITECTURE = {"network": "martinez", "joint_count": 17, "width": 8}
FACTS = {
    "name": "test", "format": 1, "skeleton": "h36m17", "joint_count": 17, "normalisation": DepthCodec().facts(),
    "architecture": ARCHITECTURE,
}  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "test.safetensors"
    export_weights(build_network(ARCHITECTURE), FACTS, path)
    return path


def test_it_lifts_as_the_module_does(file: Path) -> None:
    torch.manual_seed(0)
    network = build_network(ARCHITECTURE).eval()
    points = np.random.default_rng(0).normal(scale=0.1, size=(5, 34)).astype(np.float32)
    with torch.no_grad():
        expected = network(torch.from_numpy(points)).numpy()
    lifter = NetworkLifter(str(file), options=LoadOptions("torch"))
    assert np.array_equal(lifter.depth(points), expected)
    assert lifter.facts == FACTS


def test_what_other_runtimes_and_wrong_files_say(file: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="the backend 'torch' does"):
        load_backend(file)
    with pytest.raises(ModelError, match="does not exist"):
        load_backend(tmp_path / "gone.safetensors", LoadOptions("torch"))
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(file.read_bytes()[:100])
    with pytest.raises(ModelError, match="cannot be read as a safetensors file"):
        load_backend(broken, LoadOptions("torch"))
    save_file(load_file(file), broken)
    with pytest.raises(ModelError, match="does not name its architecture"):
        load_backend(broken, LoadOptions("torch"))
    other = {**FACTS, "architecture": json.dumps({**ARCHITECTURE, "width": 16})}
    save_file(
        load_file(file), broken, metadata={k: v if isinstance(v, str) else json.dumps(v) for k, v in other.items()}
    )
    with pytest.raises(ModelError, match="do not match its architecture"):
        load_backend(broken, LoadOptions("torch"))
