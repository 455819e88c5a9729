"""`--quality best`: a recorder's results are held until the source ends, then fitted again over the whole recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rtpose.config import CorrectionSettings
from rtpose.pose.body.bodies import Bodies
from rtpose.pose.body.offline import ClipFrame, fit_clip
from rtpose.pose.body.world import World
from rtpose.types import Camera, Person3D, Result, Sink


class SecondPass:
    """Stands in the pipeline twice: as its body, where it keeps what the lifter made, and as a recorder."""

    def __init__(
        self, live: Bodies, recorder: Sink, world: World | None = None, corrections: CorrectionSettings | None = None,
        *, planted: bool = True,
    ) -> None:  # fmt: skip
        """live: makes the bodies that viewers get meanwhile. recorder: gets those of the second pass, when the source
        has ended. world, corrections, planted: see `fit_clip`."""
        self._live = live
        self._recorder = recorder
        self._world = world
        self._corrections = corrections
        self._planted = planted
        self._lifted: list[ClipFrame] = []
        self._results: list[Result] = []

    @property
    def world(self) -> World:
        """Gravity, floor and sizes as known so far, live."""
        return self._live.world

    def fit(
        self, persons: Sequence[Person3D], camera: Camera, t_s: float
    ) -> tuple[list[Person3D], NDArray[np.float64] | None]:
        """See `rtpose.types.BodyFitter`."""
        self._lifted.append(ClipFrame(t_s, camera, tuple(persons)))
        return self._live.fit(persons, camera, t_s)

    def reset(self) -> None:
        """See `rtpose.types.BodyFitter`."""
        self._live.reset()

    def write(self, result: Result) -> None:
        """See `rtpose.types.Sink`. Pictures are not kept."""
        width, height = result.frame.size
        blank = np.broadcast_to(np.uint8(0), (height, width, 3))  # takes no memory
        self._results.append(replace(result, frame=replace(result.frame, picture=blank)))

    def close(self) -> None:
        """See `rtpose.types.Sink`: the second pass."""
        people, world_from_camera = fit_clip(
            self._lifted[: len(self._results)], self._corrections, planted=self._planted, world=self._world
        )
        try:
            for result, persons in zip(self._results, people, strict=True):
                self._recorder.write(replace(result, persons=tuple(persons), world_from_camera=world_from_camera))
        finally:
            self._recorder.close()
