"""What a live run of several cameras records."""

from pathlib import Path
from typing import cast

import numpy as np
import pytest

from rtpose.cli.live_recording import LiveRecording, numbered
from rtpose.errors import OutputError
from rtpose.recordings import load_recording
from rtpose.recordings.npz import read_npz
from rtpose.server.server import PoseServer
from rtpose.types import Camera, Frame, Person3D, Result


class Page:
    """Stands for the server: what its pages are told."""

    def __init__(self) -> None:
        self.told: list[tuple[str | None, str]] = []
        self.written: list[Path] = []

    def set_recording(self, file: str | None, text: str = "", written: Path | None = None) -> None:
        self.told.append((file, text))
        if written is not None:
            self.written.append(written)


def result(number: int, source: int) -> Result:
    zeros = np.zeros((28, 3), np.float32)
    person = Person3D(source, zeros[0, [0, 1, 2, 0]], zeros, zeros, zeros[0] + 2, zeros[:, 0])
    frame = Frame(np.zeros((4, 6, 3), np.uint8), number, t_ns=number, pts_s=number / 30, source=source)
    return Result(frame, Camera(1, 1, 0, 0), (person,), t_done_ns=number)


def test_each_camera_has_files_of_its_own_and_the_page_begins_more(tmp_path: Path) -> None:
    folder = tmp_path / "from the page"
    folder.mkdir()
    recording = LiveRecording(tmp_path / "a.npz", None, folder, sources=2, overwrite=False)
    page = Page()
    recording.show_on(cast(PoseServer, page))
    recording.metas[1]["source"] = "camera 1"
    assert page.told == [(None, "")]
    for number in range(6):
        if number in (2, 4):
            recording.switch(number == 2)
        for source in (0, 1):
            for sink in recording.sinks[source]:
                sink.write(result(number, source))
    for sinks in recording.sinks:
        for sink in sinks:
            sink.close()
    assert [file and file.name for file in recording.files] == ["a-0.npz", "a-1.npz"]
    for source in (0, 1):
        poses = read_npz(tmp_path / f"a-{source}.npz")
        assert poses.frame_ids.tolist() == list(range(6))
        assert set(poses.track_ids.ravel().tolist()) == {source}
    begun = sorted(folder.iterdir())
    assert len(begun) == 2
    of_sources = {int(poses.track_ids[0, 0]): poses for poses in map(load_recording, begun)}
    assert of_sources[1].frame_ids.tolist() == of_sources[0].frame_ids.tolist() == [2, 3]
    assert of_sources[1].meta["source"] == "camera 1"
    assert {name for file, _ in page.told if file for name in file.split(", ")} == {file.name for file in begun}
    assert page.told[-1][0] is None
    assert page.written[-1] in begun, "pages cannot fetch what was written"
    assert "2 frames" in page.told[-1][1]


def test_what_cannot_be_recorded(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"\.rtpose or \.npz"):
        LiveRecording(tmp_path / "a.mp4", None, tmp_path, sources=1, overwrite=False)
    with pytest.raises(OutputError, match="no folder"):
        LiveRecording(None, None, tmp_path / "gone", sources=1, overwrite=False)
    (tmp_path / "a-1.rtpose").touch()
    with pytest.raises(OutputError, match=r"a-1\.rtpose exists"):
        LiveRecording(tmp_path / "a.rtpose", None, tmp_path, sources=2, overwrite=False)


def test_each_source_has_its_file() -> None:
    assert numbered(Path("a/poses.npz"), 1, 3) == Path("a/poses-1.npz")
    assert numbered(Path("poses.npz"), 0, 1) == Path("poses.npz")
    assert numbered(None, 0, 2) is None
