"""Whatever a file holds, its reader gives a right result or one clear line, and takes little memory."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import strange_files
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from lifter_files import write_lifter

from rtpose.errors import ConfigError, InputError, ModelError, RtposeError
from rtpose.networks.recipes import load_recipe
from rtpose.pose.lift.lifter import NetworkLifter
from rtpose.recordings import load_recording
from rtpose.recordings.export import export_recording
from rtpose.recordings.recording import Recording
from rtpose.skeleton import H36M17
from rtpose.train.data.motion_pack import load_motion_pack

SEVERAL = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
MOST_MB = 1000


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is measured in Linux' unit")
@pytest.mark.slow
def test_damaged_files_of_every_kind(tmp_path: Path) -> None:
    """A process of its own: a crash in a library, or its memory, would be seen there."""
    command = [sys.executable, strange_files.__file__, str(tmp_path), "60"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert run.returncode == 0, run.stderr
    said = json.loads(run.stdout)
    assert said["peak_mb"] < MOST_MB
    for name, outcomes in said["counts"].items():
        assert outcomes["refused"] > 0, name


def test_the_files_that_are_damaged_were_right(tmp_path: Path) -> None:
    for name, (ending, good, reads) in strange_files.readers().items():
        path = tmp_path / f"{name.split()[0]}{ending}"
        path.write_bytes(good)
        reads[0](path)


@SEVERAL
@given(
    changes=st.dictionaries(
        st.sampled_from(["joints", "root", "seg", "joint_names", "meta"]),
        hnp.arrays(st.sampled_from([np.int16, np.int64, np.float32, "U3"]), hnp.array_shapes(min_dims=0, max_side=3))
        | JSON_VALUES.map(lambda value: np.array(json.dumps(value))),
        min_size=1,
    )
)  # fmt: skip
def test_any_pack(changes: dict[str, np.ndarray], tmp_path: Path) -> None:
    (tmp_path / "pack.npz").write_bytes(strange_files.a_pack(**changes))
    with suppress(InputError):
        pack = load_motion_pack(tmp_path / "pack.npz")
        assert pack.poses_m.shape[1:] == (17, 3)
        assert len(pack.clip_of_frame()) == len(pack.poses_m)


@SEVERAL
@given(
    key=st.sampled_from(["network", "backend", "precision", "batch", "calibration", "limits", "device", "x"]),
    value=JSON_VALUES,
)
def test_any_recipe(key: str, value: Any, tmp_path: Path) -> None:
    facts = {"network": "svmac", "backend": "openvino", "precision": "int8"} | {key: value}
    text = "".join(f"{name} = {json.dumps(fact)}\n" for name, fact in facts.items())
    (tmp_path / "a.toml").write_text(text, encoding="utf-8", errors="replace")
    with suppress(ConfigError):
        load_recipe(str(tmp_path / "a.toml"))


@settings(SEVERAL, max_examples=15)
@given(key=st.sampled_from(["name", "skeleton", "format", "normalisation", "joint_count"]), value=JSON_VALUES)
def test_any_metadata_of_a_network(key: str, value: Any, tmp_path: Path) -> None:
    path = write_lifter(tmp_path / "a.onnx", width=8, **{key: json.dumps(value)})
    with suppress(ModelError):
        NetworkLifter(str(path))


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    path = tmp_path_factory.mktemp("good") / "a.npz"
    path.write_bytes(strange_files.an_npz())
    return load_recording(path)


@SEVERAL
@given(
    places=hnp.arrays(np.float32, (3, 1, 17, 3), elements=st.sampled_from([0, 0, 0, 1, -1, 1e-30, np.nan])),
    ending=st.sampled_from([".bvh", ".trc", ".c3d", ".glb", ".csv", ".json", ".rtpose"]),
)
def test_joints_that_coincide_or_are_nowhere(places: np.ndarray, ending: str, good: Recording, tmp_path: Path) -> None:
    good.poses_3d[:] = places
    good.poses_3d[:, :, H36M17.index_of["root"]] = 0
    with suppress(RtposeError):
        export_recording(good, tmp_path / f"a{ending}", overwrite=True)
    if ending == ".bvh" and (tmp_path / "a.bvh").exists():
        assert "nan" not in (tmp_path / "a.bvh").read_text()
