"""Many videos at once: the same files whoever makes them, and what is left when somebody dies."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from clips import Picture, count_frames, write_clip
from command import rtpose, running, wait_until
from ray_cluster import ray_cluster
from recording import Recording

from rtpose.batch import jobs

pytestmark = pytest.mark.slow

POSIX = pytest.mark.skipif(os.name != "posix", reason="Windows has no such signals between processes")
CLIPS, FRAMES, LONG_FRAMES = 40, 4, 60


def outputs(folder: Path) -> dict[str, bytes]:
    """Every file in a folder, also hidden ones."""
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def wait_for_half(folder: Path, name: str) -> int:
    """The process that is in the middle of a video, by the overlay that it has begun."""
    found: list[Path] = []

    def begun() -> bool:
        found[:] = folder.glob(f".{name}.*.half.mp4.*.part")
        return bool(found)

    wait_until(begun, f"the beginning of {name}")
    return int(found[0].name.split(".half")[0].rpartition("-")[2])


@pytest.fixture(scope="module")
def folder(sample_pictures: list[Picture], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `clips/`: 40 clips in three folders, each another piece of the sample, one of them longer."""
    folder = tmp_path_factory.mktemp("many")
    small = [picture[::2, ::2] for picture in sample_pictures]
    for number in range(CLIPS):
        place = folder / "clips" / f"take {number % 3}"
        place.mkdir(parents=True, exist_ok=True)
        frames = LONG_FRAMES if number == 1 else FRAMES
        write_clip(place / f"{number // 3}.mp4", small[3 * number : 3 * number + frames])
    (folder / "clips" / "take 1" / "0.mp4").rename(folder / "clips" / "take 1" / "long.mp4")
    return folder


@pytest.fixture(scope="module")
def local(folder: Path) -> dict[str, bytes]:
    """The files that one process makes of them."""
    run = rtpose("video", "clips/**/*.mp4", "--out", "local", cwd=folder)
    assert run.returncode == 0, run.stderr
    assert f"{CLIPS} videos: {CLIPS} done; {(CLIPS - 1) * FRAMES + LONG_FRAMES} frames" in run.stdout
    return outputs(folder / "local")


def test_each_clip_has_its_poses(folder: Path, local: dict[str, bytes]) -> None:
    clips = {clip.relative_to(folder / "clips").with_suffix(".npz").as_posix() for clip in folder.rglob("*.mp4")}
    assert set(local) == clips
    assert len(set(local.values())) == CLIPS, "every clip is another"
    recording = Recording(folder / "local" / "take 1" / "long.npz")
    assert len(recording) == LONG_FRAMES
    assert recording.seen.mean() > 0.9
    assert recording.meta["source"] == "clips/take 1/long.mp4"
    assert np.nanmax(recording.arrays["track_ids"]) == 0, "whatever was done before it"


def test_two_processes_one_bad_video_and_again(folder: Path, local: dict[str, bytes]) -> None:
    (folder / "clips" / "take 0" / "broken.mp4").write_bytes(b"no video")
    arguments = ("video", "clips/take 0/*.mp4", "--out", "two", "--workers", "2", "--report", "report.json")
    try:
        run = rtpose(*arguments, cwd=folder)
        assert run.returncode == 2
        wanted = {name.removeprefix("take 0/"): data for name, data in local.items() if name.startswith("take 0/")}
        assert outputs(folder / "two") == wanted
        assert "1 of 15 inputs failed" in run.stderr
        report = json.loads((folder / "report.json").read_text())
        assert report["counts"] == {"done": 14, "failed": 1}
        (failed,) = (video for video in report["videos"] if video["state"] == "failed")
        assert failed["input"] == os.path.join("clips", "take 0", "broken.mp4")
        assert "cannot be read" in failed["error"]
        assert failed["error"] in run.stderr

        # What a killed run leaves: a video without its file, and half a file.
        (folder / "two" / "3.npz").unlink()
        start = jobs._half_start(folder / "two" / "3.npz")
        (folder / "two" / f"{start}other-1.half.npz.part").write_bytes(b"half")
        (folder / "clips" / "take 0" / "broken.mp4").unlink()
        again = rtpose(*arguments, cwd=folder)
    finally:
        (folder / "clips" / "take 0" / "broken.mp4").unlink(missing_ok=True)
    assert again.returncode == 0, again.stderr
    assert "13 of 14 already done" in again.stdout
    assert outputs(folder / "two") == wanted
    assert json.loads((folder / "report.json").read_text())["counts"] == {"done": 1, "skipped": 13}


@POSIX
def test_ctrl_c_ends_all_and_keeps_what_is_done(short_clip: Path, long_clip: Path, tmp_path: Path) -> None:
    for name in ("b", "c"):
        (tmp_path / f"{name}.mp4").symlink_to(long_clip)
    (tmp_path / "a.mp4").symlink_to(short_clip)
    arguments = ("*.mp4", "--out", "out", "--overlay", "out", "--workers", "2", "--report", "report.json")
    with running("video", *arguments, cwd=tmp_path) as command:
        wait_until(lambda: (tmp_path / "out" / "a.npz").exists(), "the short clip's poses")
        workers = [wait_for_half(tmp_path / "out", name) for name in ("b", "c")]
        # As the terminal does it: every process gets the signal.
        for pid in workers:
            os.kill(pid, signal.SIGINT)
        assert command.end(signal.SIGINT) == 130
        assert "Traceback" not in "".join(command.stderr)
    assert not any(psutil.pid_exists(pid) for pid in workers)
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"a.npz", "a.mp4"}
    assert json.loads((tmp_path / "report.json").read_text())["counts"] == {"done": 1, "stopped": 2}


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """Address of a Ray cluster with three workers."""
    with ray_cluster(3) as address:
        yield address


@POSIX
def test_a_cluster_loses_nothing_when_a_worker_dies(folder: Path, local: dict[str, bytes], cluster: str) -> None:
    command = ("video", "clips/**/*.mp4", "--out", "ray", "--overlay", "drawn", "--cluster", cluster)
    with running(*command, cwd=folder) as run:
        killed = wait_for_half(folder / "drawn" / "take 1", "long")
        assert psutil.Process(killed).name().startswith("ray::")
        os.kill(killed, signal.SIGKILL)
        code = run.finish()
        said = "".join(run.stdout)
        assert code == 0, said + "".join(run.stderr)
    assert f"{CLIPS} videos: {CLIPS} done" in said
    assert "by 3 workers" in said
    assert outputs(folder / "ray") == local
    drawn = list((folder / "drawn").rglob("*.mp4"))
    assert len(drawn) == CLIPS
    assert count_frames(folder / "drawn" / "take 1" / "long.mp4") == LONG_FRAMES
    assert all(name.endswith(".mp4") and "half" not in name for name in outputs(folder / "drawn"))


def test_a_cluster_says_what_its_workers_cannot_read(folder: Path, cluster: str, tmp_path: Path) -> None:
    clip = folder / "clips" / "take 2" / "1.mp4"
    run = rtpose("video", clip, "gone.mp4", "--out", "out", "--cluster", cluster, cwd=tmp_path)
    assert run.returncode == 2
    assert "gone.mp4" in run.stderr
    assert "(on " in run.stderr, "the machine"
    assert list(outputs(tmp_path / "out")) == ["1.npz"]
