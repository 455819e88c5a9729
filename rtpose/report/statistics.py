"""Ranges of motion, sides compared, and repetitions, from angles over time. Unsure values are left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtpose.report.angles import AngleKind, PersonAngles

Float64 = NDArray[np.float64]
LEAST_SURE = 0.25
"""An angle is unsure where the probability that one of its joints is within 100 mm is lower."""
LOW_PERCENTILE, HIGH_PERCENTILE = 2.0, 98.0
"""A range of motion is between them: single wrong frames do not widen it."""
_LEAST_VALUES = 5
_LEAST_SURE_SHARE = 0.3
"""Share of sure frames, of those in which the person is seen, to look for repetitions in an angle."""
_PROMINENCE_SHARE, _LEAST_PROMINENCE_DEG = 0.4, 15.0
"""How much an angle rises and falls for a repetition: share of its range, and at least."""
_FLANK_SHARE = 0.2
"""A repetition begins and ends where this share of its height is reached."""
_TOGETHER_SHARE = 0.6
"""Both sides move together if the range of their mean is at least this share of the larger of both."""


@dataclass(frozen=True, slots=True)
class MotionRange:
    """How far an angle went."""

    low_deg: float
    high_deg: float
    sure_share: float
    """0..1 of the frames in which the person is seen."""

    @property
    def span_deg(self) -> float:
        """The range of motion."""
        return self.high_deg - self.low_deg


@dataclass(frozen=True, slots=True)
class Repetition:
    """One rise and fall of an angle."""

    start_s: float
    peak_s: float
    end_s: float | None
    """None: the recording ends earlier."""
    peak_deg: float


@dataclass(frozen=True, slots=True)
class RepetitionCount:
    """The repetitions of one angle, of both sides together or of one."""

    kind: AngleKind
    side: str
    """left, right, or "" for both together and for the trunk."""
    repetitions: tuple[Repetition, ...]

    @property
    def title(self) -> str:
        """ "Knee flexion, left"."""
        return f"{self.kind.title}, {self.side}" if self.side else self.kind.title


def is_sure(person: PersonAngles, name: str, least: float = LEAST_SURE) -> NDArray[np.bool_]:
    """(T,) whether an angle counts. name: of `ANGLE_NAMES`."""
    sure: NDArray[np.bool_] = np.isfinite(person.degrees[name]) & (person.confidence[name] >= least)
    return sure


def range_of(person: PersonAngles, name: str, least: float = LEAST_SURE) -> MotionRange | None:
    """The range of an angle; None if it is unknown or hardly ever sure."""
    if name not in person.degrees:
        return None
    sure, values = is_sure(person, name, least), person.degrees[name]
    return _range(values[sure], int(np.isfinite(values).sum()))


def side_difference(left: MotionRange | None, right: MotionRange | None) -> tuple[float, float] | None:
    """Left minus right: degrees of range, and as a share of the larger; None unless both are known."""
    if left is None or right is None:
        return None
    difference = left.span_deg - right.span_deg
    larger = max(left.span_deg, right.span_deg)
    return difference, difference / larger if larger > 0 else 0.0


def count_repetitions(
    person: PersonAngles, kind: AngleKind | None = None, least: float = LEAST_SURE
) -> list[RepetitionCount]:
    """Repetitions by the angle that moves most, or by the given one: for both sides together if they move together,
    else for each. Empty if nothing is known well enough."""
    choices = [kind] if kind is not None else person.kinds
    best: tuple[float, AngleKind] | None = None
    for choice in choices:
        spans = [found.span_deg for _, _, found in _series(person, choice, least)]
        if spans and (best is None or max(spans) > best[0]):
            best = max(spans), choice
    if best is None:
        return []
    chosen = best[1]
    series = _series(person, chosen, least)
    both = [one for one in series if one[0] == ""]
    sides = [one for one in series if one[0]]
    if both and all(both[0][2].span_deg >= _TOGETHER_SHARE * one[2].span_deg for one in sides):
        sides = both
    return [
        RepetitionCount(chosen, side, tuple(find_repetitions(person.times_s, values, found.span_deg)))
        for side, values, found in sides or both
    ]


def find_repetitions(times_s: Float64, degrees: Float64, span_deg: float) -> list[Repetition]:
    """Rises and falls by at least 40 % of `span_deg` and 15 degrees.

    times_s, degrees: (T,), NaN where the angle is unsure: there it is interpolated linearly.
    """
    known = np.isfinite(degrees)
    if known.sum() < _LEAST_VALUES:
        return []
    first, last = np.flatnonzero(known)[[0, -1]]
    times = times_s[first : last + 1]
    values = np.interp(times, times_s[known], degrees[known])
    prominence = max(_PROMINENCE_SHARE * span_deg, _LEAST_PROMINENCE_DEG)
    turns = _turning_points(values, prominence)
    found = []
    for number, (at, is_peak) in enumerate(turns):
        if not is_peak or number == 0:  # a movement that began earlier does not count
            continue
        before, peak_deg = turns[number - 1][0], float(values[at])
        level = values[before] + _FLANK_SHARE * (peak_deg - values[before])
        start = before + int(np.flatnonzero(values[before:at] <= level)[-1])
        end_s = None
        # The last turning point is only the end of the recording, or the movement has come back down.
        after = turns[number + 1][0] if number + 1 < len(turns) else len(values) - 1
        low = values[at : after + 1].min()
        if peak_deg - low >= prominence:
            level = low + _FLANK_SHARE * (peak_deg - low)
            end_s = float(times[at + int(np.flatnonzero(values[at : after + 1] <= level)[0])])
        found.append(Repetition(float(times[start]), float(times[at]), end_s, peak_deg))
    return found


def _turning_points(values: Float64, prominence: float) -> list[tuple[int, bool]]:
    """(index, whether it is a peak) of alternating peaks and valleys, each at least `prominence` away from the next."""
    turns: list[tuple[int, bool]] = []
    high = low = 0
    rising: bool | None = None
    for at, value in enumerate(values.tolist()):
        high = at if value > values[high] else high
        low = at if value < values[low] else low
        if rising is not False and values[high] - value >= prominence:
            turns.append((high, True))
            rising, high, low = False, at, at
        elif rising is not True and value - values[low] >= prominence:
            turns.append((low, False))
            rising, high, low = True, at, at
    if rising is not None:
        turns.append((high, True) if rising else (low, False))
    return turns


def _series(person: PersonAngles, kind: AngleKind, least: float) -> list[tuple[str, Float64, MotionRange]]:
    """(side, (T,) degrees with NaN where unsure, range) of each side that is known well enough, and "" for both."""
    found: dict[str, Float64] = {}
    for name in kind.columns:
        if name in person.degrees:
            side = name.split("_")[0] if kind.sides else ""
            found[side] = np.where(is_sure(person, name, least), person.degrees[name], np.nan)
    if len(found) == 2:
        found[""] = (found["left"] + found["right"]) / 2
    seen = max(
        (int(np.isfinite(person.degrees[name]).sum()) for name in kind.columns if name in person.degrees), default=0
    )
    ranges = {side: _range(values[np.isfinite(values)], seen) for side, values in found.items()}
    return [
        (side, found[side], given)
        for side, given in ranges.items()
        if given is not None and given.sure_share >= _LEAST_SURE_SHARE
    ]


def _range(values: Float64, seen: int) -> MotionRange | None:
    if len(values) < _LEAST_VALUES:
        return None
    low, high = np.percentile(values, (LOW_PERCENTILE, HIGH_PERCENTILE))
    return MotionRange(float(low), float(high), len(values) / seen)
