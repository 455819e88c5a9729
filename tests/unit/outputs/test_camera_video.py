"""The camera's picture beside a recording: its times, a killed program, a full disk."""

import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from rtpose.errors import OutputError
from rtpose.outputs.camera_video import CameraVideo
from rtpose.recordings.disk_space import RESERVE_BYTES, DiskWatch
from rtpose.recordings.rtpose_file import read_rtpose
from rtpose.recordings.rtpose_recorder import RtposeRecorder
from rtpose.types import Result

MakeResult = Callable[..., Result]


def read(path: Path) -> tuple[list[float], list[np.ndarray]]:
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    return [float(frame.time) for frame in frames], [frame.to_ndarray(format="rgb24") for frame in frames]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_the_picture_alone_on_the_recordings_clock(tmp_path: Path, make_result: MakeResult, suffix: str) -> None:
    times_s = [12.5, 12.54, 12.5734, 13.0, 13.02, 15.9, 16.0]
    video = CameraVideo(tmp_path / f"out{suffix}", overwrite=False, fps=25.0)
    recorder = RtposeRecorder(tmp_path / "out.rtpose", overwrite=False)
    for i, time_s in enumerate(times_s):
        result = make_result(i, (1,), pts_s=time_s)
        video.write(result)
        recorder.write(result)
    video.close()
    recorder.close()
    video.close()
    got_s, images = read(tmp_path / f"out{suffix}")
    np.testing.assert_allclose(got_s, read_rtpose(tmp_path / "out.rtpose").recording.timestamps_s, atol=0.0011)
    assert max(np.ptp(image.astype(int)) for image in images) < 20, "somebody is drawn"


def test_said_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "old.mp4").write_bytes(b"old")
    with pytest.raises(OutputError, match="exists"):
        CameraVideo(tmp_path / "old.mp4", overwrite=False)
    with pytest.raises(OutputError, match=r"the camera's video is written as .mp4"):
        CameraVideo(tmp_path / "out.gif", overwrite=False)
    CameraVideo(tmp_path / "old.mp4", overwrite=True).close()
    assert (tmp_path / "old.mp4").read_bytes() == b"old", "no frame came"


def test_a_full_disk_ends_it_properly(tmp_path: Path, make_result: MakeResult) -> None:
    free = [10**12]
    now_s = iter(range(1000))
    watch = DiskWatch(tmp_path, free_bytes=lambda folder: free[0], clock=lambda: float(next(now_s)))
    told: list[str] = []
    video = CameraVideo(tmp_path / "out.mp4", overwrite=False, watch=watch, notify=told.append)
    for i in range(5):
        video.write(make_result(i))
    free[0] = RESERVE_BYTES + 2**20
    video.write(make_result(5))
    assert told == ["disk nearly full: 33 MB free"]
    free[0] = RESERVE_BYTES
    for i in range(6, 9):
        video.write(make_result(i))
    video.close()
    assert told[1:] == ["out.mp4 ended early: disk nearly full: 32 MB free"]
    assert len(read(tmp_path / "out.mp4")[0]) == 6


PROGRAM = """
    import sys, time
    from pathlib import Path
    import numpy as np
    from rtpose.outputs.camera_video import CameraVideo
    from rtpose.types import Camera, Frame, Result

    video = CameraVideo(Path(sys.argv[1]), overwrite=False, fps=30)
    start = time.monotonic()
    for i in range(10**6):
        image = np.full((48, 64, 3), i % 200, np.uint8)
        video.write(Result(Frame(image, i, 0, time.monotonic() - start), Camera(1, 1, 1, 1), (), 0))
        print(time.monotonic() - start, flush=True)
        time.sleep(1 / 60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="kill -9 is tried on Linux")
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.slow
def test_killed_in_the_middle(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), path], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        last_s = 0.0
        for line in process.stdout:
            last_s = float(line)
            if last_s > 1.5:
                process.send_signal(signal.SIGKILL)
                break
    got_s, images = read(path)
    assert last_s - got_s[-1] < 1
    assert [round(float(image.mean())) for image in images[:20]] == pytest.approx(list(range(20)), abs=2)


def test_a_file_that_appears_before_the_first_frame_is_kept(tmp_path: Path, make_result: MakeResult) -> None:
    messages: list[str] = []
    video = CameraVideo(tmp_path / "out.mp4", overwrite=False, notify=messages.append)
    (tmp_path / "out.mp4").write_bytes(b"of another program")
    for i in range(3):
        video.write(make_result(i, (1,), pts_s=i / 25))
    video.close()
    assert (tmp_path / "out.mp4").read_bytes() == b"of another program"
    assert len(read(tmp_path / "out-2.mp4")[0]) == 3
    assert messages == ["out.mp4 was created by another program: writing out-2.mp4"]
