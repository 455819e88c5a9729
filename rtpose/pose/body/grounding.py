"""Puts people whose size is settled onto the floor, by distance: whoever stands is as far away as the floor says.

One camera sees a foot well across the line of sight and badly along it. The floor is the mean of everybody's feet over
a long time, so where the line of sight to a foot meets it says how far away the foot is, the better the steeper one
looks down and the better gravity is known: the person's size in the picture says it, too, and the two are weighed by
their errors. Bones keep their lengths: the person then looks a little too large or too small in the picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtpose.bones import CONTACT_JOINTS, Float64
from rtpose.pose.body.floor import HEIGHT_SPREAD, SOLE_M
from rtpose.skeleton import RTPOSE28

_FEET = list(RTPOSE28.indices(*CONTACT_JOINTS))
STANDS = 0.5
"""Least contact probability of a foot that counts."""
FLOOR_SPREAD_M, DEPTH_SPREAD = 0.05, 0.05
"""Errors of the floor's height under a foot, and of the distance of somebody of known height, as a share of it."""
GRAVITY_SHARE = 0.6
"""The error of gravity, as a share of what the estimate expects: rms 3.7 degrees where it says 5 to 9."""
MOST = 0.08
"""By which share the distance changes, at most."""
FOLLOW_S = 0.5
"""The distance follows this slowly ..."""
MOST_M_S = 0.3
"""... and no faster."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Where the floor is, and how well that and people's sizes are known."""

    gravity: Float64
    """(3,) unit vector, camera axes."""
    floor_m: float
    """How far below the camera the floor is along gravity."""
    spread_rad: float = 0.0
    """Expected error of gravity."""
    height_spread: float = HEIGHT_SPREAD
    """Expected error of people's heights, as a share."""


class Grounding:
    """The change of distance of one person."""

    def __init__(self) -> None:
        self.factor = 1.0
        """See `factor_of`."""

    def update(
        self, joints: Float64, root: Float64, contacts: NDArray[np.floating], ground: Ground, dt_s: float
    ) -> None:
        """Follow `factor_of` one frame. dt_s: since the last."""
        wanted = factor_of(joints, root, contacts, ground)
        if math.isnan(wanted):
            return
        limit = MOST_M_S * dt_s / float(np.linalg.norm(point_under(root, ground.gravity, ground.floor_m)))
        self.factor += float(np.clip((wanted - self.factor) * min(1.0, dt_s / FOLLOW_S), -limit, limit))


def factor_of(joints: Float64, root: Float64, contacts: NDArray[np.floating], ground: Ground) -> float:
    """How many times as far away as seen the point under somebody is, by the feet that stand. NaN where none does.

    joints: (28, 3) metres relative to the root; root: (3,) camera space; contacts: (4,) probabilities.
    """
    gravity, floor_m = ground.gravity, ground.floor_m
    feet = joints[_FEET] + root
    stands = np.where(np.isfinite(feet).all(-1) & (np.asarray(contacts) > STANDS), contacts, 0.0)
    if stands.sum() <= 0 or floor_m <= 0:
        return math.nan
    above_m = float(stands @ (floor_m - SOLE_M - np.nan_to_num(feet) @ gravity) / stands.sum())
    distance_m = float(np.linalg.norm(point_under(root, gravity, floor_m)))
    away_m = math.sqrt(max(distance_m**2 - floor_m**2, 0.0))
    # Shares of the distance. A floor that is tilted by an angle is higher or lower by that much of what it is away.
    by_floor = math.hypot(FLOOR_SPREAD_M, GRAVITY_SHARE * ground.spread_rad * away_m) / floor_m
    by_size = math.hypot(DEPTH_SPREAD, ground.height_spread)
    share = by_size**2 / (by_size**2 + by_floor**2)
    return 1 + float(np.clip(share * above_m / floor_m, -MOST, MOST))


def moved_on_sight(root: Float64, factor: float, gravity: Float64, floor_m: float) -> Float64:
    """(3,) the root of somebody who is moved along the line of sight to the point under them."""
    there: Float64 = root + (factor - 1) * point_under(root, gravity, floor_m)
    return there


def point_under(root: Float64, gravity: Float64, floor_m: float) -> Float64:
    """(3,) the point of the floor under a root, camera space."""
    under: Float64 = root + (floor_m - float(root @ gravity)) * gravity
    return under


def rays_from(rays: Float64, root: Float64, there: Float64, gravity: Float64, floor_m: float) -> Float64:
    """(28, 2) rays through the picture's joints as they would be if the person, who is at `root`, were `there`, so that
    the body is not bent to look as large as before. The point under them stays where it is seen."""
    under = point_under(root, gravity, floor_m)
    middle = under[:2] / max(float(under[2]), 0.1)
    around: Float64 = middle + (rays - middle) * (root[2] / there[2])
    return around
