"""`rtpose data render` tells users what is wrong before anything is drawn."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("anny", reason="the extra synth is not installed")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--size", "12"], "give width x height"),
        (["--size", "8x8"], "too small"),
        (["--people", "9"], "give 1 to 4"),
        (["--group", "--people", "1"], "give 2 to 4"),
        (["--count", "0"], "give 1 or more"),
        ([], "no motion pack no.npz"),
    ],
)
def test_wrong_options_are_one_line(tmp_path: Path, options: list[str], expected: str) -> None:
    command = [sys.executable, "-m", "rtpose", "data", "render", str(tmp_path / "out"), "--motions", "no.npz", *options]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert run.returncode == 2
    assert expected in run.stderr
    assert len(run.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists(), "a first mistake leaves nothing that stands in the next try's way"
