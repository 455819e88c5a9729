"""Line charts as SVG, built from the standard library's elements, which escape all text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
WIDTH, HEIGHT = 520, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 8, 10, 34
_MOST_POINTS = 1200
_Y_STEPS_DEG = (5, 10, 15, 30, 45, 60, 90)
_X_STEPS_S = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)
_LEAST_SPAN_DEG = 20.0


@dataclass(frozen=True, slots=True)
class ChartLine:
    """One line of a chart."""

    style: str
    """The class of its elements: left, right or middle."""
    values: Float64
    """(T,) degrees."""
    sure: NDArray[np.bool_]
    """(T,) where it is drawn in full; elsewhere it is faint."""


def angle_chart(
    times_s: Float64, lines: Sequence[ChartLine], peaks: Sequence[tuple[float, float]], label: str
) -> Element:
    """A chart of degrees over seconds. peaks: (s, degrees) to be marked and numbered. label: for screen readers."""
    start_s, end_s = float(times_s[0]), max(float(times_s[-1]), float(times_s[0]) + 1e-3)
    low, high, step = _limits(lines)
    wide, tall = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM

    def x(time_s: float) -> float:
        return _LEFT + (time_s - start_s) / (end_s - start_s) * wide

    def y(degrees: float) -> float:
        return _TOP + (high - degrees) / (high - low) * tall

    chart = Element("svg", {"viewBox": f"0 0 {WIDTH} {HEIGHT}", "role": "img", "aria-label": label, "class": "chart"})
    for degrees in np.arange(low, high + step / 2, step).tolist():
        _line(chart, "zero" if degrees == 0 else "grid", (_LEFT, y(degrees)), (WIDTH - _RIGHT, y(degrees)))
        _text(chart, f"{degrees:.0f}°".replace("-", "−"), _LEFT - 6, y(degrees) + 4, "end")
    foot = _TOP + tall
    tick_s = next((step_s for step_s in _X_STEPS_S if (end_s - start_s) / step_s <= 9), _X_STEPS_S[-1])
    for time_s in np.arange(np.ceil(start_s / tick_s) * tick_s, end_s + 1e-9, tick_s).tolist():
        _line(chart, "axis", (x(time_s), foot), (x(time_s), foot + 4))
        _text(chart, f"{time_s:g}", x(time_s), foot + 16, "middle")
    _text(chart, "time in s", _LEFT + wide / 2, HEIGHT - 4, "middle", "unit")
    _line(chart, "axis", (_LEFT, foot), (WIDTH - _RIGHT, foot))
    # An inner picture clips everything beyond the axes.
    inner = SubElement(
        chart, "svg", {"x": f"{_LEFT}", "y": f"{_TOP}", "width": f"{wide}", "height": f"{tall}", "overflow": "hidden"}
    )
    for line in lines:
        times, values, sure = _fewer(times_s, line.values, line.sure)
        across, down = (times - start_s) / (end_s - start_s) * wide, (high - values) / (high - low) * tall
        for faint in (True, False):
            if path := _path(across, down, sure != faint):
                SubElement(inner, "path", {"class": f"line {line.style}{' unsure' if faint else ''}", "d": path})
    for number, (time_s, degrees) in enumerate(peaks, start=1):
        height = max(y(degrees), _TOP + 8.0)
        SubElement(chart, "circle", {"class": "peak", "cx": f"{x(time_s):.1f}", "cy": f"{height:.1f}", "r": "7"})
        _text(chart, f"{number}", x(time_s), height + 3.5, "middle", "peak-number")
    return chart


def range_bar(low_deg: float, high_deg: float, limits: tuple[float, float], style: str) -> Element:
    """A bar from `low_deg` to `high_deg` on a scale of `limits`."""
    span = limits[1] - limits[0]
    bar = Element("svg", {"viewBox": "0 0 100 8", "class": "bar", "preserveAspectRatio": "none", "aria-hidden": "true"})
    SubElement(bar, "rect", {"class": "track", "x": "0", "y": "0", "width": "100", "height": "8"})
    start, end = ((value - limits[0]) / span * 100 for value in (low_deg, high_deg))
    width = f"{max(end - start, 0.8):.1f}"
    SubElement(bar, "rect", {"class": style, "x": f"{start:.1f}", "y": "0", "width": width, "height": "8"})
    return bar


def _line(parent: Element, style: str, start: tuple[float, float], end: tuple[float, float]) -> None:
    ends = zip(("x1", "y1", "x2", "y2"), (*start, *end), strict=True)
    SubElement(parent, "line", {"class": style, **{name: f"{value:.1f}" for name, value in ends}})


def _text(parent: Element, text: str, x: float, y: float, anchor: str, style: str = "tick") -> None:
    node = SubElement(parent, "text", {"class": style, "x": f"{x:.1f}", "y": f"{y:.1f}", "text-anchor": anchor})
    node.text = text


def _limits(lines: Sequence[ChartLine]) -> tuple[float, float, float]:
    """Lowest and highest value of the axis, and the distance of its ticks: all sure values fit, if there are any."""
    sure = np.concatenate([line.values[line.sure] for line in lines])
    values = sure if len(sure) else np.concatenate([line.values[np.isfinite(line.values)] for line in lines])
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)
    middle = (low + high) / 2
    low, high = min(low, middle - _LEAST_SPAN_DEG / 2), max(high, middle + _LEAST_SPAN_DEG / 2)
    step = next((float(step) for step in _Y_STEPS_DEG if (high - low) / step <= 5), 90.0)
    return float(np.floor(low / step) * step), float(np.ceil(high / step) * step), step


def _fewer(x: Float64, values: Float64, sure: NDArray[np.bool_]) -> tuple[Float64, Float64, NDArray[np.bool_]]:
    """At most about `_MOST_POINTS` points: the lowest and the highest of each short stretch, so that peaks stay."""
    if len(x) <= _MOST_POINTS:
        return x, values, sure
    kept = {0, len(x) - 1}
    for part in np.array_split(np.arange(len(x)), _MOST_POINTS // 2):
        known = part[np.isfinite(values[part])]
        kept |= (
            {int(known[np.argmin(values[known])]), int(known[np.argmax(values[known])])}
            if len(known)
            else {int(part[0])}
        )
    rows = np.array(sorted(kept))
    return x[rows], values[rows], sure[rows]


def _path(x: Float64, y: Float64, drawn: NDArray[np.bool_]) -> str:
    """The steps between two neighbours of which the second is `drawn`, where both are known; a lone point is a dot."""
    out: list[str] = []
    known = np.isfinite(y)
    last = -2
    for at in np.flatnonzero(known & drawn).tolist():
        joined = at > 0 and known[at - 1]
        if joined and last != at - 1:
            out.append(f"M{x[at - 1]:.1f},{y[at - 1]:.1f}")
        out.append(f"{'L' if joined else 'M'}{x[at]:.1f},{y[at]:.1f}" + ("" if joined else "h0.01"))
        last = at
    return "".join(out)
