"""`cascaded`: from a square of the picture around each person straight to 3D.

The person detector finds people. Each person's next square comes from their last pose, so the detector does not run
while everybody is tracked, as in `rtpose.pose.detect.blazepose`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from rtpose.errors import ModelError
from rtpose.geometry import checked_height
from rtpose.networks.facts import read_facts
from rtpose.networks.model_files import sha256_of
from rtpose.networks.options import DEFAULT_OPTIONS, LoadOptions
from rtpose.networks.pool import NetworkPool
from rtpose.pose.cascaded.crop_codec import crop_codec_from_facts
from rtpose.pose.detect.following import box_around, capped_outside, overlap, same_place, same_square, should_search
from rtpose.pose.detect.roi import Finder, Roi
from rtpose.skeleton import as_rtpose28, keypoints_as_rtpose28
from rtpose.stages import stage
from rtpose.types import Camera, Float32, Frame, Person3D, Picture, Tracker

MIN_CONFIDENCE = 0.2
"""If the mean over the joints is lower, the square has no person."""
KEEP_CONFIDENCE = 0.5
"""A tracked person with a lower mean is kept only if the person detector finds them, too."""
OUTPUTS = ("joints", "pose", "confidence")


@dataclass(frozen=True, slots=True)
class CropPose:
    """The network's result for one person."""

    joints_px: Float32
    """(17, 2) pixels of the picture."""
    pose_m: Float32
    """(17, 3) metres, camera axes, relative to the root."""
    root_m: Float32
    """(3,) metres, camera space."""
    confidence: Float32
    """(17,) 0..1."""


class CascadedNetwork:
    """Runs a trained `cascaded`: squares of a picture in, poses in camera space out."""

    def __init__(self, file: Path, *, options: LoadOptions = DEFAULT_OPTIONS, pool: NetworkPool | None = None) -> None:
        """pool: to share the network with others; None makes a new one.

        Errors: `ModelError` for a file that is missing, damaged, of another kind or of an unknown version.
        """
        self.file = file
        self._backend = (pool or NetworkPool()).load(file, options)
        self.facts = read_facts(file, self._backend.metadata, "picture network")
        self.codec = crop_codec_from_facts(self.facts["normalisation"])
        size = self.codec.input_px
        expected = {"image": (-1, 3, size, size)}
        if dict(self._backend.input_shapes) != expected or tuple(self._backend.output_names) != OUTPUTS:
            raise ModelError(
                f"{file} is not a picture network: it has the inputs {dict(self._backend.input_shapes)} and outputs "
                f"{', '.join(self._backend.output_names)}, expected {expected} and {', '.join(OUTPUTS)}"
            )

    @property
    def knows_presence(self) -> bool:
        """Whether its confidence means anything: in the variant without joint heatmaps it is always high."""
        architecture = self.facts.get("architecture")
        return not (isinstance(architecture, dict) and architecture.get("variant") == "baseline")

    def look(
        self, picture: Picture, rois: Sequence[Roi], camera: Camera, height_m: float | None = None
    ) -> list[CropPose]:
        """The people in the squares, in one batch.

        height_m: their standing height, to which poses are scaled; None keeps the network's own size. The root is
        placed where a pose of that size projects best onto the 2D joints.
        """
        if not rois:
            return []
        codec = self.codec
        crops = np.stack([codec.crop(picture, roi) for roi in rois])
        out = self._backend.run({"image": codec.encode(crops)})
        found = []
        for roi, joints, pose, confidence in zip(rois, *(out[name] for name in OUTPUTS), strict=True):
            joints_px = codec.decode_joints(joints[:, :2], roi)
            pose_m = codec.decode_pose(pose, roi, camera, height_m)
            root_m = codec.place(pose_m, joints_px, confidence, camera)
            found.append(CropPose(joints_px, pose_m, root_m, confidence))
        return found

    @property
    def sha256(self) -> str:
        """sha256 of the network's file."""
        return sha256_of(self.file)


def only_rendered(facts: Mapping[str, Any]) -> bool:
    """Whether all training pictures were rendered, according to the file's facts, including those of the run
    that it continued."""
    data = facts.get("training_data")
    if not isinstance(data, dict):
        return False
    sources = [data[key] for key in ("train", "2d") if key in data]
    if not sources or not all(isinstance(source, dict) and "rendered" in source for source in sources):
        return False
    return "start" not in data or (isinstance(data["start"], dict) and only_rendered(data["start"]))


@dataclass(frozen=True, slots=True)
class _Tracked:
    """A person of the last frame."""

    roi: Roi
    bbox: Float32
    doubted: bool


