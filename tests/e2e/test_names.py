"""Names of files that consoles, formats and reports find hard."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from clips import read_clip, write_clip
from command import COMMAND, LIMIT_S, environment, rtpose

from rtpose.assets import sample_clip

POSIX = pytest.mark.skipif(os.name != "posix", reason="Windows allows no such names")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Three frames."""
    return write_clip(tmp_path_factory.mktemp("names") / "a.mp4", read_clip(sample_clip(), 0, 3)).read_bytes()


def run_bytes(*args: str, cwd: Path, encoding: str) -> subprocess.CompletedProcess[bytes]:
    """The command with standard outputs of another encoding."""
    return subprocess.run(
        [*COMMAND, *args], cwd=cwd, env=environment(PYTHONIOENCODING=encoding), capture_output=True, timeout=LIMIT_S
    )


@POSIX
@pytest.mark.parametrize(
    ("name", "encoding"),
    [("走る", "cp1252"), (os.fsdecode(b"L\xe4ufer"), "utf-8:strict"), ("a\x1b[31m\nb [red]", "utf-8:strict")],
)
@pytest.mark.slow
def test_a_batch_does_every_name_and_reports_it(name: str, encoding: str, clip: bytes, tmp_path: Path) -> None:
    for stem in (name, "z"):
        (tmp_path / f"{stem}.mp4").write_bytes(clip)
    run = run_bytes(
        "video", f"{name}.mp4", "z.mp4", "-o", "out", "--overlay", "drawn", "--report", "r.json", "-q",
        cwd=tmp_path, encoding=encoding,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert b"\x1b[31m" not in run.stdout
    assert {file.name for file in (tmp_path / "out").iterdir()} == {f"{name}.npz", "z.npz"}
    assert {file.name for file in (tmp_path / "drawn").iterdir()} == {f"{name}.mp4", "z.mp4"}
    report = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert [video["state"] for video in report["videos"]] == ["done", "done"]


@POSIX
@pytest.mark.parametrize("name", ["take 2: [x] ä", "😀", os.fsdecode(b"L\xe4ufer"), "a\nb", "-"])
@pytest.mark.slow
def test_every_output_takes_every_name(name: str, clip: bytes, tmp_path: Path) -> None:
    (tmp_path / f"{name}.mp4").write_bytes(clip)
    run = rtpose("video", f"./{name}.mp4", "-o", f"{name}.npz", "--overlay", f"{name}.mkv", "-q", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    endings = (".json", ".csv", ".bvh", ".trc", ".c3d", ".glb", ".rtpose")
    for ending in endings:
        done = rtpose("convert", f"./{name}.npz", f"./{name}{ending}", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.splitlines()) == 1
    made = {file.name for file in tmp_path.iterdir()}
    assert made == {f"{name}{ending}" for ending in (".mp4", ".npz", ".mkv", *endings)}


@POSIX
def test_a_message_is_one_line_whatever_the_name(tmp_path: Path) -> None:
    run = rtpose("video", "no\nsuch\x1b[31m.mp4", cwd=tmp_path)
    assert run.returncode == 2
    assert len(run.stderr.splitlines()) == 1
    assert r"no\nsuch\x1b[31m.mp4" in run.stderr
