"""`rtpose export`, and what `--precision` says without an engine."""

from pathlib import Path

import numpy as np
import pytest
from clips import write_clip
from command import rtpose, rtpose_process

from rtpose.networks.engines import ENGINES_DIR_VARIABLE


@pytest.fixture(autouse=True)
def _engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENGINES_DIR_VARIABLE, str(tmp_path / "engines"))


def test_plain_onnx(tmp_path: Path) -> None:
    done = rtpose_process("export", "svmac", "svmac.onnx", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "points (N, 34) -> depth (N, 17)" in done.stdout
    assert (tmp_path / "svmac.onnx").is_file()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["export"], "nothing to export: --recipe NAME or --all"),
        (["export", "--recipe", "nothing"], "no recipe nothing: choose one of cascaded-bf16"),
        (["export", "svmac", "out.onnx", "--all"], "do not also name a network"),
        (["video", "in.mp4", "--precision", "int8"], "rtpose export --recipe pose_detection-int8"),
        (["video", "in.mp4", "--device", "gpus"], "choose one of cpu, gpu, npu"),
    ],
)
@pytest.mark.slow
def test_one_line_says_what_to_do(tmp_path: Path, arguments: list[str], said: str) -> None:
    write_clip(tmp_path / "in.mp4", [np.zeros((64, 64, 3), np.uint8)] * 2)
    done = rtpose(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
