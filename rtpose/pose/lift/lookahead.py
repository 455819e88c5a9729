"""A lifter that also uses the frames that follow.

It also lifts backwards in time, and takes the mean of both directions. Their errors differ: each direction lags behind
movements that the other has already seen.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from rtpose.skeleton import RTPOSE28, Skeleton
from rtpose.types import Camera, Float32, Lifted, Lifter, Person2D

KEPT_SHARE = 0.5
"""The share of the lookahead for which a backward pass is used. The pass starts at the newest frame with an empty
memory, which its first frames only fill."""


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """The 2D people of a frame, their ids, the camera and the time."""

    people: Sequence[Person2D]
    track_ids: Sequence[int]
    camera: Camera
    t_s: float


@dataclass(slots=True)
class Lookahead:
    """Two lifters of one kind: one runs forwards in time, the other backwards.

    `announce` and `lift` may be called in different threads. Each is called once per frame, in the order of the frames.
    """

    forwards: Lifter
    backwards: Lifter
    skeleton: Skeleton
    lookahead_s: float
    _upcoming: deque[Moment] = field(default_factory=deque)
    _from_behind: dict[Moment, Lifted] = field(default_factory=dict)
    """Results of the last backward pass."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def announce(self, moment: Moment) -> None:
        """Add a frame that will be lifted later."""
        with self._lock:
            self._upcoming.append(moment)

    def lift(self, moment: Moment) -> Lifted:
        """Lift the people of a moment as `Lifter.lift_people` does, also using the moments announced after it."""
        with self._lock:
            if moment in self._upcoming:
                while self._upcoming[0] is not moment:
                    self._upcoming.popleft()
            following = list(self._upcoming)
            if following:
                self._upcoming.popleft()
        forward = self.forwards.lift_people(moment.people, self.skeleton, moment.camera, moment.track_ids, moment.t_s)
        if moment not in self._from_behind:
            self._look_back(following)
        backward = self._from_behind.pop(moment, None)
        return forward if backward is None else mean_of(forward, backward)

    def reset(self) -> None:
        """Forget everything, for a new source or after a jump in time."""
        with self._lock:
            self._upcoming.clear()
        self._from_behind.clear()
        self.forwards.reset()
        self.backwards.reset()

    def _look_back(self, following: Sequence[Moment]) -> None:
        self.backwards.reset()
        self._from_behind.clear()
        if not following:
            return
        kept_until_s = following[0].t_s + KEPT_SHARE * self.lookahead_s
        for moment in reversed(following):
            if not moment.people:
                continue
            lifted = self.backwards.lift_people(
                moment.people, self.skeleton, moment.camera, moment.track_ids, -moment.t_s
            )
            if moment.t_s <= kept_until_s:
                self._from_behind[moment] = lifted


def mean_of(a: Lifted, b: Lifted) -> Lifted:
    """The mean of two estimates of the same people from the same 2D joints. Somebody whose left and right are swapped
    in `b` stays as in `a`: the backward pass may have started while the detector had them swapped."""
    twins = RTPOSE28.twins[: a.poses.shape[1]]  # the joints of h36m17 come first
    apart = np.linalg.norm(a.poses - b.poses, axis=-1).mean(-1)
    mirrored = np.linalg.norm(a.poses - b.poses[:, twins], axis=-1).mean(-1)
    exchanged = mirrored < apart

    def mean(x: Float32 | None, y: Float32 | None) -> Float32 | None:
        if x is None or y is None:
            return None
        rows = exchanged.reshape(-1, *[1] * (x.ndim - 1))
        return np.where(rows, x, (x + y) / 2).astype(np.float32)

    down = mean(a.down, b.down)
    if down is not None:
        down = down / np.maximum(np.linalg.norm(down, axis=-1, keepdims=True), np.float32(1e-6))
    poses, roots, confidence = mean(a.poses, b.poses), mean(a.roots, b.roots), mean(a.confidence, b.confidence)
    assert poses is not None
    assert roots is not None
    assert confidence is not None
    return replace(a, poses=poses, roots=roots, confidence=confidence, down=down, error_m=mean(a.error_m, b.error_m))
