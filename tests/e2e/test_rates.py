"""Frame rates that the user gives, and what a source assumed, as the command says it."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
from clips import read_clip
from command import rtpose, rtpose_process
from recording import Recording

from rtpose.assets import sample_clip


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three pictures."""
    folder = tmp_path_factory.mktemp("rates")
    (folder / "frames").mkdir()
    for number, picture in enumerate(read_clip(sample_clip(), 0, 3)):
        cv2.imwrite(str(folder / "frames" / f"{number}.png"), picture[..., ::-1])
    return folder


def test_the_rate_of_pictures_can_be_given(pictures: Path) -> None:
    run = rtpose_process("video", "frames", "--fps", "120", "-o", "fast.npz", "-q", cwd=pictures)
    assert (run.returncode, run.stderr) == (0, "")
    made = Recording(pictures / "fast.npz")
    assert made.meta["fps"] == 120
    assert made.arrays["timestamps_s"].tolist() == pytest.approx([0, 1 / 120, 2 / 120])


@pytest.mark.parametrize("more", [[], ["--report", "report.json"]])
def test_an_assumed_rate_is_said_once(more: list[str], pictures: Path) -> None:
    run = rtpose("video", "frames", *more, "-q", "--overwrite", cwd=pictures)
    assert run.returncode == 0, run.stderr
    (line,) = run.stderr.splitlines()
    assert line.startswith("rtpose: warning: '")
    assert "30 pictures a second assumed; --fps sets it" in line


@pytest.mark.parametrize("rate", ["0", "-5", "1e6", "nan"])
def test_a_rate_that_no_camera_has(rate: str, pictures: Path) -> None:
    run = rtpose("video", "frames", "--fps", rate, "-o", "never.npz", cwd=pictures)
    assert run.returncode == 2
    assert "is not a possible camera rate" in run.stderr
    assert len(run.stderr.splitlines()) == 1
    assert not (pictures / "never.npz").exists()
