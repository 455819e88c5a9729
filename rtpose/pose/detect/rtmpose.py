"""RTMPose: boxes around people by YOLOX, then the 17 joints of COCO in each box.

Jiang et al. 2023, "RTMPose: Real-Time Multi-Person Pose Estimation based on MMPose"; the networks are the ONNX files
of its authors, with what they expect of a picture: YOLOX's in BGR from 0 to 255 at the upper left of a grey square,
RTMPose's in RGB with ImageNet's mean and deviation. The next frame's boxes come from the joints, so that YOLOX
does not run while everybody is tracked. RTMPose says nothing about depth: people have no evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from rtpose.errors import ModelError
from rtpose.networks import downloads
from rtpose.networks.options import DEFAULT_OPTIONS, LoadOptions
from rtpose.networks.pool import NetworkPool
from rtpose.pose.detect import network_files
from rtpose.pose.detect.following import box_around, capped_outside, should_search
from rtpose.pose.detect.roi import Roi, cut_out
from rtpose.skeleton import COCO17, Skeleton
from rtpose.stages import stage
from rtpose.types import Backend, Float32, Frame, Image, Person2D, Picture, picture_size

PERSON_FILE, LANDMARK_FILE = "yolox_tiny_humanart.onnx", "rtmpose_s_body7.onnx"
LANDMARK_FILES = {"s": LANDMARK_FILE}
"""By size."""
PERSON_OUTPUTS = ("dets",)
LANDMARK_OUTPUTS = ("simcc_x", "simcc_y")
INPUT = "input"
GREY = 114
"""What YOLOX sees outside the picture."""
MEAN = np.array([123.675, 116.28, 103.53], np.float32)
DEVIATION = np.array([58.395, 57.12, 57.375], np.float32)
BINS_PER_PIXEL = 2
"""SimCC: each axis of the crop in half pixels."""
BOX_MARGIN = 1.25
"""The crop is that much wider and higher than the box around the body, as in the network's training."""

MIN_BOX_SCORE = 0.3
SURE_BOX_SCORE = 0.5
"""From here on a box is a person, without a second network that confirms it."""
SURE_JOINT = 0.3
"""Joints of a lower score do not count towards a person's box and score."""
MIN_SURE_JOINTS = 4
"""With fewer there is no person."""
KEEP_SCORE = 0.5
"""A tracked person whose sure joints have a lower mean is kept only if YOLOX finds them too."""
SAME_PERSON_DISTANCE = 0.08
"""Poses whose joints differ by less than this share of the box's longer side, in the mean, are the same person's. Boxes
alone would not tell two people side by side apart."""


