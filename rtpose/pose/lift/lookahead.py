"""A lifter that also knows the frames that follow.

It lifts them backwards in time, too, and takes the mean of both directions. They err differently: each lags behind what
the other has seen already.
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
"""Of the lookahead. A pass backwards starts at the newest frame, without a memory: the frames that it meets first only
build one up."""


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """A frame's people in 2D, who they are, and when."""

    people: Sequence[Person2D]
    track_ids: Sequence[int]
    camera: Camera
    t_s: float


@dataclass(slots=True)
class Lookahead:
    """Two lifters of one kind: one follows time, the other goes against it.

    `announce` may be called in another thread than `lift`; each is called once a frame, in the order of the frames.
    """

    forwards: Lifter
    backwards: Lifter
    skeleton: Skeleton
    lookahead_s: float
    _upcoming: deque[Moment] = field(default_factory=deque)
    _from_behind: dict[Moment, Lifted] = field(default_factory=dict)
    """People lifted backwards."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def announce(self, moment: Moment) -> None:
        """A frame that will be lifted later."""
        with self._lock:
            self._upcoming.append(moment)

    def lift(self, moment: Moment) -> Lifted:
        """The people of a moment, as `Lifter.lift_people` gives them; the moments announced after it are used."""
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
        """Another source, or a jump in time."""
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
    """The mean of two estimates of the same people from the same 2D joints. Somebody whose left and right are exchanged
    in `b` stays as in `a`: the pass backwards may have begun while the detector took one for the other."""
    twins = RTPOSE28.twins[: a.poses.shape[1]]  # h36m17 is its first part
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
