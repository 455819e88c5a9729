"""Samples through the lab streaming layer to pylsl's own inlet."""

import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from receivers import lsl_receiver, opened

from rtpose.installation import extra_command
from rtpose.types import Result, Sink

MakeResult = Callable[..., Result]


@pytest.fixture
def name() -> str:
    """No other stream on the network has it."""
    return f"rtpose test {uuid.uuid4()}"


@pytest.fixture
def stream(name: str) -> Iterator[Sink]:
    sink = opened(f"lsl://{name}", pytest.fail)
    yield sink
    sink.close()


def captured_now(result: Result, age_s: float = 0.0) -> Result:
    return replace(result, frame=replace(result.frame, t_ns=time.monotonic_ns() - round(age_s * 1e9)))


def test_channels_units_and_samples(make_result: MakeResult, stream: Sink, name: str) -> None:
    with lsl_receiver(name) as inlet:
        info = inlet.info(timeout=10)
        assert (info.type(), info.channel_count(), info.nominal_srate()) == ("MoCap", 28 * 4 + 19 * 4, 0)
        assert info.get_channel_labels()[:5] == ["root.x", "root.y", "root.z", "root.confidence", "right_hip.x"]
        assert info.get_channel_units()[:4] == ["meters", "meters", "meters", "normalized"]
        assert info.get_channel_types()[:4] == ["PositionX", "PositionY", "PositionZ", "Confidence"]
        assert info.get_channel_labels()[112:116] == ["hips.qw", "hips.qx", "hips.qy", "hips.qz"]
        assert info.get_channel_types()[112] == "OrientationW"
        assert "z away from the camera" in info.desc().child("acquisition").child_value("axes")

        result = captured_now(make_result(1, (3, 5)), age_s=0.25)
        stream.write(result)
        stream.write(captured_now(make_result(2, pts_s=0.1)))
        sample, stamp = inlet.pull_sample(timeout=10)
        empty, _ = inlet.pull_sample(timeout=10)
        # pylsl's clock is another one on some systems: both are read together.
        offset_s = inlet.clock() - time.monotonic()
    rows = np.array(sample, np.float32).reshape(28 + 19, 4)
    person = result.persons[0]
    np.testing.assert_array_equal(rows[:28, :3], person.pose_3d + person.root_3d)
    np.testing.assert_array_equal(rows[:28, 3], person.confidence)
    assert person.body is not None
    np.testing.assert_array_equal(rows[28:], person.body.rotations)
    assert stamp == pytest.approx(result.frame.t_ns / 1e9 + offset_s, abs=0.005), "when it was captured"
    nobody = np.array(empty).reshape(28 + 19, 4)
    assert np.isnan(nobody[:28, :3]).all()
    assert (nobody[:28, 3] == 0).all()
    assert np.isnan(nobody[28:]).all()


def test_a_missing_library_is_one_clear_line(tmp_path: Path) -> None:
    """A pylsl as it is where its wheel brings no liblsl."""
    (tmp_path / "pylsl.py").write_text("raise RuntimeError('LSL binary library file was not found.\\nmore')")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from rtpose.errors import ConfigError\n"
        "from rtpose.doctor import check_streams\n"
        "from rtpose.outputs.send import open_streams\n"
        "try: open_streams(['lsl://me'], print).__enter__()\n"
        "except ConfigError as error: print(error)\n"
        "print([line for line in check_streams() if line.what == 'stream lsl'])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    assert said[0].startswith("pylsl is installed, but its library liblsl cannot be loaded: install liblsl (https://")
    assert "state='problem'" in said[1]
    assert "do='install liblsl" in said[1]


@pytest.mark.parametrize(("module", "kind", "extra"), [("pylsl", "lsl", "lsl"), ("pythonosc", "vmc", "osc")])
def test_a_missing_extra_is_one_clear_line(module: str, kind: str, extra: str) -> None:
    code = (
        f"import sys; sys.modules[{module!r}] = None\n"
        "from rtpose.errors import MissingExtraError\n"
        "from rtpose.doctor import check_streams\n"
        "from rtpose.outputs.send import open_streams\n"
        f"try: open_streams(['{kind}://127.0.0.1'], print).__enter__()\n"
        "except MissingExtraError as error: print(error)\n"
        "print({line.what: line.state for line in check_streams()})"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    assert f"needs the extra '{extra}': {extra_command(extra)}" in said[0]
    assert f"'stream {kind}': 'missing'" in said[1]
    assert "'stream udp': 'ok'" in said[1]
