"""Runs the lifter `fusion`: 2D joints and the detector's evidence in, metric people in camera space out.

It keeps each person's last pose and the network's state. So the result stays right when a detector swaps left and right
for a few frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rtpose.errors import ModelError
from rtpose.geometry import DEFAULT_HEIGHT_M, checked_height
from rtpose.networks.model_files import sha256_of
from rtpose.networks.options import DEFAULT_OPTIONS, LoadOptions
from rtpose.networks.pool import NetworkPool
from rtpose.networks.weights import FOLDER
from rtpose.pose.lift.fusion_codec import (
    BODY,
    COUNT,
    FEATURES,
    JOINTS,
    ROOT,
    THORAX,
    TYPICAL_HEIGHT_M,
)
from rtpose.pose.lift.fusion_knees import with_straighter_knees
from rtpose.pose.lift.fusion_sight import Sight
from rtpose.skeleton import Skeleton
from rtpose.types import Camera, Float32, Lifted, Person2D

FILE = FOLDER / "fusion.onnx"
MAX_GAP_S = 0.5
"""After a longer gap, somebody counts as a new person."""
CLOSE_M = 0.1
"""Confidence is the probability of an error below this."""
MEASURED = 0.955
"""`standing_height` of a person's joints, as a share of their real height: 0.945 on the rendered bodies, 0.97 on a
measured one. By this measure, the network's people are 1.70 m tall."""
SEEN = 0.5
"""A joint with at least this score counts as visible."""
ERROR_PER_SCALE = 3.0
"""The network predicts the scale of a gamma distribution of shape 3, whose mean is three times the scale."""
OWN_ERROR_M = 0.02
"""Smallest scale of a visible joint's own error."""
_FEWER_OF_A_PART = np.where(np.arange(COUNT) < BODY, 1.0, 0.25)
"""Face, feet and hands have many joints, so each of these counts less."""
SHARE_OF_SCALE, SIZE_ERROR = 0.88, 0.10
"""Confidence multiplies the network's scales by the first and adds the second times a joint's distance from the root,
because nobody's true size is known. Chosen on real and rendered people together (docs/fusion.md)."""
HIPS = [JOINTS.index("left_hip"), JOINTS.index("right_hip")]
NEAREST_M = 0.3
"""Roots are at least this far from the camera."""


@dataclass(slots=True)
class _Person:
    t_s: float
    pose: Float32
    """(28, 3) of somebody 1.70 m tall, camera axes."""
    hidden: Float32


class FusionLifter:
    """One network, with a memory for each track id. Not thread-safe."""

    def __init__(
        self,
        file: Path = FILE,
        *,
        height_m: float = DEFAULT_HEIGHT_M,
        options: LoadOptions = DEFAULT_OPTIONS,
        pool: NetworkPool | None = None,
    ) -> None:
        """height_m: everybody's standing height. pool: to share the network with others; None makes a new one.

        Errors: `ConfigError` for an impossible height; `ModelError` for a file that is damaged or another network.
        """
        self.height_m = checked_height(height_m)
        self.file = file
        self._network = (pool or NetworkPool()).load(file, one_by_one(options))
        shapes = {name: shape[1:] for name, shape in self._network.input_shapes.items()}
        hidden = shapes.get("hidden", ())
        if shapes != {"features": (FEATURES,), "last_pose": (COUNT, 3), "hidden": hidden} or len(hidden) != 2:
            raise ModelError(f"{file} is not a fusion lifter of this version: it has the inputs {shapes}")
        self._hidden_shape = hidden
        # Reused for every run, see `OpenVinoBackend.run`.
        self._given = {name: np.zeros((1, *shape), np.float32) for name, shape in shapes.items()}
        self._error_factor = float(self._network.metadata.get("error_factor", "1"))
        self.reset()

    def reset(self) -> None:
        """Forget everybody, for a new source or after a jump in time."""
        self._people: dict[int, _Person] = {}

    @property
    def remembers(self) -> bool:
        """True: it smooths over time itself."""
        return True

    def lift_people(
        self, people: Sequence[Person2D], skeleton: Skeleton, camera: Camera, track_ids: Sequence[int], t_s: float
    ) -> Lifted:
        """See `rtpose.types.Lifter`. Joints are those of rtpose28. Confidence is the probability that a joint lies
        within `CLOSE_M` of the truth, relative to the root, or to the thorax if the hips are hidden.

        Hips and shoulders must be known; other joints may be missing (NaN, or a score of 0).
        Errors: `ConfigError` for a skeleton that rtpose28 cannot be derived from.
        """
        count = len(people)
        if count == 0:
            nobody = np.zeros((0, COUNT, 3), np.float32)
            return Lifted(nobody, nobody[:, 0], nobody[..., 0], nobody, nobody[:, 0])
        sight = Sight.of(people, skeleton, camera)
        views = sight.views
        self._people = {i: p for i, p in self._people.items() if 0 < t_s - p.t_s <= MAX_GAP_S}
        last, hidden, dt_s = self._recall(track_ids, views, t_s)
        each = [self._run(*of_one) for of_one in zip(sight.features(dt_s), last, hidden, strict=True)]
        out = {name: np.concatenate([of_one[name] for of_one in each]) for name in self._network.output_names}

        camera_poses = out["pose"] @ views.transpose(0, 2, 1)
        for row, track_id in enumerate(track_ids):
            self._people[track_id] = _Person(t_s, camera_poses[row], out["next_hidden"][row])
        factor = np.float32(MEASURED * self.height_m / TYPICAL_HEIGHT_M)
        roots = place(out["pose"] * factor, sight.plane, np.where(sight.known, sight.scores + np.float32(0.05), 0))
        scale_m = np.exp(out["log_error"]) * np.float32(self._error_factor) * factor
        down = out["down"] / np.maximum(np.sqrt((out["down"] ** 2).sum(-1, keepdims=True)), np.float32(1e-6))
        in_camera = views @ np.stack([roots, down], -1)
        return Lifted(
            poses=with_straighter_knees(camera_poses * factor),
            roots=in_camera[..., 0],
            confidence=_confidence(scale_m, sight.scores, out["pose"] * factor),
            keypoints_2d=sight.keypoints,
            down=in_camera[..., 1],
            error_m=_errors(scale_m),
        )

    def _run(self, features: Float32, last_pose: Float32, hidden: Float32) -> dict[str, Float32]:
        """Run the network for one person."""
        given = self._given
        given["features"][0], given["last_pose"][0], given["hidden"][0] = features, last_pose, hidden
        return self._network.run(given)

    def _recall(self, track_ids: Sequence[int], views: Float32, t_s: float) -> tuple[Float32, Float32, Float32]:
        """Last poses in the axes of `views`, network states, and seconds since then; all zero for new people."""
        count = len(track_ids)
        last = np.zeros((count, COUNT, 3), np.float32)
        hidden = np.zeros((count, *self._hidden_shape), np.float32)
        dt_s = np.zeros(count, np.float32)
        for row, track_id in enumerate(track_ids):
            if (person := self._people.get(track_id)) is not None:
                last[row], hidden[row], dt_s[row] = person.pose @ views[row], person.hidden, t_s - person.t_s
        return last, hidden, dt_s

    def describe(self) -> dict[str, object]:
        """Name, the file's sha256 and the assumed height."""
        return {"lifter": "fusion", "lifter_sha256": sha256_of(self.file), "height_m": self.height_m}


