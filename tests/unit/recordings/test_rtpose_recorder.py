"""Recordings that are cut off by everything that cuts one off, and the switch."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rtpose.errors import OutputError
from rtpose.recordings.disk_space import LOW_BYTES, RESERVE_BYTES, DiskWatch
from rtpose.recordings.rtpose_file import END, MAGIC, read_rtpose
from rtpose.recordings.rtpose_recorder import RtposeRecorder, SwitchedRecorder
from rtpose.types import Result

MakeResult = Callable[..., Result]
LIMIT_S = 20


class Told:
    """What a recorder has said."""

    def __init__(self) -> None:
        self.said: list[tuple[str | None, str]] = []
        self._changed = threading.Condition()

    def __call__(self, file: str | None, text: str) -> None:
        with self._changed:
            self.said.append((file, text))
            self._changed.notify_all()

    def wait(self, pattern: str) -> tuple[str | None, str]:
        with self._changed:
            assert self._changed.wait_for(lambda: any(re.search(pattern, text) for _, text in self.said), LIMIT_S), (
                f"{pattern!r} was not said: {self.said}"
            )
            return next(said for said in self.said if re.search(pattern, said[1]))


def test_every_frame_and_what_is_known_at_the_end(tmp_path: Path, make_result: MakeResult) -> None:
    drops: dict[str, int] = {}
    told = Told()
    recorder = RtposeRecorder(
        tmp_path / "a.rtpose", overwrite=False, meta=lambda: {"source": "camera 0", "drops": drops}, notify=told
    )
    results = [make_result(3 * t, ids) for t, ids in enumerate([(4, 9), (), (9,), (9, 4)])]
    for result in results:
        recorder.write(result)
    drops["late"] = 7
    recorder.close()
    recorder.close()
    recorder.write(results[0])
    read = read_rtpose(tmp_path / "a.rtpose")
    assert (read.complete, read.lost_bytes) == (True, 0)
    poses = read.recording
    assert poses.frame_ids.tolist() == [0, 3, 6, 9]
    assert poses.track_ids.tolist() == [[4, 9], [-1, -1], [-1, 9], [4, 9]]
    np.testing.assert_array_equal(poses.poses_3d[3, 1], results[3].persons[0].pose_3d)
    np.testing.assert_array_equal(poses.keypoints_2d[0, 0], results[0].persons[0].keypoints_2d)
    assert (poses.image_size, poses.camera.fx) == ((200, 200), 500)
    assert (poses.meta["source"], poses.meta["drops"], poses.meta["frames"]) == ("camera 0", {"late": 7}, 4)
    assert told.said == [("a.rtpose", ""), (None, "a.rtpose: 4 frames")]
    assert list(tmp_path.iterdir()) == [tmp_path / "a.rtpose"]


def test_it_is_on_the_disk_while_it_runs(
    tmp_path: Path, make_result: MakeResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written soon after it came, and synced at least twice a second, also if no more frames come."""
    synced: list[float] = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda number: (synced.append(time.monotonic()), fsync(number)))
    path = tmp_path / "a.rtpose"
    recorder = RtposeRecorder(path, overwrite=False)
    recorder.write(make_result(0, (1,)))
    recorder.write(make_result(1, (1,)))
    deadline_s = time.monotonic() + LIMIT_S
    while not (path.exists() and path.stat().st_size > len(MAGIC)) or len(synced) < 3:
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    read = read_rtpose(path)
    assert not read.complete
    assert read.recording.meta["cut_off"] is True
    assert read.recording.frame_ids.tolist() == [0, 1]
    assert np.median(np.diff(synced)) < 0.6
    recorder.close()
    assert read_rtpose(path).complete


def test_nothing_came(tmp_path: Path) -> None:
    (tmp_path / "old.rtpose").write_bytes(b"old")
    told = Told()
    RtposeRecorder(tmp_path / "old.rtpose", overwrite=True, notify=told).close()
    assert (tmp_path / "old.rtpose").read_bytes() == b"old"
    assert told.said[-1] == (None, "old.rtpose: nothing was recorded")


def test_said_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "old.rtpose").write_bytes(b"old")
    with pytest.raises(OutputError, match=r"exists: .*--overwrite"):
        RtposeRecorder(tmp_path / "old.rtpose", overwrite=False)
    with pytest.raises(OutputError, match="does not exist"):
        RtposeRecorder(tmp_path / "missing" / "a.rtpose", overwrite=False)


# The disk


class Disk:
    """Room by hand, looked at again and again."""

    def __init__(self) -> None:
        self.free = 10**12
        self._now_s = 0.0

    def watch(self, folder: Path) -> DiskWatch:
        def clock() -> float:
            self._now_s += 1
            return self._now_s

        return DiskWatch(folder, free_bytes=lambda folder: self.free, clock=clock)


