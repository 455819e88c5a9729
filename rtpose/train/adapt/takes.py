"""Training data from a clip: people as one landmark network sees them, and the poses of the slowest estimator.

The teacher is the network heavy, looking ahead and back. On real footage it is more accurate than full, live, so it
is worth imitating where there is no ground truth.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from rtpose.camera import camera_of
from rtpose.capture import open_source
from rtpose.config import RunSettings
from rtpose.errors import InputError
from rtpose.pose.detect import open_detector
from rtpose.pose.estimators import open_estimators
from rtpose.pose.lift.fusion import MEASURED
from rtpose.pose.lift.fusion_codec import TYPICAL_HEIGHT_M
from rtpose.pose.lift.fusion_sight import Sight
from rtpose.types import Float32, Person3D

TEACHER, LOOKAHEAD_S = "heavy", 2.0
SAME_PERSON = 0.15
"""Largest mean distance of 2D joints, in heights of the person, at which student and teacher see the same person."""
LONGEST_GAP_S = 0.5
"""A longer gap ends a take: the running lifter forgets people then, too."""
SHORTEST_FRAMES = 16
_BODY = 17


@dataclass(frozen=True, slots=True)
class Take:
    """One person, frame after frame; axes of each frame's upright virtual camera."""

    features: Float32
    """(T, FEATURES) of the student's network."""
    turn: Float32
    """(T, 3, 3) axes of a frame = this @ axes of the one before."""
    pose: Float32
    """(T, 28, 3) the teacher's, metres for a height of 1.70 m, relative to the root."""
    weight: Float32
    """(T, 28) the teacher's confidence."""
    view: Float32
    """(T, 3, 3) camera axes = this @ axes of the upright virtual camera."""
    t_s: NDArray[np.float64]
    """(T,) times in the clip."""

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.pose)

    def part(self, start: int, end: int) -> Take:
        """Frames start to end, as a separate take."""
        features = self.features[start:end].copy()
        rows = slice(start, end)
        return Take(features, self.turn[rows], self.pose[rows], self.weight[rows], self.view[rows], self.t_s[rows])


@dataclass(frozen=True, slots=True)
class _Seen:
    """One person in one frame."""

    t_s: float
    sight: Sight
    row: int
    """Of the person in `sight`."""
    taught: Person3D


def takes_of(clip: str, network: str, settings: RunSettings, on_frame: Callable[[int, int | None], None]) -> list[Take]:
    """All people in a clip. network: the student's. settings: people, camera, lifter. on_frame: called with the number
    of frames so far and in total.

    Errors: those of the source; `InputError` if no person is seen for `SHORTEST_FRAMES` consecutive frames.
    """
    detector = open_detector("blazepose", persons=settings.persons, network=network)
    slow = replace(settings, network=TEACHER, lookahead_s=LOOKAHEAD_S)
    # Poses at the size that the network expects.
    teacher = open_estimators(slow, height_m=TYPICAL_HEIGHT_M / MEASURED).each[0]
    source = open_source(clip)
    camera_for, _ = camera_of(settings, source.info)
    people: dict[int, list[_Seen]] = {}
    waiting: deque[tuple[float, Sight | None, Callable[[], list[Person3D]]]] = deque()

    def finish() -> None:
        t_s, sight, estimate = waiting.popleft()
        for taught in estimate():
            row = None if sight is None else _same_person(taught, sight)
            if sight is not None and row is not None:
                people.setdefault(taught.track_id, []).append(_Seen(t_s, sight, row, taught))

    try:
        while not source.ended:
            frame = source.read()
            if frame is None:
                continue
            camera = camera_for(frame.size)
            seen = detector.detect(frame)
            sight = Sight.of(seen, detector.skeleton, camera) if seen else None
            waiting.append((frame.pts_s, sight, teacher.begin(frame, camera)))
            on_frame(frame.frame_id + 1, source.info.frame_count)
            while frame.pts_s - waiting[0][0] >= LOOKAHEAD_S:
                finish()
        while waiting:
            finish()
    finally:
        source.close()
    takes = [take for seen_of in people.values() for take in _pieces(seen_of)]
    if not takes:
        raise InputError(
            f"{clip} shows no person for {SHORTEST_FRAMES} consecutive frames: there is nothing to learn from"
        )
    return takes


def _same_person(taught: Person3D, sight: Sight) -> int | None:
    pixels = taught.keypoints_2d[:_BODY, :2]
    apart_px = np.linalg.norm(sight.keypoints[:, :_BODY, :2] - pixels, axis=-1).mean(-1)
    nearest = int(np.argmin(apart_px))
    return nearest if apart_px[nearest] <= SAME_PERSON * float(np.ptp(pixels[:, 1])) else None


def _pieces(seen: list[_Seen]) -> list[Take]:
    """One person's frames, cut where they were away."""
    cuts = [0, *(n for n in range(1, len(seen)) if seen[n].t_s - seen[n - 1].t_s > LONGEST_GAP_S), len(seen)]
    return [_take(seen[a:b]) for a, b in pairwise(cuts) if b - a >= SHORTEST_FRAMES]


def _take(seen: list[_Seen]) -> Take:
    dt_s = np.diff([each.t_s for each in seen], prepend=seen[0].t_s).astype(np.float32)
    views = np.stack([each.sight.views[each.row] for each in seen])
    features = [
        each.sight.features(np.full(len(each.sight.views), step, np.float32))[each.row]
        for each, step in zip(seen, dt_s, strict=True)
    ]
    turn = np.concatenate([np.eye(3, dtype=np.float32)[None], views[1:].transpose(0, 2, 1) @ views[:-1]])
    poses = np.stack([each.taught.pose_3d for each in seen])
    known: NDArray[np.bool_] = np.isfinite(poses).min(-1)
    return Take(
        np.stack(features),
        turn,
        (np.where(known[..., None], poses, 0) @ views).astype(np.float32),
        np.where(known, np.stack([each.taught.confidence for each in seen]), 0).astype(np.float32),
        views.astype(np.float32),
        np.array([each.t_s for each in seen]),
    )
