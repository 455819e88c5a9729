"""Names, freshness and choice of engines, with reports written by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
from lifter_files import write_lifter

from rtpose.api import open_source
from rtpose.assets import sample_clip
from rtpose.errors import ConfigError
from rtpose.networks import engines as engine_files
from rtpose.networks.backends import openvino as openvino_backend
from rtpose.networks.choose import choose_backend
from rtpose.networks.engines import choose_engine, key_of
from rtpose.networks.model_files import sha256_of
from rtpose.networks.options import LoadOptions
from rtpose.networks.weights import FOLDER
from rtpose.pose.detect import open_detector


@pytest.fixture(autouse=True)
def engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "engines"
    folder.mkdir()
    monkeypatch.setenv(engine_files.ENGINES_DIR_VARIABLE, str(folder))
    return folder


@pytest.fixture
def lifter(tmp_path: Path) -> Path:
    return write_lifter(tmp_path / "svmac.onnx", width=8)


def _report(source: Path, precision: str, *, speedup: float = 2.0, accepted: bool = True) -> engine_files.EngineKey:
    key = key_of(source, "openvino", "cpu", precision)
    key.report_file.write_text(
        json.dumps(
            {
                "format": engine_files.FORMAT, "sha256": key.sha256, "accepted": accepted,
                "reason": f"reason of {precision}", "figures": {"speedup": speedup},
            }
        )
    )  # fmt: skip
    if accepted:
        key.file.write_text("an engine")
    return key


def test_a_name_says_everything(lifter: Path, engines: Path) -> None:
    key = key_of(lifter, "openvino", "cpu", "int8")
    sha, version = sha256_of(lifter)[:8], openvino_backend.version()
    assert key.file == engines / f"svmac-{sha}-openvino{version}-cpu-int8.xml"
    assert version.count(".") == 2
    assert "-" not in version


def test_without_an_engine_the_command_is_named(lifter: Path) -> None:
    with pytest.raises(ConfigError, match="rtpose export --recipe svmac-int8"):
        choose_engine(lifter, LoadOptions(precision="int8"))
    assert (
        choose_engine(lifter, LoadOptions(precision="fp16")).reason
        == "svmac: fp32, no recipe builds a fp16 engine of it"
    )
    with pytest.raises(ConfigError, match="no precision 'int4'"):
        choose_engine(lifter, LoadOptions(precision="int4"))
    assert choose_engine(lifter).file == lifter
    assert choose_engine(lifter, LoadOptions(precision="auto")).precision == "fp32"


def test_a_fresh_engine_is_taken(lifter: Path) -> None:
    key = _report(lifter, "int8")
    choice = choose_engine(lifter, LoadOptions(precision="int8"))
    assert (choice.file, choice.precision) == (key.file, "int8")
    assert "reason of int8" in choice.reason


def test_a_refused_engine_leaves_fp32_and_says_why(lifter: Path) -> None:
    _report(lifter, "int8", accepted=False)
    choice = choose_engine(lifter, LoadOptions(precision="int8"))
    assert (choice.file, choice.precision) == (lifter, "fp32")
    assert "refused: reason of int8" in choice.reason


def test_auto_takes_the_fastest_that_was_accepted(lifter: Path) -> None:
    _report(lifter, "int8", speedup=3.0, accepted=False)
    assert choose_engine(lifter, LoadOptions(precision="auto")).precision == "fp32"
    _report(lifter, "bf16", speedup=1.5)
    assert choose_engine(lifter, LoadOptions(precision="auto")).precision == "bf16"
    _report(lifter, "fp16", speedup=1.7)
    assert choose_engine(lifter, LoadOptions(precision="auto")).precision == "fp16"


def test_other_weights_make_it_stale(lifter: Path) -> None:
    old = _report(lifter, "int8")
    write_lifter(lifter, width=16)
    with pytest.raises(ConfigError, match="one exists for other weights or another version"):
        choose_engine(lifter, LoadOptions(precision="int8"))
    assert set(key_of(lifter, "openvino", "cpu", "int8").stale()) == {old.file, old.report_file}
    assert key_of(lifter, "openvino", "cpu", "bf16").stale() == []


def test_another_version_makes_it_stale(lifter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _report(lifter, "int8")
    monkeypatch.setattr(openvino_backend, "version", lambda: "2099.1.0")
    with pytest.raises(ConfigError, match=r"openvino 2099\.1\.0"):
        choose_engine(lifter, LoadOptions(precision="int8"))


def test_a_report_of_other_weights_with_the_same_first_digits_is_not_believed(lifter: Path) -> None:
    key = _report(lifter, "int8")
    report = json.loads(key.report_file.read_text())
    key.report_file.write_text(json.dumps({**report, "sha256": key.sha256[:8] + "0" * 56}))
    assert key.report() is None


def test_a_report_without_its_engine_is_not_believed(lifter: Path) -> None:
    key = _report(lifter, "int8")
    key.file.unlink()
    assert key.report() is None
    key.report_file.write_text("{")
    assert key.report() is None


def test_backend_auto_says_what_and_why(lifter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    chosen = choose_backend(lifter)
    assert (chosen.backend, chosen.precision) == ("openvino", "auto")
    assert "svmac: fp32" in chosen.reason
    assert "no NVIDIA GPU" in chosen.reason
    _report(lifter, "int8")
    assert "int8 engine, reason of int8" in choose_backend(lifter).reason


def test_engines_lie_in_the_checkout_or_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(engine_files.ENGINES_DIR_VARIABLE)
    assert engine_files.engines_dir() == engine_files.ROOT / "engines" / "build"
    monkeypatch.setattr(engine_files, "ROOT", tmp_path)
    monkeypatch.setenv("RTPOSE_CACHE_DIR", str(tmp_path / "cache"))
    assert engine_files.engines_dir() == tmp_path / "cache" / "engines"


@pytest.fixture
def shipped(lifter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An int8 engine of `lifter` that comes with the program."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    monkeypatch.setattr(engine_files, "SHIPPED_FOLDER", folder)
    file = folder / "svmac-int8.xml"
    file.write_text("an engine")
    report = {"sha256": sha256_of(lifter), "reason": "1.8 x fp32", "figures": {"speedup": 1.8}}
    file.with_suffix(".json").write_text(json.dumps(report))
    return file


@pytest.mark.parametrize("precision", ["int8", "auto"])
def test_a_shipped_engine_is_taken_where_none_was_built(lifter: Path, shipped: Path, precision: str) -> None:
    choice = choose_engine(lifter, LoadOptions(precision=precision))
    assert (choice.file, choice.precision) == (shipped, "int8")
    assert "as shipped, 1.8 x fp32" in choice.reason
    own = _report(lifter, "int8", speedup=1.5)
    assert choose_engine(lifter, LoadOptions(precision=precision)).file == own.file


@pytest.mark.parametrize("precision", ["int8", "auto"])
def test_what_was_refused_here_is_not_taken_as_shipped(lifter: Path, shipped: Path, precision: str) -> None:
    _report(lifter, "int8", accepted=False)
    assert choose_engine(lifter, LoadOptions(precision=precision)).file == lifter


def test_a_shipped_engine_of_other_weights_is_not_taken(lifter: Path, shipped: Path) -> None:
    lifter.write_bytes(lifter.read_bytes() + b" ")
    assert choose_engine(lifter, LoadOptions(precision="auto")).file == lifter


def test_the_landmark_network_comes_with_an_engine() -> None:
    """It is of the shipped weights, and its joints of a real picture are those of fp32."""
    choice = choose_engine(FOLDER / "pose_landmark_full.tflite", LoadOptions(precision="auto"))
    assert choice.precision == "int8"
    with open_source(str(sample_clip())) as frames:
        frame = next(iter(frames))
    found = [open_detector("blazepose", options=LoadOptions(precision=p)).detect(frame) for p in ("fp32", "auto")]
    plain, engine = (people[0].keypoints for people in found)
    apart_px = np.linalg.norm(plain[:, :2] - engine[:, :2], axis=-1)
    assert 0 < np.median(apart_px) < 0.02 * np.ptp(plain[:, 1])
