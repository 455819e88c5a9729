"""BlazePose: Google's person detector and its landmark network of 33 joints, run on OpenVINO.

The person detector looks at the whole picture and says where people are. The landmark network looks at one
person's square and gives the joints, how sure it is that somebody is there, and where the person's square
will be in the next frame. So while people are tracked, the person detector rests.

Follows the graph of mediapipe 0.10.21's `Pose` (model complexity 1), without its smoothing over time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from rtpose.networks import downloads
from rtpose.networks.options import DEFAULT_OPTIONS, LoadOptions
from rtpose.networks.pool import NetworkPool
from rtpose.pose.detect import ssd
from rtpose.pose.detect.following import box_around, capped_outside, overlap, same_place, same_square, should_search
from rtpose.pose.detect.roi import Roi, cut_out
from rtpose.skeleton import BLAZEPOSE33, Skeleton
from rtpose.stages import stage
from rtpose.types import Float32, Frame, Image, Person2D, Picture, picture_size

PERSON_FILE = "pose_detection.tflite"
LANDMARK_FILES = {
    "full": "pose_landmark_full.tflite", "lite": "pose_landmark_lite.tflite", "heavy": "pose_landmark_heavy.tflite",
}  # fmt: skip
"""By size, the default first."""
PERSON_OUTPUTS = ("Identity", "Identity_1")
LANDMARK_OUTPUTS = ("Identity", "Identity_1", "Identity_3")
"""What is used of the two networks: the rest of them is not run."""
CROP_SIZE = 256
HEATMAP_SIZE = 64
JOINTS = len(BLAZEPOSE33.joints)
CENTRE_POINT, SCALE_POINT = JOINTS, JOINTS + 1
"""The landmark network's auxiliary points that give the next square."""

MIN_DETECTION_SCORE = 0.5
MAX_DETECTION_OVERLAP = 0.3
MIN_PRESENCE = 0.5
SURE_DETECTION_SCORE = 0.6
SURE_PRESENCE = 0.9995
"""A new person needs one of the two networks to be sure. Both take the foot of a table for a person now and
then, at 0.5 to 0.6 and mostly below 0.99; mediapipe, which lacks this rule, then tracks furniture."""
KEEP_PRESENCE = 0.95
"""Somebody tracked who is less present than that stays only if the person detector is sure of them too."""
ROI_MARGIN = 1.25
"""The square is that much wider than the circle around the body, as in the network's training."""
MAX_RAW = 1e4
"""Landmarks are crop pixels and logits: anything beyond is rubbish."""
REFINE_REACH = 3
"""Heatmap cells around a joint, in each direction, that refine its place."""
MIN_REFINE_CONFIDENCE = 0.5


@dataclass(frozen=True, slots=True)
class _Seen:
    """One person that the landmark network confirmed."""

    person: Person2D
    next_roi: Roi


class PersonFinder:
    """The person detector alone: squares around people. Not for use from several threads at once."""

    sure_score = SURE_DETECTION_SCORE

    def __init__(self, *, options: LoadOptions = DEFAULT_OPTIONS, pool: NetworkPool | None = None) -> None:
        """Errors: `ModelError` if the network file cannot be fetched or read."""
        self._network = (pool or NetworkPool()).load(
            downloads.ensure(PERSON_FILE), replace(options, outputs=PERSON_OUTPUTS)
        )
        self._anchors = ssd.anchor_centres()
        # Reused for every frame: allocating them costs about as much as filling them.
        self._pixels: Image = np.empty((ssd.INPUT_SIZE, ssd.INPUT_SIZE, 3), np.uint8)
        self._input: Float32 = np.empty((1, *self._pixels.shape), np.float32)

    def find(self, picture: Picture, hidden: Sequence[Float32] = ()) -> list[tuple[Roi, float]]:
        """The squares around people that the detector takes for sure enough, best first, with their scores.

        hidden: boxes of the picture, x0, y0, x1, y1 px, that it must not see.
        """
        width, height = picture_size(picture)
        whole = Roi(width / 2, height / 2, float(max(width, height)))
        cut_out(picture, whole.picture_from_crop(ssd.INPUT_SIZE), self._pixels, border=cv2.BORDER_CONSTANT)
        corner = np.array([whole.cx, whole.cy], np.float32) - np.float32(whole.side / 2)
        for box in hidden:
            x0, y0, x1, y1 = (
                ((box.reshape(2, 2) - corner) * (ssd.INPUT_SIZE / whole.side)).clip(0, ssd.INPUT_SIZE).astype(int).flat
            )
            self._pixels[y0:y1, x0:x1] = 0
        np.multiply(self._pixels, np.float32(2 / 255), out=self._input[0])
        self._input -= 1.0
        outputs = self._network.run({"input_1": self._input})
        points, scores = ssd.decode(
            outputs["Identity"][0],
            outputs["Identity_1"][0, :, 0],
            self._anchors,
            min_score=MIN_DETECTION_SCORE,
        )
        points, scores = ssd.merge_overlaps(points, scores, max_overlap=MAX_DETECTION_OVERLAP)
        points = points * np.float32(whole.side) + corner
        squares = [Roi.around(hips, above, ROI_MARGIN) for hips, above in points[:, 2:4]]
        found = zip(squares, scores, strict=True)
        return [(roi, float(score)) for roi, score in found if roi.is_usable(width, height)]


