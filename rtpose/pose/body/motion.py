"""A whole motion at once: all frames of one person, tied to each other by how bones and root accelerate.

Gauss-Newton as in `fit`, for all frames together. The equations are solved by conjugate gradients, with each frame's
own matrix as preconditioner: numpy only, and a few passes over the frames.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rtpose.bones import Float64, bone_offsets
from rtpose.pose.body import limits
from rtpose.pose.body.fit import (
    TURNS,
    Evidence3D,
    Fitted,
    as_fitted,
    fit,
    forward,
    normal_equations,
    places_of,
    small_turns,
    turned_by,
)

STARTS, ROUNDS = 3, 4
"""Of Gauss-Newton: for each frame by itself, then for all together."""
ITERATIONS, ENOUGH = 40, 1e-3
"""Of the conjugate gradients, at most, and the share of the first residual that is small enough."""
SMOOTHNESS = 1.0
"""Weight of a bone's acceleration, as a share of what its usual speed (`limits.SPEED`) from frame to frame would be."""
ROOT_M_S2 = 3.0
"""How fast a root usually accelerates."""


class Accelerations:
    """Second differences over time of values (T, ...), and their transpose. For frames at their real times."""

    def __init__(self, times: Float64) -> None:
        steps = np.maximum(np.diff(times), 1e-3)
        self.step_s = float(np.median(steps)) if len(steps) else 1.0
        self._rates = self.step_s / steps

    def of_steps(self, steps: Float64) -> Float64:
        """(T - 2, ...) of differences (T - 1, ...) from frame to frame."""
        rates = steps * self._rates.reshape(-1, *[1] * (steps.ndim - 1))
        return rates[1:] - rates[:-1]

    def of(self, values: Float64) -> Float64:
        """(T - 2, ...)."""
        return self.of_steps(np.diff(values, axis=0))

    def transposed(self, accelerations: Float64, count: int) -> Float64:
        """(T, ...) the transpose of `of`. accelerations: (T - 2, ...); count: T."""
        rates = np.zeros((count - 1, *accelerations.shape[1:]))
        rates[1:] += accelerations
        rates[:-1] -= accelerations
        rates *= self._rates.reshape(-1, *[1] * (rates.ndim - 1))
        out = np.zeros((count, *accelerations.shape[1:]))
        out[1:] += rates
        out[:-1] -= rates
        return out


def conjugate_gradients(
    apply: Callable[[Float64], Float64], right: Float64, precondition: Callable[[Float64], Float64]
) -> Float64:
    """The solution of `apply(x) = right`, nearly. apply: symmetric, positive definite."""
    solution, residual = np.zeros_like(right), right.copy()
    ahead = precondition(residual)
    direction, product = ahead, float((residual * ahead).sum())
    enough = ENOUGH**2 * product
    for _ in range(ITERATIONS):
        if product <= enough or product <= 0:
            break
        applied = apply(direction)
        share = product / float((direction * applied).sum())
        solution = solution + share * direction
        residual = residual - share * applied
        ahead = precondition(residual)
        before, product = product, float((residual * ahead).sum())
        direction = ahead + (product / before) * direction
    return solution


def fit_motion(
    rotations: Float64, lengths: Float64, given: Evidence3D, times: Float64, *, smooth: bool,
    steady: Callable[[Float64], None],
) -> Fitted:  # fmt: skip
    """T frames of one person.

    rotations: (T, B, 3, 3) relative, to start from; the roots start where they are expected. lengths: (B,) metres.
    smooth: frames are tied to each other. steady: takes roots (T, 3), and says anew which joints in the picture count.
    """
    count = len(rotations)
    every = np.tile(lengths, (count, 1))
    steady(given.roots)
    found = fit(rotations, given.roots, every, given, STARTS)
    if count < 3 or not smooth:
        return fit(found.rotations, found.roots, every, given, ROUNDS)
    offsets, places = bone_offsets(every), places_of(every)
    over = Accelerations(times)
    weights = np.concatenate([
        np.repeat(SMOOTHNESS / (limits.SPEED * over.step_s) ** 2, 3), np.full(3, (ROOT_M_S2 * over.step_s**2) ** -2.0)
    ])  # fmt: skip
    inside = over.transposed(np.ones((count - 2, 1)), count)  # only the ends differ
    own = np.where(np.abs(inside) < 1e-9, 6.0, 5.0) * weights
    rotations, roots = found.rotations, found.roots
    steady(roots)
    for _ in range(ROUNDS):
        bases, turned, joints = forward(rotations, offsets, places)
        matrix, gradient, jacobian = normal_equations(rotations, roots, bases, turned, joints, given)
        turns = small_turns(rotations[1:] @ np.swapaxes(rotations[:-1], -1, -2)).reshape(count - 1, TURNS)
        now = over.of_steps(np.concatenate([turns, np.diff(roots, axis=0)], axis=-1))
        gradient = gradient + over.transposed(weights * now, count)
        alone = matrix.copy()
        diagonal = np.arange(len(weights))
        alone[:, diagonal, diagonal] += own
        inverse = np.asarray(np.linalg.inv(alone), np.float64)

        def apply(step: Float64, matrix: Float64 = matrix) -> Float64:
            tied = over.transposed(weights * over.of(step), count)
            return (matrix @ step[..., None])[..., 0] + tied

        def precondition(residual: Float64, inverse: Float64 = inverse) -> Float64:
            return (inverse @ residual[..., None])[..., 0]

        step = conjugate_gradients(apply, -gradient, precondition)
        rotations = turned_by(rotations, step[:, :TURNS])
        roots = roots + step[:, TURNS:]
    return as_fitted(rotations, roots, every, matrix, jacobian)
