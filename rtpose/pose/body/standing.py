"""Feet that stand stay where they are, in a whole motion: the second pass' counterpart of `planted`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtpose.bones import Float64
from rtpose.pose.body.fit import FEET, Fitted
from rtpose.pose.body.legs import Legs
from rtpose.pose.body.motion import Accelerations, conjugate_gradients
from rtpose.pose.body.planted import HELD_M, MOST_BENT_M, at_most

CONTACT, SHORTEST_S, RAMP_S = 0.5, 0.1, 0.2
"""From this probability on a foot stands, if for so long; before and after, its leg gives way over so long."""
LEGS_M = 0.02
"""Standard deviation of a foot from its place that legs make up for: the root does the rest."""
OFFSET_M, OFFSET_M_S2 = 0.3, 2.0
"""How far feet usually move the root, and how fast that accelerates."""
ROUNDS = 10
"""Of roots and places in turn."""


def hold_feet(found: Fitted, lengths: Float64, contacts: NDArray[np.floating], times: Float64) -> Fitted:
    """T frames of one person with the feet where they stand. lengths: (T, B) metres; contacts: (T, 4) probabilities."""
    stands = _contacts(contacts, times)
    if not stands or len(times) < 3:
        return found
    feet = found.joints[:, FEET] + found.roots[:, None]
    firm = np.zeros(feet.shape[:2])
    for foot, part in stands:
        firm[part, foot] = 1.0
    offset, places = np.zeros_like(found.roots), feet.copy()
    for _ in range(ROUNDS):
        for foot, part in stands:
            places[part, foot] = np.mean(feet[part, foot] + offset[part], axis=0)
        offset = _offsets(places - feet, firm, times)
    bent = np.where(firm[..., None] > 0, at_most(places - feet - offset[:, None], MOST_BENT_M), 0.0)
    for foot, part in stands:
        _blend(bent[:, foot], firm[:, foot] > 0, part, times)
    legs = Legs(found, lengths, HELD_M)
    return legs.taken(found.roots + offset, feet + offset[:, None] + bent, np.asarray(bent.any(-1)))


def _contacts(contacts: NDArray[np.floating], times: Float64) -> list[tuple[int, slice]]:
    """Which foot stands, and in which frames."""
    found = []
    for foot in range(contacts.shape[1]):
        stands = np.concatenate([[False], contacts[:, foot] >= CONTACT, [False]])
        edges = np.flatnonzero(stands[1:] != stands[:-1])
        for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            if times[end - 1] - times[start] >= SHORTEST_S:
                found.append((foot, slice(start, end)))
    return found


def _blend(bent: Float64, stands: NDArray[np.bool_], part: slice, times: Float64) -> None:
    """Legs take a foot (T, 3) to its place before it stands, and back afterwards, step by step."""
    for edge, others in ((part.start, np.arange(part.start)[::-1]), (part.stop - 1, np.arange(part.stop, len(times)))):
        for t in others.tolist():
            share = 1 - abs(times[t] - times[edge]) / RAMP_S
            if share <= 0 or stands[t]:
                break
            bent[t] += share * share * (3 - 2 * share) * bent[edge]


def _offsets(missing: Float64, firm: Float64, times: Float64) -> Float64:
    """(T, 3) how the root moves, smoothly, to where feet need it. missing: (T, 4, 3) metres; firm: (T, 4) 0..1."""
    over = Accelerations(times)
    smooth = (OFFSET_M_S2 * over.step_s**2) ** -2.0
    own = firm.sum(-1, keepdims=True) / LEGS_M**2 + OFFSET_M**-2.0
    right = (firm[..., None] * missing).sum(1) / LEGS_M**2
    return conjugate_gradients(
        lambda x: own * x + smooth * over.transposed(over.of(x), len(x)), right, lambda r: r / (own + 6 * smooth)
    )
