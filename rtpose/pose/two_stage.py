"""Detector, tracker, lifter. The lifter gets the track ids, because it may remember people."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from rtpose.pose.lift.lookahead import Lookahead, Moment
from rtpose.skeleton import H36M17, as_rtpose28, h36m17_from, keypoints_as_rtpose28
from rtpose.stages import stage
from rtpose.types import Camera, Detector, Frame, Lifter, Person2D, Person3D, Tracker

_NO_JOINTS = np.zeros((0, len(H36M17.joints), 3), np.float32)
_NO_BOXES = np.zeros((0, 4), np.float32)


class TwoStageEstimator:
    """2D joints of everyone by a detector, lifted in one batch."""

    def __init__(
        self, name: str, detector: Detector, tracker: Tracker, lifter: Lifter, lookahead: Lookahead | None = None
    ) -> None:
        """name: the detector's, for the files' `meta`. lookahead: lifts instead of `lifter`, with the frames that were
        begun meanwhile."""
        self._name = name
        self._detector = detector
        self._tracker = tracker
        self._lifter = lifter
        self._lookahead = lookahead

    def begin(self, frame: Frame, camera: Camera) -> Callable[[], list[Person3D]]:
        """See `rtpose.types.Estimator`: the detector, which remembers where people are; who is who can wait, but not
        where others look ahead."""
        with stage("detect"):
            seen = self._detector.detect(frame)
        if self._lookahead is None:
            return lambda: self._lift(self._track(seen, camera, frame.pts_s))
        moment = self._track(seen, camera, frame.pts_s)
        self._lookahead.announce(moment)
        return partial(self._lift, moment)

    def estimate(self, frame: Frame, camera: Camera) -> list[Person3D]:
        """See `rtpose.types.Estimator`."""
        return self.begin(frame, camera)()

    @stage("track")
    def _track(self, seen: list[Person2D], camera: Camera, t_s: float) -> Moment:
        if not seen:
            ids = self._tracker.update(_NO_JOINTS, _NO_BOXES, t_s)  # counts as missed by everybody
        else:
            keypoints = h36m17_from(self._detector.skeleton, np.stack([person.keypoints for person in seen]))
            boxes = np.stack([person.bbox for person in seen])
            ids = self._tracker.update(keypoints, boxes, t_s, [person.appearance for person in seen])
        return Moment(seen, ids, camera, t_s)

    def _lift(self, moment: Moment) -> list[Person3D]:
        people, track_ids = moment.people, moment.track_ids
        if not people:
            return []
        with stage("lift"):
            if self._lookahead is not None:
                lifted = self._lookahead.lift(moment)
            else:
                lifted = self._lifter.lift_people(people, self._detector.skeleton, moment.camera, track_ids, moment.t_s)
        poses, confidence = as_rtpose28(lifted.poses), as_rtpose28(lifted.confidence[..., None], 0)[..., 0]
        pixels = keypoints_as_rtpose28(lifted.keypoints_2d)
        error_m, down = lifted.error_m, lifted.down
        return [
            Person3D(
                track_id=track_ids[i], bbox=person.bbox, keypoints_2d=pixels[i], pose_3d=poses[i],
                root_3d=lifted.roots[i], confidence=confidence[i],
                error_m=None if error_m is None else error_m[i], down=None if down is None else down[i],
            )
            for i, person in enumerate(people)
        ]  # fmt: skip

    def reset(self) -> None:
        """Another source, or a jump in time."""
        self._detector.reset()
        self._tracker.reset()
        self._lifter.reset()
        if self._lookahead is not None:
            self._lookahead.reset()

    def describe(self) -> dict[str, object]:
        """For the files' `meta`."""
        facts = self._lifter.describe()
        return {"estimator": f"{self._name} + {facts['lifter']}", "weights_sha256": facts["lifter_sha256"]}