def one_by_one(options: LoadOptions) -> LoadOptions:
    """The same options for one person per run. Fixed shapes save so much work per run that even four people are no
    slower than in one batch."""
    return replace(options, rows=1)


def _errors(scale_m: Float32) -> Float32:
    """(P, 28) metres: the mean errors for these scales; the root's is 0 by definition."""
    errors = (ERROR_PER_SCALE * scale_m).astype(np.float32)
    errors[:, ROOT] = 0
    return errors


def _confidence(scale_m: Float32, scores: Float32, poses: Float32) -> Float32:
    """(P, 28). scale_m: (P, 28) scales of the errors relative to the root; scores: (P, 28) of the detector;
    poses: (P, 28, 3) metres, any axes.

    If a desk hides the hips, the position of a hand relative to them is uncertain, but relative to the shoulders it is
    well known. The error of a hidden root is part of every joint's error, the thorax's too: only what exceeds the
    thorax's error is a visible joint's own.
    """
    scale_m = SHARE_OF_SCALE * scale_m
    own = np.sqrt(np.maximum(scale_m**2 - scale_m[:, THORAX : THORAX + 1] ** 2, 0) + OWN_ERROR_M**2)
    of_thorax = (scores[:, HIPS].min(1, keepdims=True) < SEEN) & (scores >= SEEN)
    centres = np.where(of_thorax[..., None], poses[:, THORAX : THORAX + 1], poses[:, ROOT : ROOT + 1])
    size_m = SIZE_ERROR / ERROR_PER_SCALE * np.linalg.norm(poses - centres, axis=-1)
    confidence = closeness(np.hypot(np.where(of_thorax, np.minimum(own, scale_m), scale_m), size_m))
    confidence[:, ROOT] = confidence[:, HIPS].min(1)  # its own error is 0 by definition
    return confidence


def closeness(scale_m: Float32) -> Float32:
    """Probability that an error is below `CLOSE_M`, for errors that follow a gamma distribution of shape 3."""
    x = CLOSE_M / np.maximum(scale_m, 1e-4)
    return np.asarray(1 - np.exp(-x) * (1 + x + x * x / 2), dtype=np.float32)


def place(poses: Float32, plane: Float32, weights: Float32) -> Float32:
    """Roots (P, 3) at which the poses have the position and the size that the detector saw.

    The position is the weighted mean over the joints; the depth is the pose's size divided by its size in the picture.
    Least squares gives the same for joints that match, but with swapped sides it pulls the root towards the camera.

    poses: (P, 28, 3) metres relative to the root; plane: (P, 28, 2) on the plane at z = 1; weights: (P, 28).
    """
    w = (weights * _FEWER_OF_A_PART)[:, None]
    w /= w.sum(-1, keepdims=True)
    flat = poses[..., :2] - plane * poses[..., 2:]  # for the true root (X, Y, Z) this is plane * Z - (X, Y)
    both = np.concatenate([plane, flat], -1)
    mean = w @ both
    variance = w @ (both - mean) ** 2
    seen, extent = variance[..., :2].sum(-1), variance[..., 2:].sum(-1)
    z = np.maximum(np.sqrt(extent / np.maximum(seen, 1e-9)), NEAREST_M)
    return np.concatenate([mean[:, 0, :2] * z - mean[:, 0, 2:], z], -1).astype(np.float32)
