"""`rtpose data render` and `rtpose data clips` say what is wrong before anything is rendered."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from asf_files import amc_text, asf_text
from command import rtpose

from rtpose.train.data.readers.cmu_angles import prepare_cmu_angles

pytest.importorskip("anny", reason="the extra synth is not installed")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--size", "12"], "give width x height"),
        (["--size", "8x8"], "too small"),
        (["--people", "9"], "give 1 to 4"),
        (["--group", "--people", "1"], "give 2 to 4"),
        (["--count", "0"], "must be 1 or more"),
        ([], "no motion pack no.npz"),
        (["--motions", "places.npz"], "places.npz is no pack of joint angles"),
        (["--motions", "angles.npz", "--test"], "no clips of the test subjects 05, 17, 131"),
    ],
)
def test_wrong_options_are_one_line(tmp_path: Path, options: list[str], expected: str) -> None:
    check("render", tmp_path, options, expected)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--count", "0"], "must be 1 or more"),
        (["--workers", "0"], "must be 1 or more"),
        (["--frames", "1"], "give 2 to 64"),
        ([], "no motion pack no.npz"),
        (["--network", "huge"], "no network 'huge': choose one of full, heavy, lite"),
        (["--motions", "angles.npz", "--test"], "no clips of the test subjects 05, 17, 131"),
        (["--motions", "angles.npz", "--positions", "no.npz"], "no motion pack no.npz"),
        (["--motions", "angles.npz", "--positions", "angles.npz"], "angles.npz is no pack of joint positions"),
    ],
)
def test_wrong_options_of_clips_are_one_line(tmp_path: Path, options: list[str], expected: str) -> None:
    check("clips", tmp_path, options, expected)


def check(command_name: str, tmp_path: Path, options: list[str], expected: str) -> None:
    np.savez(tmp_path / "places.npz", joints=np.zeros(3))
    (tmp_path / "cmu").mkdir()
    (tmp_path / "cmu" / "01.asf").write_text(asf_text())
    (tmp_path / "cmu" / "01_01.amc").write_text(amc_text([{"root": "0 17 0 0 0 0"}] * 40))
    prepare_cmu_angles(tmp_path / "cmu", tmp_path / "angles.npz")
    run = rtpose("data", command_name, "out", "--motions", "no.npz", *options, cwd=tmp_path)
    assert run.returncode == 2
    assert expected in run.stderr
    assert len(run.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists(), "a first mistake leaves nothing that stands in the next try's way"