class BlazePose:
    """Detector of 33 joints for up to `persons` people. Not for use from several threads at once."""

    def __init__(
        self, *, persons: int = 1, options: LoadOptions = DEFAULT_OPTIONS, pool: NetworkPool | None = None
    ) -> None:
        """Loads both networks, downloading what is missing.

        persons: most people to follow, at least 1. options: of both networks, apart from `outputs`. pool: shares them
        with others; None: a pool of its own.
        Errors: `ModelError` if a network file cannot be fetched or read.
        """
        pool = pool or NetworkPool()
        self._persons = persons
        self._finder = PersonFinder(options=options, pool=pool)
        self._landmarks = pool.load(
            downloads.ensure(LANDMARK_FILES["full"]), replace(options, outputs=LANDMARK_OUTPUTS)
        )
        # Reused for every frame: allocating them costs about as much as filling them.
        self._crop_pixels: Image = np.empty((CROP_SIZE, CROP_SIZE, 3), np.uint8)
        self._crop_input: Float32 = np.empty((1, *self._crop_pixels.shape), np.float32)
        self.reset()

    @property
    def skeleton(self) -> Skeleton:
        return BLAZEPOSE33

    def reset(self) -> None:
        """Forget the people that are tracked."""
        self._rois: list[Roi] = []
        self._searched_s = -np.inf
        self._size: tuple[int, int] | None = None

    def detect(self, frame: Frame) -> list[Person2D]:
        """People in the frame, surest first; tracked from the frames before since the last `reset`.

        Scores of joints are the lesser of visible and present; outside the picture at most 0.1. The bbox
        holds all joints and a margin of 10 % of its size.
        """
        if frame.size != self._size:
            self.reset()
            self._size = frame.size
        if 0 in frame.size:
            return []
        seen = self._look(frame.picture, [(roi, MIN_PRESENCE) for roi in self._rois], [])
        doubted = any(one.person.score < KEEP_PRESENCE for one in seen)
        lost, since_s = len(seen) < len(self._rois), frame.pts_s - self._searched_s
        if doubted or should_search(len(seen), self._persons, lost=lost, since_s=since_s):
            self._searched_s = frame.pts_s
            seen = self._search(frame.picture, seen)
        self._rois = [one.next_roi for one in seen]
        return sorted((one.person for one in seen), key=lambda person: -person.score)

    def _look(self, picture: Picture, places: list[tuple[Roi, float]], seen: list[_Seen]) -> list[_Seen]:
        """`seen` and the people in `places` that are not among them yet, as many as there is room for.

        places: square and the presence that it takes.
        """
        seen = list(seen)
        width, height = picture_size(picture)
        for roi, min_presence in places:
            if len(seen) >= self._persons:
                break
            if any(same_place(roi, other.next_roi) for other in seen):
                continue
            one = self._landmarks_in(picture, roi)
            if one is None or one.person.score < min_presence or not one.next_roi.is_usable(width, height):
                continue
            if not any(_same_person(one, other) for other in seen):
                seen.append(one)
        return seen

    def _search(self, picture: Picture, seen: list[_Seen]) -> list[_Seen]:
        """Those of `seen` that stand up to the person detector, and new people while there is room."""
        found = self._find_people(picture, [])
        sure = [roi for roi, min_presence in found if min_presence < SURE_PRESENCE]
        seen = [
            one
            for one in seen
            if one.person.score >= KEEP_PRESENCE or any(same_square(one.next_roi, roi) for roi in sure)
        ]
        seen = self._look(picture, found, seen)
        # Somebody big makes the person detector blind for smaller people: hide those seen and look again.
        known = 0
        while known < len(seen) < self._persons:
            known = len(seen)
            seen = self._look(picture, self._find_people(picture, [one.person.bbox for one in seen]), seen)
        return seen

    def _find_people(self, picture: Picture, hidden: list[Float32]) -> list[tuple[Roi, float]]:
        """Where the person detector finds people, best first, and the presence that each then has to have.

        hidden: boxes of the picture, x0, y0, x1, y1 px, that it must not see.
        """
        found = self._finder.find(picture, hidden)
        # A few more than people wanted: some may turn out to be nobody.
        return [
            (roi, MIN_PRESENCE if score >= SURE_DETECTION_SCORE else SURE_PRESENCE)
            for roi, score in found[: self._persons + 2]
        ]

    @stage("landmarks")
    def _landmarks_in(self, picture: Picture, roi: Roi) -> _Seen | None:
        """The person in the square, None if there is nobody."""
        picture_from_crop = roi.picture_from_crop(CROP_SIZE)
        cut_out(picture, picture_from_crop, self._crop_pixels, border=cv2.BORDER_REPLICATE)
        np.multiply(self._crop_pixels, np.float32(1 / 255), out=self._crop_input[0])
        outputs = self._landmarks.run({"input_1": self._crop_input})
        presence = float(outputs["Identity_1"][0, 0])
        raw = outputs["Identity"].reshape(-1, 5)
        # Written so that NaN counts as nobody too.
        if not (presence >= MIN_PRESENCE and np.abs(raw).max() < MAX_RAW):
            return None
        in_crop = _refine(raw[:, :2] / np.float32(CROP_SIZE), outputs["Identity_3"][0]) * CROP_SIZE
        points = (in_crop @ picture_from_crop[:, :2].T + picture_from_crop[:, 2]).astype(np.float32)
        joints = points[:JOINTS]
        scores = capped_outside(ssd.sigmoid(raw[:JOINTS, 3:5].min(axis=1)), joints, picture_size(picture))
        return _Seen(
            Person2D(keypoints=np.column_stack([joints, scores]), bbox=box_around(joints), score=presence),
            Roi.around(points[CENTRE_POINT], points[SCALE_POINT], ROI_MARGIN),
        )


