"""The overlay video: real times, even sizes, the whole file or none."""

import errno
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from rtpose.errors import OutputError
from rtpose.outputs import video_file
from rtpose.outputs.overlay import OverlayVideo
from rtpose.types import Result

MakeResult = Callable[..., Result]


def read(path: Path) -> tuple[list[float], list[np.ndarray]]:
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    return [float(frame.time) for frame in frames], [frame.to_ndarray(format="rgb24") for frame in frames]


def record(path: Path, results: list[Result], **options: object) -> None:
    video = OverlayVideo(path, **{"overwrite": False, **options})
    for result in results:
        video.write(result)
    video.close()
    video.close()


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_times_stay_as_they_are(
    tmp_path: Path, make_result: MakeResult, monkeypatch: pytest.MonkeyPatch, suffix: str, codec: str
) -> None:
    if codec not in av.codecs_available:
        pytest.skip(f"this build of FFmpeg has no {codec}")
    monkeypatch.setattr(video_file, "_encoder", lambda: codec)
    times_s = [0.0, 0.04, 0.0734, 0.5, 0.52, 1.9, 2.0]
    path = tmp_path / f"out{suffix}"
    record(path, [make_result(i, (1,), pts_s=t) for i, t in enumerate(times_s)], fps=25.0)
    got_s, images = read(path)
    np.testing.assert_allclose(got_s, times_s, atol=0.0011)  # mkv counts milliseconds
    assert list(tmp_path.iterdir()) == [path]
    assert np.ptp(images[3].astype(int)) > 100, "nobody is drawn"


def test_a_rate_of_1001_is_exact(tmp_path: Path, make_result: MakeResult) -> None:
    path = tmp_path / "out.mp4"
    record(path, [make_result(i, pts_s=i * 1001 / 30000) for i in range(30)], fps=30000 / 1001)
    got_s, _ = read(path)
    np.testing.assert_allclose(got_s, np.arange(30) * 1001 / 30000, atol=1e-6)


def test_odd_sizes_and_sizes_that_change(tmp_path: Path, make_result: MakeResult) -> None:
    path = tmp_path / "out.mp4"
    sizes = [(101, 75), (101, 75), (50, 150), (300, 40), (1, 1)]
    record(path, [make_result(i, (), size=size) for i, size in enumerate(sizes)])
    _, images = read(path)
    assert [image.shape for image in images] == [(76, 102, 3)] * 5
    grey = [image > 30 for image in images]
    assert grey[0][:74, :100].all()
    assert not grey[2][:, :30].any(), "beside the tall picture it is black"
    assert grey[2][:, 45:55].all()
    assert not grey[3][:25].any(), "above the wide picture it is black"


def test_nothing_is_written_without_frames(tmp_path: Path) -> None:
    record(tmp_path / "out.mp4", [])
    assert list(tmp_path.iterdir()) == []


def test_said_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "old.mp4").write_bytes(b"old")
    with pytest.raises(OutputError, match="exists"):
        OverlayVideo(tmp_path / "old.mp4", overwrite=False)
    with pytest.raises(OutputError, match="does not exist"):
        OverlayVideo(tmp_path / "missing" / "out.mp4", overwrite=False)
    with pytest.raises(OutputError, match=r"written as \.mp4"):
        OverlayVideo(tmp_path / "out.gif", overwrite=False)


def test_the_older_file_stays_until_the_end(tmp_path: Path, make_result: MakeResult) -> None:
    path = tmp_path / "out.mp4"
    path.write_bytes(b"old")
    video = OverlayVideo(path, overwrite=True)
    for i in range(10):
        video.write(make_result(i))
    assert path.read_bytes() == b"old"
    video.close()
    assert len(read(path)[0]) == 10


def test_a_full_disk_leaves_the_older_file(
    tmp_path: Path, make_result: MakeResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.mp4"
    path.write_bytes(b"old")
    video = OverlayVideo(path, overwrite=True)
    video.write(make_result(0))

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(video_file, "_fit", full)
    with pytest.raises(OutputError, match=r"No space left.*unchanged"):
        video.write(make_result(1))
    video.write(make_result(2))
    video.close()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


PROGRAM = """
import resource, sys
from pathlib import Path
import numpy as np
from rtpose.errors import OutputError
from rtpose.outputs.overlay import OverlayVideo
from rtpose.types import Camera, Frame, Result

video = OverlayVideo(Path(sys.argv[1]), overwrite=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
rng = np.random.default_rng(0)
try:
    for i in range(60):
        image = rng.integers(0, 255, (240, 320, 3), np.uint8)
        video.write(Result(Frame(image, i, i, i / 30), Camera(1, 1, 1, 1), (), i))
    video.close()
except OutputError as error:
    print(error)
    video.close()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="file size limits are tried on Linux")
@pytest.mark.parametrize("limit", [30_000, 1_000_000])
def test_a_file_that_may_not_grow_leaves_the_older_one(tmp_path: Path, limit: int) -> None:
    path = tmp_path / "out.mp4"
    path.write_bytes(b"old")
    done = subprocess.run([sys.executable, "-c", PROGRAM, path, str(limit)], capture_output=True, text=True, check=True)
    assert "File too large" in done.stdout
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