class CascadedEstimator:
    """Person detector, `cascaded`, tracker."""

    def __init__(
        self,
        network: CascadedNetwork,
        finder: Finder,
        tracker: Tracker,
        *,
        persons: int = 1,
        height_m: float | None = None,
        finder_name: str = "blazepose",
    ) -> None:
        """persons: the largest number of people to follow. height_m: everybody's standing height; None keeps the
        network's sizes. finder_name: the name of the finder's detector, for the files' `meta`.

        Errors: `ConfigError` for an impossible height.
        """
        self._network = network
        self._finder = finder
        self._tracker = tracker
        self._persons = persons
        self._finder_name = finder_name
        self._height_m = None if height_m is None else checked_height(height_m)
        self.reset()

    def reset(self) -> None:
        """See `rtpose.types.Estimator`."""
        self._tracker.reset()
        self._look_anew()

    def _look_anew(self) -> None:
        self._people: list[_Tracked] = []
        self._lost = False
        self._searched_s = -np.inf
        self._size: tuple[int, int] | None = None

    def begin(self, frame: Frame, camera: Camera) -> Callable[[], list[Person3D]]:
        """See `rtpose.types.Estimator`. Computes the poses, which give the next squares; ids are assigned later."""
        return partial(self._track, self._look(frame, camera), frame.pts_s)

    def estimate(self, frame: Frame, camera: Camera) -> list[Person3D]:
        """See `rtpose.types.Estimator`."""
        return self.begin(frame, camera)()

    def _look(self, frame: Frame, camera: Camera) -> list[Person3D]:
        """The people of a frame, without ids. All squares go through the network in one batch.

        The person detector looks for people who were lost or doubted in the previous frame, and for new ones while
        fewer than `persons` are tracked. Scores of joints outside the picture are at most 0.1.
        """
        if frame.size != self._size:
            self._look_anew()
            self._size = frame.size
        if 0 in frame.size:
            return []
        rois = [person.roi for person in self._people]
        if self._should_search(frame.pts_s):
            self._searched_s = frame.pts_s
            rois = self._search(frame.picture)
        seen: list[Person3D] = []
        people: list[_Tracked] = []
        with stage("lift"):
            looked = self._network.look(frame.picture, rois, camera, self._height_m)
        for found in looked:
            sure = float(found.confidence.mean())
            bbox = box_around(found.joints_px)
            next_roi = self._network.codec.roi(bbox)
            doubted = sure < KEEP_CONFIDENCE or not self._network.knows_presence
            person = _Tracked(next_roi, bbox, doubted)
            if sure < MIN_CONFIDENCE or not next_roi.is_usable(*frame.size):
                continue
            if any(_same_person(person, other) for other in people):
                continue
            people.append(person)
            scores = capped_outside(found.confidence, found.joints_px, frame.size)
            seen.append(
                Person3D(
                    track_id=-1, bbox=bbox, keypoints_2d=np.column_stack([found.joints_px, scores]),
                    pose_3d=found.pose_m, root_3d=found.root_m, confidence=scores,
                )
            )  # fmt: skip
        self._lost = len(people) < len(self._people)
        self._people = people
        return seen

    def _track(self, seen: list[Person3D], t_s: float) -> list[Person3D]:
        """The same people with their ids and all joints of rtpose28; NaN for those that the network lacks."""
        if not seen:
            return []
        ids = self._tracker.update(
            np.stack([person.keypoints_2d for person in seen]), np.stack([person.bbox for person in seen]), t_s
        )
        return [
            replace(
                person, track_id=track_id, keypoints_2d=keypoints_as_rtpose28(person.keypoints_2d),
                pose_3d=as_rtpose28(person.pose_3d), confidence=as_rtpose28(person.confidence[:, None], 0)[:, 0],
            )
            for person, track_id in zip(seen, ids, strict=True)
        ]  # fmt: skip

    def describe(self) -> dict[str, object]:
        """For the files' `meta`."""
        name = f"{self._finder_name}'s person detector + {self._network.facts['name']}"
        return {"estimator": name, "weights_sha256": self._network.sha256}

    def _should_search(self, now_s: float) -> bool:
        doubted = any(person.doubted for person in self._people)
        since_s = now_s - self._searched_s
        return doubted or should_search(len(self._people), self._persons, lost=self._lost, since_s=since_s)

    def _search(self, picture: Picture) -> list[Roi]:
        """Squares of the tracked people and of new ones. Doubted people are kept only if they are found again."""
        found = self._found(picture, [person.bbox for person in self._people if not person.doubted])
        kept = [
            person.roi
            for person in self._people
            if not person.doubted or any(same_square(person.roi, roi) for roi in found)
        ]
        # The person detector misses small people next to a big one: hide those found and look again.
        while found and len(kept) < self._persons:
            before = len(kept)
            for roi in found:
                if len(kept) < self._persons and not any(same_place(roi, other) for other in kept):
                    kept.append(roi)
            more = before < len(kept) < self._persons
            found = self._found(picture, [_box(roi, self._network.codec.margin) for roi in kept]) if more else []
        return kept

    def _found(self, picture: Picture, hidden: list[Float32]) -> list[Roi]:
        """The people that the person detector is sure of, best first. No second network could confirm the others.

        The squares are upright, as in training.
        """
        with stage("detect"):
            found = self._finder.find(picture, hidden)
        return [replace(roi, angle_rad=0.0) for roi, score in found if score >= self._finder.sure_score]


def _box(roi: Roi, margin: float) -> Float32:
    """(4,) px: the square without its margin."""
    reach = roi.side / margin / 2
    return np.array([roi.cx - reach, roi.cy - reach, roi.cx + reach, roi.cy + reach], np.float32)


def _same_person(a: _Tracked, b: _Tracked) -> bool:
    return same_place(a.roi, b.roi) and overlap(a.bbox, b.bbox)