class PersonFinder:
    """The person detector alone, YOLOX. Not for use from several threads at once."""

    sure_score = SURE_BOX_SCORE

    def __init__(self, *, options: LoadOptions = DEFAULT_OPTIONS, pool: NetworkPool | None = None) -> None:
        """Errors: `ModelError` if the network file cannot be fetched or read."""
        self._network = _load(PERSON_FILE, replace(options, outputs=PERSON_OUTPUTS), pool or NetworkPool())
        _, _, height, width = self._network.input_shapes[INPUT]
        if height != width:
            raise ModelError(f"{PERSON_FILE} takes pictures of {width} x {height} px, not square ones")
        self._pixels: Image = np.empty((height, width, 3), np.uint8)

    def boxes(self, picture: Picture, hidden: Sequence[Float32] = ()) -> Float32:
        """(N, 5) x0, y0, x1, y1 px and score of people, best first. hidden: boxes (4,) px to grey out first."""
        width, height = picture_size(picture)
        size = len(self._pixels)
        scale = max(width, height) / size
        # The middle of a pixel is half a pixel from its edge, here and there.
        shift = (scale - 1) / 2
        picture_from_crop = np.array([[scale, 0, shift], [0, scale, shift]])
        cut_out(picture, picture_from_crop, self._pixels, border=cv2.BORDER_REPLICATE)
        self._pixels[round(height / scale) :] = GREY
        self._pixels[:, round(width / scale) :] = GREY
        for box in hidden:
            x0, y0, x1, y1 = (box / scale).clip(0, size).astype(int)
            self._pixels[y0:y1, x0:x1] = GREY
        blue_first = self._pixels[..., ::-1].transpose(2, 0, 1)[None]
        found: Float32 = self._network.run({INPUT: np.ascontiguousarray(blue_first, np.float32)})["dets"][0]
        # Written so that NaN counts as nobody too.
        found = found[found[:, 4] >= MIN_BOX_SCORE]
        found = found[np.isfinite(found).all(1)]
        found = found[np.argsort(-found[:, 4], kind="stable")]
        found[:, :4] *= np.float32(scale)
        found[:, 4] = found[:, 4].clip(max=1)
        return found

    def find(self, picture: Picture, hidden: Sequence[Float32] = ()) -> list[tuple[Roi, float]]:
        """Upright squares around the people, best first, with their scores. hidden: as in `boxes`."""
        width, height = picture_size(picture)
        squares = [(square_around(box[:4]), float(box[4])) for box in self.boxes(picture, hidden)]
        return [(roi, score) for roi, score in squares if roi.is_usable(width, height)]


class RtmPose:
    """Detector of 17 joints for up to `persons` people. Not for use from several threads at once."""

    def __init__(
        self,
        *,
        persons: int = 1,
        network: str | None = None,
        options: LoadOptions = DEFAULT_OPTIONS,
        pool: NetworkPool | None = None,
    ) -> None:
        """Loads both networks, downloading what is missing.

        persons: most people to follow, at least 1. network: one of `LANDMARK_FILES`; None: the only one.
        options: of both networks, apart from `outputs`. pool: shares them with others; None: a pool of its own.
        Errors: `ConfigError` for an unknown network, `ModelError` if a network file cannot be fetched or read.
        """
        pool = pool or NetworkPool()
        self._persons = persons
        self._finder = PersonFinder(options=options, pool=pool)
        self._network = _load(network_files("rtmpose", network)[1], replace(options, outputs=LANDMARK_OUTPUTS), pool)
        _, _, height, width = self._network.input_shapes[INPUT]
        self._pixels: Image = np.empty((height, width, 3), np.uint8)
        self.reset()

    @property
    def skeleton(self) -> Skeleton:
        return COCO17

    def reset(self) -> None:
        """Forget the people that are tracked."""
        self._people: list[Person2D] = []
        self._searched_s = -np.inf
        self._size: tuple[int, int] | None = None

    def detect(self, frame: Frame) -> list[Person2D]:
        """People in the frame, surest first; tracked from the frames before since the last `reset`.

        Scores of joints outside the picture are at most 0.1. A person's score is the mean of their sure joints', the
        bbox holds these and a margin of 10 % of its size.
        """
        if frame.size != self._size:
            self.reset()
            self._size = frame.size
        if 0 in frame.size:
            return []
        seen = self._look(frame.picture, [person.bbox for person in self._people], [])
        sure = [person for person in seen if person.score >= KEEP_SCORE]
        lost, since_s = len(seen) < len(self._people), frame.pts_s - self._searched_s
        if len(sure) < len(seen) or should_search(len(seen), self._persons, lost=lost, since_s=since_s):
            self._searched_s = frame.pts_s
            boxes = self._finder.boxes(frame.picture)[:, :4]
            # A few more than `persons`: some are tracked already, some may turn out to be nobody.
            seen = self._look(frame.picture, boxes[: self._persons + len(sure) + 2], sure)
        self._people = seen
        return sorted(seen, key=lambda person: -person.score)

    def _look(self, picture: Picture, boxes: Iterable[Float32], seen: list[Person2D]) -> list[Person2D]:
        """`seen`, and new people in `boxes`, up to `persons` in all."""
        seen = list(seen)
        for box in boxes:
            if len(seen) >= self._persons:
                break
            person = self._joints_in(picture, box)
            if person is not None and not any(_same_person(person, other) for other in seen):
                seen.append(person)
        return seen

    @stage("landmarks")
    def _joints_in(self, picture: Picture, box: Float32) -> Person2D | None:
        """The person in the box, None if there is nobody."""
        high, wide = self._pixels.shape[:2]
        picture_from_crop = crop_around(box, wide, high)
        cut_out(picture, picture_from_crop, self._pixels, border=cv2.BORDER_CONSTANT)
        normal = (self._pixels.astype(np.float32) - MEAN) / DEVIATION
        out = self._network.run({INPUT: np.ascontiguousarray(normal.transpose(2, 0, 1)[None])})
        along = [out[name][0] for name in LANDMARK_OUTPUTS]  # (17, bins of x), (17, bins of y)
        if not all(np.isfinite(axis).all() for axis in along):
            return None
        in_crop = np.stack([axis.argmax(1) for axis in along], 1) / BINS_PER_PIXEL
        scores = np.minimum(*(axis.max(1) for axis in along)).clip(0, 1).astype(np.float32)
        joints = (in_crop @ picture_from_crop[:, :2].T + picture_from_crop[:, 2]).astype(np.float32)
        size = picture_size(picture)
        scores = capped_outside(scores, joints, size)
        seen = scores >= SURE_JOINT
        if seen.sum() < MIN_SURE_JOINTS:
            return None
        bbox = box_around(joints[seen])
        if not square_around(bbox).is_usable(*size):
            return None
        return Person2D(keypoints=np.column_stack([joints, scores]), bbox=bbox, score=float(scores[seen].mean()))


