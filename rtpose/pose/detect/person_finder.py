"""BlazePose's person detector: it looks at a picture, or a part of it, and says where people are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from rtpose.networks import downloads
from rtpose.networks.options import DEFAULT_OPTIONS, LoadOptions
from rtpose.networks.pool import NetworkPool
from rtpose.pose.detect import ssd
from rtpose.pose.detect.roi import Roi, cut_out
from rtpose.pose.detect.search import paint_over
from rtpose.types import Float32, Image, Picture, picture_size

PERSON_FILE = "pose_detection.tflite"
PERSON_OUTPUTS = ("Identity", "Identity_1")
MIN_DETECTION_SCORE = 0.5
MAX_DETECTION_OVERLAP = 0.3
SURE_DETECTION_SCORE = 0.6
ROI_MARGIN = 1.25
"""The square is that much wider than the circle around the body, as in the network's training."""


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

    def find(
        self, picture: Picture, hidden: Sequence[Float32] = (), part: Roi | None = None, bodies: Sequence[Float32] = ()
    ) -> list[tuple[Roi, float]]:
        """Squares around people, best first, with their scores, from `MIN_DETECTION_SCORE` on.

        hidden: boxes of the picture, x0, y0, x1, y1 px, to blacken first. part: an upright square of the picture to
        look at; None: the whole. bodies: joints (33, 2) px of people to paint over first.
        """
        width, height = picture_size(picture)
        whole = part or Roi(width / 2, height / 2, float(max(width, height)))
        cut_out(picture, whole.picture_from_crop(ssd.INPUT_SIZE), self._pixels, border=cv2.BORDER_CONSTANT)
        corner = np.array([whole.cx, whole.cy], np.float32) - np.float32(whole.side / 2)
        for box in hidden:
            x0, y0, x1, y1 = (
                ((box.reshape(2, 2) - corner) * (ssd.INPUT_SIZE / whole.side)).clip(0, ssd.INPUT_SIZE).astype(int).flat
            )
            self._pixels[y0:y1, x0:x1] = 0
        for joints in bodies:
            paint_over(self._pixels, joints, whole.picture_from_crop(ssd.INPUT_SIZE))
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
