"""A lifter's normalisation, shared by training (torch) and inference (numpy).

It uses only operations that numpy arrays and torch tensors have in common.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from rtpose.errors import ModelError

ROOT = 0
"""Index of the root joint in h36m17."""


@dataclass(frozen=True)
class DepthCodec:
    """The normalisation of `svmac`, Section 3: focal length 1, a person `distance` away, mean joint distance 1.

    2D joints are relative to the root and scaled so that the other joints are 1 / distance away from it on average.
    The network returns a depth per joint, relative to the root, in units of the mean joint distance.
    """

    distance: float = 10.0

    def encode(self, points: Any) -> tuple[Any, Any]:
        """(N, J, 2) points on the image plane (any unit) -> network input (N, 2 J) and its scale (N,).

        `scale`: network units per unit of `points`.
        """
        relative = points - points[:, ROOT : ROOT + 1]
        others = relative[:, ROOT + 1 :]  # the root's distance is 0, where the square root has no gradient
        mean = ((others * others).sum(-1) ** 0.5).mean(-1)
        scale = 1.0 / (self.distance * mean.clip(min=1e-9))
        normalised = relative * scale[:, None, None]
        return normalised.reshape(len(points), -1), scale

    def decode(self, network_input: Any, depth: Any) -> Any:
        """Network input (N, 2 J) and depths (N, J) -> (N, J, 3) in camera axes, Eq. 1 and 2: X = x Z, Z = depth + c.

        The root is at (0, 0, its depth + c): subtract it for a root-relative pose.
        """
        namespace = sys.modules[type(depth).__module__.split(".")[0]]
        points = network_input.reshape(len(depth), -1, 2)
        z = depth + self.distance
        return namespace.stack([points[..., 0] * z, points[..., 1] * z, z], axis=-1)

    def facts(self) -> dict[str, object]:
        """The codec as a network file's metadata describes it."""
        return {"codec": "depth", "distance": self.distance}


def codec_from_facts(facts: Any) -> DepthCodec:
    """The codec that a network file names. Errors: `ModelError` for one that this version does not know."""
    match facts:
        case {"codec": "depth", "distance": float(distance) | int(distance)} if distance > 0:
            return DepthCodec(float(distance))
    raise ModelError(f"the network's normalisation is {facts}, this rtpose knows the codec 'depth': update rtpose")
