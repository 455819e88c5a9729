"""What came of many videos, as a table and as JSON."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from rtpose.batch.jobs import Job, Outcome
from rtpose.batch.report import make_report, open_report, report_table, total_line, write_report
from rtpose.errors import OutputError
from rtpose.pipeline import Summary
from rtpose.types import SourceStats

PLACE = Path("/videos")
DONE = Summary(
    frames=90, frames_with_people=60, most_people=2, wall_s=3.0, stats=SourceStats(dropped={"damaged": 1})
)  # fmt: skip
OUTCOMES = [
    Outcome(Job("[a].mp4", Path("a.npz"), Path("a.mkv"), PLACE), "done", DONE),
    Outcome(
        Job("b.mp4", Path("b.npz"), None, PLACE), "skipped", Summary(frames=7, frames_with_people=7, most_people=1)
    ),
    Outcome(Job("c.mp4", Path("c.npz"), None, PLACE), "failed", error="no such file"),
    Outcome(Job("d.mp4", Path("d.npz"), None, PLACE), "stopped"),
]


def test_json(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    file.write_text("an older one")
    write_report(open_report(file), make_report(OUTCOMES, wall_s=6.0, workers=2))
    read = json.loads(file.read_text())
    assert read["counts"] == {"done": 1, "skipped": 1, "failed": 1, "stopped": 1}
    assert (read["frames"], read["fps"], read["workers"], read["format"]) == (90, 15.0, 2, 1)
    assert read["videos"][0] == {
        "input": "[a].mp4", "output": "a.npz", "overlay": "a.mkv", "state": "done", "frames": 90,
        "frames_with_people": 60, "people": 2, "wall_s": 3.0, "fps": 30.0, "dropped": {"damaged": 1}, "error": None,
    }  # fmt: skip
    assert (read["videos"][1]["frames"], read["videos"][1]["fps"]) == (7, None)
    assert (read["videos"][2]["frames"], read["videos"][2]["error"]) == (None, "no such file")
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_a_password_is_nowhere(tmp_path: Path) -> None:
    job = Job("rtsp://me:s3cret@cam/live", Path("a.npz"), None, PLACE)
    assert job.source == "rtsp://me:s3cret@cam/live", "it is needed to open the stream"
    report = make_report([Outcome(job, "done", DONE)], wall_s=6.0, workers=1)
    file = tmp_path / "report.json"
    write_report(open_report(file), report)
    screen = StringIO()
    Console(file=screen, width=200).print(report_table(report))
    for text in (file.read_text(), screen.getvalue(), job.name):
        assert "s3cret" not in text
        assert "rtsp://me:***@cam/live" in text


def test_table_and_total() -> None:
    report = make_report(OUTCOMES, wall_s=6.0, workers=2)
    screen = StringIO()
    Console(file=screen, width=80).print(report_table(report))
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in screen.getvalue().splitlines() if "│" in line]
    assert rows == [
        ["[a].mp4", "90", "2", "30", "done"], ["b.mp4", "7", "1", "", "skipped"], ["c.mp4", "", "", "", "failed"],
        ["d.mp4", "", "", "", "stopped"],
    ]  # fmt: skip
    assert total_line(report) == (
        "4 videos: 1 done, 1 skipped, 1 failed, 1 stopped; 90 frames in 6.0 s (15 fps) by 2 workers"
    )


def test_a_report_has_its_own_name(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"written as \.json"):
        open_report(tmp_path / "clip.mp4")
    with pytest.raises(OutputError, match="does not exist"):
        open_report(tmp_path / "gone" / "report.json")
