"""The report as one HTML file without scripts, built as a tree of elements, which escape all text."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, SubElement, tostring

import numpy as np

from rtpose.printable import printable
from rtpose.report.angles import AngleKind, PersonAngles
from rtpose.report.charts import ChartLine, angle_chart, range_bar
from rtpose.report.statistics import (
    HIGH_PERCENTILE,
    LOW_PERCENTILE,
    MotionRange,
    Repetition,
    RepetitionCount,
    is_sure,
    range_of,
    side_difference,
)
from rtpose.report.style import STYLE
from rtpose.wording import counted

_LESS_SURE = 0.8
"""A range with a smaller share of sure frames is marked."""


@dataclass(frozen=True, slots=True)
class PersonPart:
    """One person's part of a report."""

    angles: PersonAngles
    counts: Sequence[RepetitionCount]
    pictures: Sequence[tuple[float, bytes]] = ()
    """(s, JPEG)."""


@dataclass(frozen=True, slots=True)
class ReportHead:
    """The head of a report, above its people."""

    title: str
    facts: Sequence[tuple[str, str]]
    """(name, value): clip, dates, duration, …"""
    assumptions: Sequence[str]
    least_sure: float
    notes: Sequence[str] = field(default_factory=tuple)


def report_html(head: ReportHead, people: Sequence[PersonPart]) -> str:
    """The whole file."""
    html = Element("html", {"lang": "en"})
    top = SubElement(html, "head")
    SubElement(top, "meta", {"charset": "utf-8"})
    SubElement(top, "meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"})
    # Whatever a name may contain, nothing is run or fetched.
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    SubElement(top, "meta", {"http-equiv": "Content-Security-Policy", "content": policy})
    _say(top, "title", head.title)
    _say(top, "style", STYLE)
    body = SubElement(html, "body")
    _header(body, head)
    if not people:
        _say(body, "p", "There are no people to report on.")
    for part in people:
        _person(body, part, head, several=len(people) > 1)
    _how_to_read(body, head, people)
    return "<!doctype html>\n" + tostring(html, encoding="unicode", method="html") + "\n"


def _say(parent: Element, tag: str, text: str, style: str = "") -> Element:
    node = SubElement(parent, tag, {"class": style} if style else {})
    node.text = text if tag == "style" else printable(text)
    return node


def _header(body: Element, head: ReportHead) -> None:
    header = SubElement(body, "header")
    _say(header, "h1", head.title)
    facts = SubElement(header, "dl", {"class": "facts"})
    for name, value in head.facts:
        pair = SubElement(facts, "div")
        _say(pair, "dt", name)
        _say(pair, "dd", value)
    assumed = SubElement(header, "p", {"class": "assumed"})
    _say(assumed, "strong", "Assumptions: ").tail = printable("; ".join(head.assumptions) or "none stated") + "."
    for note in head.notes:
        _say(header, "p", note, "note")


def _person(body: Element, part: PersonPart, head: ReportHead, *, several: bool) -> None:
    section = SubElement(body, "section", {"class": "person"})
    if several:
        _say(section, "h2", f"Person {part.angles.track_id}", "name")
    start, end = _seen(part.angles)
    times = part.angles.times_s
    if (start, end) != (0, len(times) - 1):
        _say(section, "p", f"Seen from {times[start]:.1f} s to {times[end]:.1f} s.", "small")
    if part.pictures:
        _strip(section, part.pictures)
    _repetitions(section, part.counts, part.angles)
    _ranges(section, part.angles, head.least_sure)
    _charts(section, part, head.least_sure)


def _seen(person: PersonAngles) -> tuple[int, int]:
    """The first and the last row in which anything is known."""
    known = np.zeros(len(person.times_s), bool)
    for values in person.degrees.values():
        known |= np.isfinite(values)
    rows = np.flatnonzero(known)
    return (int(rows[0]), int(rows[-1])) if len(rows) else (0, len(known) - 1)


def _strip(section: Element, pictures: Sequence[tuple[float, bytes]]) -> None:
    strip = SubElement(section, "div", {"class": "strip"})
    for time_s, jpeg in pictures:
        figure = SubElement(strip, "figure")
        data = "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
        SubElement(figure, "img", {"src": data, "alt": f"The person at {time_s:.1f} s"})
        _say(figure, "figcaption", f"{time_s:.1f} s")


