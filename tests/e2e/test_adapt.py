"""`rtpose adapt` as a command; what it learns is tested in tests/unit/train/adapt."""

from pathlib import Path

import numpy as np
import pytest
from clips import write_clip
from command import rtpose

pytest.importorskip("torch", reason="needs the extra 'train'")


def test_what_cannot_be_adapted(tmp_path: Path) -> None:
    write_clip(tmp_path / "empty.mp4", [np.full((120, 160, 3), 90, np.uint8)] * 4)
    heavy = rtpose("adapt", "empty.mp4", "--network", "heavy", cwd=tmp_path)
    assert (heavy.returncode, "choose lite or full" in heavy.stderr) == (2, True)
    alone = rtpose("adapt", "empty.mp4", "--together", cwd=tmp_path)
    assert (alone.returncode, "two cameras or more" in alone.stderr) == (2, True)
    other = rtpose("adapt", "empty.mp4", "--lifter", "svmac", cwd=tmp_path)
    assert (other.returncode, "is not a fusion lifter" in other.stderr) == (2, True)
    (tmp_path / "mine.onnx").write_bytes(b"mine")
    there = rtpose("adapt", "empty.mp4", "--out", "mine.onnx", cwd=tmp_path)
    assert (there.returncode, "exists" in there.stderr) == (2, True)
    assert (tmp_path / "mine.onnx").read_bytes() == b"mine"
