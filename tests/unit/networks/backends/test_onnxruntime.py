from pathlib import Path

import numpy as np
import pytest
from lifter_files import write_lifter

from rtpose.errors import ConfigError, ModelError
from rtpose.networks.backends import load_backend
from rtpose.networks.options import LoadOptions

onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra onnx")


@pytest.fixture(scope="module")
def lifter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lifter(tmp_path_factory.mktemp("lifter") / "small.onnx", width=8)


@pytest.mark.slow
def test_it_gives_what_openvino_gives(lifter: Path) -> None:
    points = np.random.default_rng(0).normal(size=(7, 34))
    ours, other = (load_backend(lifter, LoadOptions(name, threads=1)) for name in ("onnxruntime", "openvino"))
    np.testing.assert_allclose(ours.run({"points": points})["depth"], other.run({"points": points})["depth"], atol=1e-4)
    assert ours.input_shapes == other.input_shapes
    assert ours.metadata == other.metadata
    assert list(ours.output_names) == ["depth"]


def test_only_wanted_outputs(lifter: Path) -> None:
    assert list(load_backend(lifter, LoadOptions("onnxruntime", outputs=("depth",))).output_names) == ["depth"]
    with pytest.raises(ModelError, match="has the outputs depth, not heat"):
        load_backend(lifter, LoadOptions("onnxruntime", outputs=("heat",)))


def test_a_device_that_the_wheel_has_not(lifter: Path) -> None:
    from rtpose.networks.backends.onnxruntime import devices

    assert "cpu" in devices()
    if "directml" not in devices():
        with pytest.raises(ConfigError, match="install onnxruntime-directml"):
            load_backend(lifter, LoadOptions("onnxruntime", device="directml"))
    with pytest.raises(ConfigError, match="no device 'tpu'"):
        load_backend(lifter, LoadOptions("onnxruntime", device="tpu"))
    with pytest.raises(ConfigError, match="not bf16"):
        load_backend(lifter, LoadOptions("onnxruntime", precision="bf16"))


def test_files_that_it_cannot_read(tmp_path: Path) -> None:
    (tmp_path / "x.tflite").write_bytes(b"x")
    (tmp_path / "x.onnx").write_bytes(b"x")
    with pytest.raises(ModelError, match=r"reads \.onnx"):
        load_backend(tmp_path / "x.tflite", LoadOptions("onnxruntime"))
    with pytest.raises(ModelError, match="cannot run"):
        load_backend(tmp_path / "x.onnx", LoadOptions("onnxruntime"))
    with pytest.raises(ModelError, match="no network file"):
        load_backend(tmp_path / "missing.onnx", LoadOptions("onnxruntime"))
