"""Runs a trained lifter: pixels in, metric poses in camera space out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rtpose.errors import ModelError
from rtpose.geometry import DEFAULT_HEIGHT_M, camera_from_virtual, checked_height, rays_from_pixels, standing_height
from rtpose.networks.facts import read_facts
from rtpose.networks.model_files import sha256_of
from rtpose.networks.options import DEFAULT_OPTIONS, LoadOptions
from rtpose.networks.pool import NetworkPool
from rtpose.networks.weights import lifter_file
from rtpose.pose.lift.codec import ROOT, codec_from_facts
from rtpose.skeleton import H36M17, Skeleton, h36m17_from
from rtpose.types import Camera, Float32, Lifted, Person2D

NEAREST_M = 0.05
"""Joints are at least this far from the camera."""


class NetworkLifter:
    """Normalise, run the network, undo the normalisation, scale to metres, place in camera space."""

    def __init__(
        self,
        lifter: str,
        *,
        height_m: float = DEFAULT_HEIGHT_M,
        options: LoadOptions = DEFAULT_OPTIONS,
        pool: NetworkPool | None = None,
    ) -> None:
        """lifter: the name of a shipped one, or the path of an .onnx file (for the backend "torch" of a .safetensors
        file). height_m: the person's standing height. pool: to share the network with others; None makes a new one.

        Errors: `ConfigError` for an unknown name or an impossible height; `ModelError` for a file that is damaged, has
        another skeleton or has an unknown version.
        """
        self.height_m = checked_height(height_m)
        self.file = lifter_file(lifter)
        self._backend = (pool or NetworkPool()).load(self.file, options)
        self.facts = read_facts(self.file, self._backend.metadata, "lifter")
        shapes, outputs = dict(self._backend.input_shapes), tuple(self._backend.output_names)
        if shapes != {"points": (-1, 2 * len(H36M17.joints))} or outputs != ("depth",):
            raise ModelError(
                f"{self.file} is not a lifter: it has the inputs {shapes} and outputs {outputs}, expected points "
                "(N, 34) and depth"
            )
        self._codec = codec_from_facts(self.facts["normalisation"])

    @property
    def remembers(self) -> bool:
        """False: it lifts each frame by itself."""
        return False

    def reset(self) -> None:
        """See `rtpose.types.Lifter`. There is no memory to clear."""

    def lift(self, keypoints_2d: Float32, camera: Camera) -> tuple[Float32, Float32, Float32]:
        """keypoints_2d (P, 17, 3) x px, y px, score -> poses (P, 17, 3), roots (P, 3) in metres, confidence (P, 17).

        The poses project exactly onto the given 2D joints: the network only adds depth.
        """
        scores = keypoints_2d[..., 2]
        if len(keypoints_2d) == 0:
            return np.zeros((0, 17, 3), np.float32), np.zeros((0, 3), np.float32), scores.copy()
        rays = rays_from_pixels(keypoints_2d[..., :2], camera)
        camera_from_view = camera_from_virtual(rays[:, ROOT])
        view = rays @ camera_from_view  # rows: the transposed rotation
        plane = view[..., :2] / np.maximum(view[..., 2:], np.float32(1e-3))

        network_input, scale = self._codec.encode(plane)
        depth = self.depth(network_input)
        unit = self._codec.decode(network_input, depth)
        metres_per_unit = self._metres_per(standing_height(unit, scores))

        # After scaling by `scale`, one unit at the codec's distance covers `1 / distance` of the plane. This gives the
        # ratio of the person's true distance to the codec's.
        distance_m = scale * self._codec.distance * metres_per_unit
        z = np.maximum(depth * metres_per_unit[:, None] + distance_m[:, None], np.float32(NEAREST_M))
        placed = np.concatenate([plane * z[..., None], z[..., None]], axis=-1)
        # At the true distance the perspective differs, so the bones become a little longer or shorter. Scaling
        # everything, including the distance, keeps each joint on its ray.
        placed *= self._metres_per(standing_height(placed, scores))[:, None, None]

        roots = placed[:, ROOT]
        view_to_camera = camera_from_view.transpose(0, 2, 1)
        poses = (placed - roots[:, None]) @ view_to_camera
        roots = (roots[:, None] @ view_to_camera)[:, 0]
        return poses.astype(np.float32), roots.astype(np.float32), scores.astype(np.float32)

    def lift_people(
        self, people: Sequence[Person2D], skeleton: Skeleton, camera: Camera, track_ids: Sequence[int], t_s: float
    ) -> Lifted:
        """See `rtpose.types.Lifter`. Evidence, ids and time are not used."""
        keypoints = h36m17_from(skeleton, np.stack([person.keypoints for person in people]))
        poses, roots, confidence = self.lift(keypoints, camera)
        return Lifted(poses, roots, confidence, keypoints)

    def depth(self, network_input: Float32) -> Float32:
        """Only the network: normalised points (N, 34) -> depth (N, 17) in units of the mean joint distance."""
        return self._backend.run({"points": network_input.astype(np.float32)})["depth"]

    def _metres_per(self, height: Float32) -> Float32:
        """(P,) the factor from `height` to the person's real height. If all joints coincide, `height` is 0."""
        return (self.height_m / np.maximum(height, 1e-6)).astype(np.float32)

    def describe(self) -> dict[str, object]:
        """Name, backend-independent facts and the file's sha256."""
        return {
            "lifter": self.facts["name"],
            "lifter_sha256": sha256_of(self.file),
            "height_m": self.height_m,
        }