def square_around(box: Float32) -> Roi:
    """The upright square that holds a box x0, y0, x1, y1 px and the margin of the network's training."""
    x0, y0, x1, y1 = box.tolist()
    return Roi((x0 + x1) / 2, (y0 + y1) / 2, BOX_MARGIN * max(x1 - x0, y1 - y0))


def crop_around(box: Float32, width: int, height: int) -> NDArray[np.float64]:
    """(2, 3): pixels of a crop of width x height -> pixels of the picture, for a box x0, y0, x1, y1 px.

    The crop holds the box and the margin of the network's training; what it lacks of the crop's shape is added on both
    sides.
    """
    x0, y0, x1, y1 = box.tolist()
    scale = BOX_MARGIN * max((x1 - x0) / width, (y1 - y0) / height)
    scale = max(scale, 1e-3)  # a box without size has no inside
    return np.array([[scale, 0, (x0 + x1) / 2 - scale * width / 2], [0, scale, (y0 + y1) / 2 - scale * height / 2]])


def _load(name: str, options: LoadOptions, pool: NetworkPool) -> Backend:
    """Errors: `ModelError` for a file that cannot be fetched, or that is no such network."""
    file = downloads.ensure(name)
    network = pool.load(file, options)
    shape = network.input_shapes.get(INPUT, ())
    if len(shape) != 4 or shape[1] != 3 or min(shape[2:]) < 1:
        raise ModelError(f"{file} is another network: its inputs are {dict(network.input_shapes)}")
    return network


def _same_person(a: Person2D, b: Person2D) -> bool:
    """Whether two poses are of the same person, by the joints that both are sure of."""
    sure = (a.keypoints[:, 2] >= SURE_JOINT) & (b.keypoints[:, 2] >= SURE_JOINT)
    if not sure.any():
        return False
    apart = np.linalg.norm(a.keypoints[sure, :2] - b.keypoints[sure, :2], axis=1).mean()
    sides = np.concatenate([box[2:] - box[:2] for box in (a.bbox, b.bbox)])
    return bool(apart < SAME_PERSON_DISTANCE * sides.max())
