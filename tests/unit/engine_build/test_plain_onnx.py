from pathlib import Path

import numpy as np
import pytest
from lifter_files import write_lifter

from rtpose.engine_build.plain_onnx import write_plain
from rtpose.errors import ConfigError, OutputError

onnx = pytest.importorskip("onnx", reason="needs the extra onnx")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra onnx")


@pytest.mark.slow
def test_another_program_runs_it(tmp_path: Path) -> None:
    """With its facts, weights as float32, and the same results as the file that it was made of."""
    source = write_lifter(tmp_path / "lifter.onnx", width=64)
    out = tmp_path / "plain.onnx"
    assert "points (N, 34) -> depth (N, 17)" in write_plain(str(source), out)
    model = onnx.load(str(out))
    assert {t.data_type for t in onnx.load(str(source)).graph.initializer} >= {onnx.TensorProto.FLOAT16}
    assert onnx.TensorProto.FLOAT16 not in {t.data_type for t in model.graph.initializer}
    assert {p.key: p.value for p in model.metadata_props}["skeleton"] == "h36m17"
    points = np.random.default_rng(0).normal(scale=0.1, size=(5, 34)).astype(np.float32)
    ours, theirs = (onnxruntime.InferenceSession(str(f)).run(None, {"points": points})[0] for f in (out, source))
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_what_cannot_be_written_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="TFLite"):
        write_plain("pose_landmark_full", tmp_path / "x.onnx")
    with pytest.raises(ConfigError, match="no lifter 'nothing'"):
        write_plain("nothing", tmp_path / "x.onnx")
    with pytest.raises(OutputError, match=r"ends in \.onnx"):
        write_plain("svmac", tmp_path / "x.pb")
    (tmp_path / "there.onnx").write_bytes(b"")
    with pytest.raises(OutputError, match="--overwrite"):
        write_plain("svmac", tmp_path / "there.onnx")