def _repetitions(section: Element, counts: Sequence[RepetitionCount], person: PersonAngles) -> None:
    _say(section, "h3", "Repetitions")
    if not any(count.repetitions for count in counts):
        _say(section, "p", "No movement rises and falls clearly enough to be counted.")
        return
    cards = SubElement(section, "div", {"class": "cards"})
    for count in counts:
        reps = count.repetitions
        done = [rep for rep in reps if rep.end_s is not None]
        card = SubElement(cards, "div", {"class": "card"})
        _say(card, "div", str(len(reps)), "big")
        side = f" ({count.side})" if count.side else " (mean of both sides)" if count.kind.sides else ""
        _say(card, "div", f"by {count.kind.title.lower()}{side}")
        if len(done) < len(reps):
            _say(card, "div", "the last is cut off by the end of the recording", "small")
        if done:
            each_s = float(np.mean([rep.end_s - rep.start_s for rep in done if rep.end_s is not None]))
            _say(card, "div", f"{each_s:.1f} s" + (" each on average" if len(done) > 1 else ""), "small")
    for count in counts:
        if count.repetitions:
            _repetition_table(cards, count, person, show_title=len(counts) > 1)


def _repetition_table(cards: Element, count: RepetitionCount, person: PersonAngles, *, show_title: bool) -> None:
    table = SubElement(cards, "table", {"class": "reps"})
    if show_title:
        _say(table, "caption", count.title)
    sides = ("left", "right") if count.kind.sides and not count.side else ()
    titles = [
        "No.",
        "Start",
        "Peak",
        "End",
        "Duration",
        "Peak angle",
        *(side.title() for side in sides),
    ]
    _row(SubElement(table, "thead"), titles, "th")
    rows = SubElement(table, "tbody")
    for number, rep in enumerate(count.repetitions, start=1):
        at = int(np.argmin(np.abs(person.times_s - rep.peak_s)))
        of_sides = [_degrees(float(person.degrees[f"{side}_{count.kind.key}"][at])) for side in sides]
        _row(rows, [str(number), *_repetition_texts(rep), *of_sides])


def _repetition_texts(rep: Repetition) -> list[str]:
    end, duration = ("–", "–") if rep.end_s is None else (f"{rep.end_s:.1f} s", f"{rep.end_s - rep.start_s:.1f} s")
    return [f"{rep.start_s:.1f} s", f"{rep.peak_s:.1f} s", end, duration, _degrees(rep.peak_deg)]


def _row(parent: Element, texts: Sequence[str], tag: str = "td") -> Element:
    row = SubElement(parent, "tr")
    for text in texts:
        _say(row, tag, text)
    return row


def _ranges(section: Element, person: PersonAngles, least: float) -> None:
    _say(section, "h3", "Range of motion")
    ranges = {name: range_of(person, name, least) for kind in person.kinds for name in kind.columns}
    known = [found for found in ranges.values() if found is not None]
    if not known:
        _say(section, "p", "No angle was sure enough.")
        return
    limits = min(0.0, *(found.low_deg for found in known)), max(90.0, *(found.high_deg for found in known))
    table = SubElement(section, "table", {"class": "ranges"})
    head = _row(SubElement(table, "thead"), ["Angle", "Left", "Right"], "th")
    for node in list(head)[1:]:
        node.set("colspan", "2")
    _say(head, "th", f"Scale: {_degrees(limits[0])} to {_degrees(limits[1])}")
    _say(head, "th", "Left − right")
    rows = SubElement(table, "tbody")
    for kind in person.kinds:
        _range_row(rows, kind, [ranges[name] for name in kind.columns], limits)
    _say(
        section, "p",
        "Lowest to highest angle, and the range between them. Left − right: difference of the ranges, and as a share "
        f"of the larger. * sure in less than {_LESS_SURE:.0%} of the frames.",
        "small",
    )  # fmt: skip


def _range_row(
    rows: Element, kind: AngleKind, found: Sequence[MotionRange | None], limits: tuple[float, float]
) -> None:
    row = SubElement(rows, "tr")
    name = SubElement(row, "th", {"scope": "row"})
    name.text = kind.title
    _say(name, "span", f" {kind.plane}", "small")
    styles = ("left", "right") if kind.sides else ("middle",)
    for given in found:
        if given is None:
            _say(row, "td", "not sure", "small").set("colspan", "2" if kind.sides else "4")
            continue
        mark = "*" if given.sure_share < _LESS_SURE else ""
        _say(row, "td", f"{_degrees(given.low_deg)} to {_degrees(given.high_deg)}")
        _say(row, "td", f"{given.span_deg:.0f}°{mark}", "number").set("colspan", "1" if kind.sides else "3")
    bars = SubElement(row, "td", {"class": "bars"})
    for given, style in zip(found, styles, strict=True):
        if given is not None:
            bars.append(range_bar(given.low_deg, given.high_deg, limits, style))
    text = ""
    if kind.sides and (difference := side_difference(*found)) is not None:
        text = f"{_signed(difference[0])}° ({_signed(100 * difference[1])} %)"
    _say(row, "td", text, "number")


