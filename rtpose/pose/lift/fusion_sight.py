"""A detector's result as the input of `fusion`: in the axes of each person's upright virtual camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtpose.geometry import rays_from_pixels
from rtpose.pose.lift.fusion_codec import COUNT, ROOT, features, least, recipe_from, upright_views
from rtpose.skeleton import Skeleton
from rtpose.types import Camera, Evidence, Float32, Person2D


@dataclass(slots=True)
class Sight:
    """P people of a frame with the 28 joints of rtpose28."""

    keypoints: Float32
    """(P, 28, 3) x px, y px, score; NaN where the detector has no such joint."""
    views: Float32
    """(P, 3, 3): camera = this @ virtual."""
    plane: Float32
    """(P, 28, 2) on the plane at z = 1 of the virtual camera."""
    known: NDArray[np.bool_]
    """(P, 28)."""
    own: Float32
    """(P, 28, 3) the detector's own 3D, metres, virtual axes; 0 without evidence."""
    visible: Float32
    """(P, 28) 0..1, from the evidence; 0 without."""
    own_known: Float32
    """(P,) 1 with evidence, else 0."""

    @classmethod
    def of(cls, people: Sequence[Person2D], skeleton: Skeleton, camera: Camera) -> Sight:
        """people: at least one, with joints in the detector's `skeleton`. Errors: `ConfigError` for a skeleton that
        rtpose28 cannot be derived from."""
        recipe = recipe_from(skeleton)
        detected = np.stack([person.keypoints for person in people]).astype(np.float32)
        keypoints = np.concatenate([recipe @ detected[..., :2], least(recipe, detected[..., 2])[..., None]], -1)
        keypoints[:, ~recipe.any(1), :2] = np.nan
        known = np.isfinite(keypoints[..., :2]).all(-1) & (keypoints[..., 2] > 0)
        pixels = keypoints[..., :2]
        if not known.all():
            pixels = np.where(known[..., None], pixels, pixels[:, ROOT : ROOT + 1])
        rays = rays_from_pixels(pixels, camera)
        views = upright_views(rays)
        seen = rays @ views
        plane = seen[..., :2] / np.maximum(seen[..., 2:], np.float32(1e-3))
        shape = (len(people), COUNT)
        sight = cls(
            keypoints, views, plane, known, np.zeros((*shape, 3), np.float32), np.zeros(shape, np.float32),
            np.zeros(len(people), np.float32),
        )  # fmt: skip
        for row, person in enumerate(people):
            if person.evidence is not None:
                sight._add(row, person.evidence, recipe)
        return sight

    @property
    def scores(self) -> Float32:
        """(P, 28) 0..1, of the 2D joints."""
        return self.keypoints[..., 2]

    def features(self, dt_s: Float32) -> Float32:
        """The network's input (P, FEATURES). dt_s: (P,) seconds since each person's last frame, 0 for new people."""
        scores = np.where(self.known, self.scores, 0)
        numbers = features(
            self.plane, self.known.astype(np.float32), scores, dt_s, self.own, self.visible, self.own_known
        )
        return np.asarray(numbers, np.float32)

    def _add(self, row: int, evidence: Evidence, recipe: Float32) -> None:
        self.own[row] = (recipe @ _known(evidence.world_m)) @ self.views[row]
        self.visible[row] = least(recipe, _known(evidence.visibility))
        self.own_known[row] = 1


def _known(values: Float32) -> Float32:
    """NaN replaced by 0."""
    return np.where(np.isnan(values), np.float32(0), values)