def test_a_disk_that_fills_up(tmp_path: Path, make_result: MakeResult) -> None:
    disk, told = Disk(), Told()
    recorder = RtposeRecorder(tmp_path / "a.rtpose", overwrite=False, watch=disk.watch(tmp_path), notify=told)
    recorder.write(make_result(0, (1,)))
    disk.free = LOW_BYTES - 1
    assert told.wait("nearly full")[0] == "a.rtpose", "it still records"
    recorder.write(make_result(1, (1,)))
    time.sleep(0.3)
    disk.free = RESERVE_BYTES
    assert told.wait("ended early: disk nearly full: 32 MB free") == (
        None, "a.rtpose: 2 frames; it ended early: disk nearly full: 32 MB free"
    )  # fmt: skip
    recorder.write(make_result(2, (1,)))  # the run goes on
    recorder.close()
    read = read_rtpose(tmp_path / "a.rtpose")
    assert read.complete
    assert read.recording.frame_ids.tolist() == [0, 1]


def test_a_disk_that_is_full_already(tmp_path: Path, make_result: MakeResult) -> None:
    disk, told = Disk(), Told()
    disk.free = 0
    recorder = RtposeRecorder(tmp_path / "a.rtpose", overwrite=False, watch=disk.watch(tmp_path), notify=told)
    told.wait("nothing was recorded; it ended early: disk nearly full: 0 MB free")
    recorder.write(make_result(0, (1,)))
    recorder.close()
    assert list(tmp_path.iterdir()) == []


PROGRAM = textwrap.dedent(
    """
    import os, resource, sys, time
    from pathlib import Path
    import numpy as np
    from rtpose.recordings.rtpose_file import read_rtpose
    from rtpose.recordings.rtpose_recorder import RtposeRecorder
    from rtpose.types import Camera, Frame, Person3D, Result

    def result(i, pts_s):
        numbers = np.full((28, 3), i, np.float32)
        people = tuple(Person3D(k, numbers[:4, 0], numbers, numbers, numbers[0], numbers[:, 0]) for k in (1, 2))
        return Result(Frame(np.zeros((2, 2, 3), np.uint8), i, 0, pts_s), Camera(1, 1, 1, 1), people, 0)
    """
)
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="file size limits and kill -9 are tried on Linux")


@ON_LINUX
@pytest.mark.slow
def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    """A real limit, in the middle of a chunk: the file is closed behind its last whole one."""
    program = PROGRAM + textwrap.dedent(
        """
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        recorder = RtposeRecorder(Path(sys.argv[1]), overwrite=False, notify=lambda file, text: print(text, flush=True))
        for i in range(300):
            recorder.write(result(i, i / 30))
            time.sleep(0.005)
            while i == 20 and not (os.path.exists(sys.argv[1]) and os.path.getsize(sys.argv[1])):
                time.sleep(0.01)  # until the first chunk is in the file
        recorder.close()
        """
    )
    path = tmp_path / "a.rtpose"
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    said = re.search(r"a.rtpose: (\d+) frames; it ended early: writing failed \(File too large\)", done.stdout)
    assert said, done.stdout
    read = read_rtpose(path)
    assert (read.complete, read.lost_bytes) == (True, 0)
    assert len(read.recording.frame_ids) == int(said[1]) > 10
    assert read.recording.frame_ids.tolist() == list(range(int(said[1])))


