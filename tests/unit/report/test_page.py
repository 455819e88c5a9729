"""The report's file: everything in it, nothing to load, nothing to run; and the tables beside it."""

from __future__ import annotations

import csv
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from exercise_recordings import make_recording, squatting, standing

from rtpose.report.angles import angles_of
from rtpose.report.charts import ChartLine, angle_chart
from rtpose.report.page import PersonPart, ReportHead, report_html
from rtpose.report.statistics import count_repetitions
from rtpose.report.tables import write_angles, write_summary

TIMES = np.arange(0, 12, 0.1)


class Reader(HTMLParser):
    """Checks that tags are closed, and keeps texts and addresses."""

    VOID = frozenset({"meta", "img"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def part_of(people: list[np.ndarray], track_id: int = 0) -> PersonPart:
    angles = angles_of(make_recording(TIMES, people), track_id)
    return PersonPart(angles, count_repetitions(angles))


def test_it_says_what_was_measured() -> None:
    head = ReportHead("Squats", [("Clip", "a.mp4")], ["standing height 1.70 m, assumed"], 0.25)
    page = Reader(report_html(head, [part_of([squatting(TIMES, 4, left_deg=90, right_deg=60)])]))
    text = "|".join(page.texts)
    for said in ("Squats", "a.mp4", "standing height 1.70 m, assumed", "0° to 90°", "0° to 60°", "+30° (+33 %)"):
        assert said in text
    assert "sagittal plane; 0° straight, + bent" in text
    assert page.texts[page.texts.index("Repetitions") :].index("3") < 10
    assert "Hip rotation" not in text
    assert page.tags.count("figure") == 7
    assert "script" not in page.tags


def test_names_are_text_and_nothing_is_loaded() -> None:
    evil = "<script>alert(1)</script>\"'&<img src=x onerror=alert(2)>\x1b[31m"
    head = ReportHead(evil, [(evil, evil)], [evil], 0.25, [evil])
    part = part_of([squatting(TIMES, 4)])
    html = report_html(head, [PersonPart(part.angles, part.counts, [(1.0, b"\xff\xd8picture")])])
    page = Reader(html)
    assert "script" not in page.tags
    assert page.tags.count("img") == 1
    assert page.addresses == ["data:image/jpeg;base64,/9hwaWN0dXJl"]
    assert not re.search(r"https?://(?!www\.w3\.org)", html)
    assert "\x1b" not in html


def test_each_of_several_people_has_a_section() -> None:
    people = [squatting(TIMES, 4), standing(len(TIMES))]
    page = Reader(report_html(ReportHead("A", [], [], 0.25), [part_of(people, 0), part_of(people, 1)]))
    assert [text for text in page.texts if text.startswith("Person ")] == ["Person 0", "Person 1"]
    assert "No movement rises and falls clearly enough to be counted." in page.texts


def test_nobody_is_a_report_as_well() -> None:
    assert "There are no people to report on." in Reader(report_html(ReportHead("A", [], [], 0.25), [])).texts


def test_a_curve_is_full_where_it_is_sure_and_broken_where_it_is_unknown() -> None:
    values = np.array([0.0, 10, 20, 30, np.nan, 50, 60, 70])
    sure = np.array([True, True, False, True, False, True, True, True])
    chart = angle_chart(np.arange(8.0), [ChartLine("left", values, sure)], [(1, 10)], "Knee")
    faint, full = (node.get("d", "") for node in chart.iter("path"))
    assert faint.count("L") == 1
    assert full.count("M") == 3  # from the start; again from 2 to 3; after the gap
    assert [node.text for node in chart.iter("text")][-1] == "1"


def test_a_long_curve_keeps_its_peaks() -> None:
    values = np.zeros(100_000)
    values[54_321] = 90
    chart = angle_chart(np.arange(100_000) / 30, [ChartLine("left", values, np.ones(100_000, bool))], [], "Knee")
    (path,) = (node.get("d", "") for node in chart.iter("path"))
    assert path.count("L") < 1500
    assert ",0.0" in path  # the top of the chart


def test_the_tables_have_the_same_numbers(tmp_path: Path) -> None:
    part = part_of([squatting(TIMES, 4, left_deg=90, right_deg=60)])
    write_angles(tmp_path / "a.csv", [part], list(range(len(TIMES))))
    write_summary(tmp_path / "b.csv", [part], 0.25)
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(TIMES)
    degrees = [float(row["left_knee_flexion_deg"]) for row in rows]
    assert degrees == pytest.approx(part.angles.degrees["left_knee_flexion"].tolist(), abs=0.005)
    assert rows[0]["left_hip_rotation_deg"] == ""
    with (tmp_path / "b.csv").open(newline="") as file:
        summary = list(csv.reader(file))
    knees = [row for row in summary if row[1:2] == ["knee_flexion"] and len(row) == 8][:2]
    assert [float(row[5]) for row in knees] == pytest.approx([90, 60], abs=1)
    assert len(summary[summary.index([]) + 2 :]) == 3


def test_a_person_is_shown_while_they_are_seen() -> None:
    people = [standing(len(TIMES)), squatting(TIMES[:60], 3)]
    page = Reader(report_html(ReportHead("A", [], [], 0.25), [part_of(people, 1)]))
    assert "Seen from 0.0 s to 5.9 s." in page.texts
    assert "6" not in page.texts  # no tick of the time axis