def _refine(points: Float32, heatmap: Float32) -> Float32:
    """Move points to the centre of mass of their heatmap nearby, where the heatmap is sure.

    points: (K, 2) in 0..1 of the crop. heatmap: (64, 64, K) logits. Returns (K, 2).
    """
    centre = (points * HEATMAP_SIZE).astype(np.intp)
    reach = np.arange(-REFINE_REACH, REFINE_REACH + 1)
    columns = centre[:, 0, None] + reach  # (K, 7)
    rows = centre[:, 1, None] + reach
    inside_columns = (columns >= 0) & (columns < HEATMAP_SIZE)
    inside_rows = (rows >= 0) & (rows < HEATMAP_SIZE)
    confidence = ssd.sigmoid(
        heatmap[
            np.clip(rows, 0, HEATMAP_SIZE - 1)[:, :, None],
            np.clip(columns, 0, HEATMAP_SIZE - 1)[:, None, :],
            np.arange(len(points))[:, None, None],
        ]
    )  # (K, 7 rows, 7 columns)
    confidence *= inside_rows[:, :, None] & inside_columns[:, None, :]
    weight = confidence.sum(axis=(1, 2))
    sure = confidence.max(axis=(1, 2)) >= MIN_REFINE_CONFIDENCE
    sure &= ((centre >= 0) & (centre < HEATMAP_SIZE)).all(axis=1)
    mass = np.stack(
        [(confidence.sum(axis=1) * columns).sum(axis=1), (confidence.sum(axis=2) * rows).sum(axis=1)], axis=1
    )
    refined = points.copy()
    refined[sure] = mass[sure] / weight[sure, None] / HEATMAP_SIZE
    return refined


def _same_person(a: _Seen, b: _Seen) -> bool:
    return same_place(a.next_roi, b.next_roi) and overlap(a.person.bbox, b.person.bbox)