@ON_LINUX
@pytest.mark.slow
def test_kill_9_at_20_random_moments(tmp_path: Path) -> None:
    """20 processes that record 60 frames a second: each file opens, and lacks at most the last second."""
    program = PROGRAM + textwrap.dedent(
        """
        for process in range(20):
            if os.fork():
                continue
            recorder = RtposeRecorder(Path(sys.argv[1]) / f"{process}.rtpose", overwrite=False)
            for i in range(10**6):
                recorder.write(result(i, time.monotonic()))
                if i == 0:
                    os.write(1, f"{process} {os.getpid()}\\n".encode())
                time.sleep(1 / 60)
        for process in range(20):
            os.wait()
        """
    )
    random_s = random.Random(6)
    killed_s: dict[int, float] = {}
    with subprocess.Popen([sys.executable, "-c", program, tmp_path], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        lines = [parent.stdout.readline().split() for _ in range(20)]
        start_s = time.monotonic()
        moments = sorted((start_s + random_s.uniform(0.2, 3), int(process), int(pid)) for process, pid in lines)
        for moment_s, process, pid in moments:
            time.sleep(max(0.0, moment_s - time.monotonic()))
            killed_s[process] = time.monotonic()
            os.kill(pid, signal.SIGKILL)
    assert parent.returncode == 0
    lost_s = []
    for process, when_s in killed_s.items():
        read = read_rtpose(tmp_path / f"{process}.rtpose")
        assert not read.complete
        poses = read.recording
        assert poses.frame_ids.tolist() == list(range(len(poses.frame_ids)))
        ids = poses.frame_ids[:, None, None, None]
        assert (poses.poses_3d == ids).all(), "not what was recorded"
        lost_s.append(when_s - poses.timestamps_s[-1])
    assert max(lost_s) <= 1
    assert min(lost_s) >= -1 / 60, "frames from after the end"


# The switch


def test_a_page_switches_it_on_and_off(tmp_path: Path, make_result: MakeResult) -> None:
    told = Told()
    switched = SwitchedRecorder(tmp_path, meta=lambda: {"source": "camera 0"}, notify=told)
    switched.write(make_result(0, (1,)))
    assert switched.file is None
    switched.switch(True)
    first = switched.file
    assert first is not None
    assert re.fullmatch(r"rtpose-\d{8}-\d{6}\.rtpose", first)
    switched.switch(True)  # twice is once
    assert switched.file == first
    switched.write(make_result(1, (1,)))
    switched.write(make_result(2, (1,)))
    switched.switch(False)
    assert told.wait("2 frames") == (None, f"{first}: 2 frames")
    switched.write(make_result(3, (1,)))
    deadline_s = time.monotonic() + LIMIT_S
    while switched.file is None:  # its thread may still be on its last line
        assert time.monotonic() < deadline_s
        switched.switch(True)
    second = switched.file
    switched.write(make_result(4, (1,)))
    switched.close()
    assert second != first
    assert {path.name for path in tmp_path.iterdir()} == {first, second}
    assert read_rtpose(tmp_path / first).recording.frame_ids.tolist() == [1, 2]
    assert read_rtpose(tmp_path / second).recording.frame_ids.tolist() == [4]
    assert read_rtpose(tmp_path / second).recording.meta["source"] == "camera 0"


def test_a_name_that_is_given(tmp_path: Path, make_result: MakeResult) -> None:
    switched = SwitchedRecorder(tmp_path)
    switched.start(tmp_path / "session.rtpose")
    assert switched.file == "session.rtpose"
    switched.write(make_result(0, (1,)))
    switched.close()
    with pytest.raises(OutputError, match="exists"):
        switched.start(tmp_path / "session.rtpose")


def test_a_folder_that_is_gone_is_reported(tmp_path: Path) -> None:
    told = Told()
    switched = SwitchedRecorder(tmp_path / "gone", notify=told)
    switched.switch(True)
    switched.switch(False)
    switched.close()
    ((file, text),) = told.said
    assert file is None
    assert "does not exist" in text


def test_one_source_of_several(tmp_path: Path, make_result: MakeResult) -> None:
    """Times of two sources would not go forward."""
    from dataclasses import replace

    switched = SwitchedRecorder(tmp_path, source=1)
    switched.start()
    for i in range(4):
        result = make_result(i, (1,), pts_s=10 - i if i % 2 == 0 else i)
        switched.write(replace(result, frame=replace(result.frame, source=i % 2)))
    switched.close()
    (path,) = tmp_path.iterdir()
    assert path.name.endswith("-source1.rtpose")
    assert read_rtpose(path).recording.frame_ids.tolist() == [1, 3]


def test_the_end_says_only_what_has_changed(tmp_path: Path, make_result: MakeResult) -> None:
    """It has to fit where little room is left."""
    path = tmp_path / "a.rtpose"
    recorder = RtposeRecorder(path, overwrite=False, meta=lambda: {"assumptions": ["long " * 100]})
    recorder.write(make_result(0, (1,)))
    recorder.close()
    data = path.read_bytes()
    at = read_rtpose(path).frames_end
    assert data[at + 8] == END
    assert json.loads(data[at + 9 :]) == {"meta": {"frames": 1}}


def test_a_file_that_appears_before_the_first_frame_is_kept(tmp_path: Path, make_result: MakeResult) -> None:
    told = Told()
    recorder = RtposeRecorder(tmp_path / "a.rtpose", overwrite=False, notify=told)
    (tmp_path / "a.rtpose").write_bytes(b"of another program")
    recorder.write(make_result(0, (1,)))
    recorder.close()
    assert (tmp_path / "a.rtpose").read_bytes() == b"of another program"
    assert read_rtpose(tmp_path / "a-2.rtpose").complete
    assert ("a-2.rtpose", "a.rtpose was created by another program: recording to a-2.rtpose") in told.said