def _degrees(value: float) -> str:
    return f"{round(value)}°".replace("-", "−")


def _signed(value: float) -> str:
    rounded = round(value)
    return "0" if rounded == 0 else f"{rounded:+d}".replace("-", "−")


def _charts(section: Element, part: PersonPart, least: float) -> None:
    _say(section, "h3", "Angles over time")
    legend = SubElement(section, "p", {"class": "legend"})
    for style, text in (("left", "left"), ("right", "right (dashed)"), ("middle", "trunk")):
        mark = SubElement(legend, "svg", {"viewBox": "0 0 28 8", "class": "mark", "aria-hidden": "true"})
        SubElement(mark, "path", {"class": f"line {style}", "d": "M0,4H28"})
        mark.tail = f" {text}   "
    mark = SubElement(legend, "svg", {"viewBox": "0 0 28 8", "class": "mark", "aria-hidden": "true"})
    SubElement(mark, "path", {"class": "line left unsure", "d": "M0,4H28"})
    mark.tail = f" faint: unsure (confidence below {least:.0%}), left out of all numbers"
    grid = SubElement(section, "div", {"class": "charts"})
    person = part.angles
    start, end = _seen(person)
    rows = slice(start, end + 1)
    for kind in person.kinds:
        names = [name for name in kind.columns if name in person.degrees]
        if not names:
            continue
        figure = SubElement(grid, "figure")
        caption = SubElement(figure, "figcaption")
        _say(caption, "strong", kind.title)
        _say(caption, "span", f"{kind.plane}; {kind.meaning}", "small")
        lines = [
            ChartLine(
                name.split("_")[0] if kind.sides else "middle",
                person.degrees[name][rows],
                is_sure(person, name, least)[rows],
            )
            for name in names
        ]
        counts = [count for count in part.counts if count.kind == kind]
        marks = [(rep.peak_s, rep.peak_deg) for rep in counts[0].repetitions] if len(counts) == 1 else []
        figure.append(angle_chart(person.times_s[rows], lines, marks, f"{kind.title} in degrees over time in seconds"))


def _how_to_read(body: Element, head: ReportHead, people: Sequence[PersonPart]) -> None:
    footer = SubElement(body, "footer")
    _say(footer, "h3", "How the numbers were made")
    notes = [
        "Angles were estimated by rtpose from a single camera. Movement in the image plane is measured best; "
        "movement towards the camera, and limbs that are hidden, are less certain. This is not a medical device.",
        "The confidence of an angle is that of its least certain joint: the estimated probability that the joint lies "
        f"within 100 mm. Below {head.least_sure:.0%} an angle is unsure: drawn faint, and left out of all numbers.",
        f"A range of motion lies between the {LOW_PERCENTILE:.0f}nd and the {HIGH_PERCENTILE:.0f}th percentile of the "
        "sure angles, so that single wrong frames do not widen it.",
        "Repetitions are counted on the angle that moves most: each rise and fall by at least 40 % of its range and "
        "15°. They begin and end at 20 % of their height.",
        "Hip angles are between thigh and pelvis; arm elevation is relative to the trunk, trunk angles to "
        "the vertical.",
    ]
    if any(not part.angles.from_body for part in people):
        notes.append(
            "This recording has joints only, no bodies: the rotation of a bone about its own axis (hip rotation) is "
            "unknown, and a straight knee or elbow reads a few degrees above 0."
        )
    if any(not part.angles.gravity_known for part in people):
        notes.append("The direction of gravity is not known: trunk angles assume that the camera is level.")
    lines = SubElement(footer, "ul")
    for note in notes:
        _say(lines, "li", note)


def duration_text(seconds: float) -> str:
    """ "13.0 s", "2 min 5 s"."""
    minutes, rest = divmod(seconds, 60)
    return f"{seconds:.1f} s" if seconds < 60 else f"{counted(int(minutes), 'minute')} {rest:.0f} s"
