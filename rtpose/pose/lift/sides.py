"""Left and right of a person over time: detectors exchange them for some frames, people do not.

Arms and legs are followed by where they were. If the joints move far less when left and right are exchanged, the
detector has exchanged them, and that is undone until it changes its mind. A detector that says the same for long is
believed: then it was the beginning that was wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtpose.pose.lift.fusion_codec import COUNT, JOINTS, TWINS
from rtpose.types import Float32

_GROUPS = (("hip", "knee", "foot", "heel", "toe"), ("shoulder", "elbow", "wrist", "index", "pinky", "ear"))
_TWINS = np.array(TWINS)
_MEMBERS = [
    np.array([i for i, j in enumerate(JOINTS) if j.split("_")[-1] in group and j != "root"]) for group in _GROUPS
]
_LIMBS = np.concatenate(_MEMBERS)

CHANGE, CHANGE_PER_S = 0.04, 0.6
"""What a change of mind costs, in the mean distance that joints have moved as a share of the person's size ..."""
DOUBT = 0.02
"""What it costs to contradict the detector."""
HALF = 0.05
"""... and what it costs that arms and legs are not exchanged alike."""
BELIEVED_AFTER_S = 0.8
"""So long a detector has to contradict what was seen before it is believed, or twice as long as that was seen."""
HALF_BELIEVED_AFTER_S = 0.4
"""The same for arms or legs alone."""
FORGOTTEN_AFTER_S = 0.5
"""Places older than that say nothing."""
_STATES = ((False, False), (True, True), (True, False), (False, True))


@dataclass
class _Person:
    t_s: float
    places: Float32
    state: tuple[bool, bool]
    since_s: float
    """When the detector changed its mind for the last time."""
    right_since_s: float
    """Since when left and right have been where they are now."""


class Sides:
    """Undoes exchanges of left and right, person by person."""

    def __init__(self) -> None:
        self._people: dict[int, _Person] = {}

    def reset(self) -> None:
        """Forget everybody."""
        self._people = {}

    def order(self, track_id: int, points: Float32, t_s: float) -> tuple[NDArray[np.intp], bool]:
        """(28,): the detector's joints in the right order; joints of the middle stay where they are. And whether
        the detector is believed from now on, so that all earlier frames were wrong.

        points: (28, 2) on any plane, NaN where missing. t_s: the frame's time.
        """
        person = self._people.get(track_id)
        if person is None or not 0 < t_s - person.t_s <= FORGOTTEN_AFTER_S:
            self._people[track_id] = _Person(t_s, points.copy(), _STATES[0], t_s, t_s)
            return np.arange(COUNT), False
        size = float(np.nanmean(np.linalg.norm(points - points[0], axis=-1))) + 1e-9
        change = CHANGE + CHANGE_PER_S * (t_s - person.t_s)
        costs = []
        for state in _STATES:
            order = _order_of(state)
            moved = np.linalg.norm(points[order] - person.places, axis=-1)[_LIMBS] / size
            half = HALF if state[0] != state[1] else 0.0
            costs.append(
                np.nanmean(np.minimum(moved, 1.0))
                + half
                + change * (state != person.state)
                + DOUBT * (state != _STATES[0])
            )
        best = _STATES[int(np.argmin(costs))] if np.isfinite(costs).all() else person.state
        if best != person.state:
            person.state, person.since_s = best, t_s
        held_s = HALF_BELIEVED_AFTER_S if best[0] != best[1] else BELIEVED_AFTER_S
        held_s = min(held_s, 2 * (person.since_s - person.right_since_s))
        believed = best != _STATES[0] and t_s - person.since_s > held_s
        if believed:
            person.state, person.since_s, person.right_since_s = _STATES[0], t_s, t_s
        order = _order_of(person.state)
        fresh = points[order]
        person.t_s, person.places = t_s, np.where(np.isfinite(fresh), fresh, person.places)
        return order, believed


def _order_of(state: tuple[bool, bool]) -> NDArray[np.intp]:
    order = np.arange(COUNT)
    for exchanged, members in zip(state, _MEMBERS, strict=True):
        if exchanged:
            order[members] = _TWINS[members]
    return order
