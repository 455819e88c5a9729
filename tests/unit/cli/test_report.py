"""`rtpose report`: the files it writes, the video it finds, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from exercise_recordings import SIZE, make_recording, squatting, standing

from rtpose.cli.report import report
from rtpose.errors import ConfigError, InputError, OutputError
from rtpose.recordings.npz import write_npz
from rtpose.recordings.recording import Recording

TIMES = np.arange(0, 9, 0.2)


def saved(path: Path, recording: Recording) -> Path:
    with path.open("wb") as file:
        write_npz(file, recording)
    return path


def write_video(path: Path, size: tuple[int, int] = SIZE) -> None:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for number in range(len(TIMES)):
            picture = np.full((size[1], size[0], 3), number * 5, np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture)):
                out.mux(packet)
        for packet in stream.encode():
            out.mux(packet)


def test_it_finds_the_video_beside_the_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    meta = {"source": "/elsewhere/squats.mp4"}
    recording = saved(tmp_path / "poses.npz", make_recording(TIMES, [squatting(TIMES, 3)], **meta))
    write_video(tmp_path / "squats.mp4")
    report(recording, csv=tmp_path / "angles.csv")
    html = (tmp_path / "poses.html").read_text(encoding="utf-8")
    assert html.count("data:image/jpeg;base64,") == 7  # before and at each of three peaks, and the end
    assert "squats.mp4" in html
    assert "/elsewhere" not in html
    assert "person 0: repetitions 3 by " in capsys.readouterr().out
    assert (tmp_path / "angles.csv").stat().st_size > 0
    assert (tmp_path / "angles-summary.csv").stat().st_size > 0

    report(recording, out=tmp_path / "none.html", pictures=False)
    assert "data:image" not in (tmp_path / "none.html").read_text(encoding="utf-8")


def test_another_video_gives_no_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recording = saved(tmp_path / "poses.npz", make_recording(TIMES, [squatting(TIMES, 3)]))
    write_video(tmp_path / "poses.mp4", (320, 240))
    report(recording)
    assert "no pictures" in capsys.readouterr().err
    assert "data:image" not in (tmp_path / "poses.html").read_text(encoding="utf-8")
    with pytest.raises(InputError, match="is not the video of this recording"):
        report(recording, out=tmp_path / "b.html", video=tmp_path / "poses.mp4")
    assert not (tmp_path / "b.html").exists()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    recording = saved(tmp_path / "poses.npz", make_recording(TIMES, [squatting(TIMES, 3)]))
    (tmp_path / "a-summary.csv").write_text("mine")
    with pytest.raises(OutputError, match="exists"):
        report(recording, csv=tmp_path / "a.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-summary.csv", "poses.npz"]
    report(recording, csv=tmp_path / "a.csv", overwrite=True)
    assert (tmp_path / "a-summary.csv").read_text() != "mine"


def test_people_seen_for_a_moment_are_left_out_unless_asked_for(tmp_path: Path) -> None:
    recording = saved(tmp_path / "poses.npz", make_recording(TIMES, [squatting(TIMES, 3), standing(3)]))
    report(recording)
    html = (tmp_path / "poses.html").read_text(encoding="utf-8")
    assert "Left out: 1 person who was seen for less than 1 s." in html
    report(recording, out=tmp_path / "b.html", person=1)
    assert "No angle was sure enough." in (tmp_path / "b.html").read_text(encoding="utf-8")


def test_what_cannot_be(tmp_path: Path) -> None:
    recording = saved(tmp_path / "poses.npz", make_recording(TIMES, [squatting(TIMES, 3)]))
    with pytest.raises(OutputError, match=r"written as \.html"):
        report(recording, out=tmp_path / "a.pdf")
    with pytest.raises(ConfigError, match="no angle 'knee': choose one of knee_flexion, hip_flexion"):
        report(recording, angle="knee")
    with pytest.raises(InputError, match="has no person 4: it has 0"):
        report(recording, person=4)
    empty = saved(tmp_path / "empty.npz", make_recording(np.empty(0), []))
    with pytest.raises(InputError, match="no frames"):
        report(empty)
