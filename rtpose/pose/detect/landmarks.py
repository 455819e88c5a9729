"""BlazePose's landmark network: from a square of the picture to the joints of the person in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from rtpose.errors import ModelError
from rtpose.pose.detect import heatmaps
from rtpose.pose.detect.appearance import appearance_of
from rtpose.pose.detect.candidates import KEEP_PRESENCE, MIN_PRESENCE, SURE_PRESENCE, SeenPerson, surer
from rtpose.pose.detect.evidence import JOINTS, evidence_in_square
from rtpose.pose.detect.following import box_around, capped_outside
from rtpose.pose.detect.person_finder import ROI_MARGIN
from rtpose.pose.detect.roi import Roi, cut_out
from rtpose.pose.detect.search import paint_over
from rtpose.stages import stage
from rtpose.types import Backend, Float32, Image, Person2D, Picture, picture_size

CROP_SIZE = 256
POINTS = JOINTS + 6
"""Of the landmark network: the joints, two for the next square, and four that are not used."""
CENTRE_POINT, SCALE_POINT = JOINTS, JOINTS + 1
"""The landmark network's auxiliary points that give the next square."""
SECOND_LOOK = 1.2
"""Where the landmark network is not sure of somebody, it gets a square so much larger."""
MAX_RAW = 1e4
"""Landmarks are crop pixels, logits and metres: anything beyond is garbage."""


class LandmarkNetwork:
    """Looks for a person in a square. Not for use from several threads at once."""

    def __init__(self, network: Backend, *, measure_spread: bool) -> None:
        """measure_spread: whether all evidence has `spread_px`, not only where a person's direction depends on it."""
        self._network = network
        self._measure_spread = measure_spread
        # Reused for every frame: allocating them costs about as much as filling them.
        self._crop_pixels: Image = np.empty((CROP_SIZE, CROP_SIZE, 3), np.uint8)
        self._crop_input: Float32 = np.empty((1, *self._crop_pixels.shape), np.float32)

    def person_in(self, picture: Picture, roi: Roi, bodies: Sequence[Float32], new: bool = False) -> SeenPerson | None:
        """The person in the square or in a larger one; new people, and who is upside down, also the other way up."""
        one = self._look(picture, roi, bodies)
        if one is None or one.person.score < KEEP_PRESENCE:
            larger = self._look(picture, replace(roi, side=SECOND_LOOK * roi.side), bodies)
            one = replace(larger, looked_at=roi) if larger and larger.person.score >= KEEP_PRESENCE else one
        if one is not None and one.person.score < SURE_PRESENCE and (new or roi.is_upside_down):
            one = surer(one, self._look(picture, roi.turned_around(), bodies, in_doubt=True))
        return one

    @stage("landmarks")
    def _look(
        self, picture: Picture, roi: Roi, bodies: Sequence[Float32] = (), in_doubt: bool = False
    ) -> SeenPerson | None:
        """The person in the square, None if there is nobody. bodies: of others, to be painted over. in_doubt: the
        spread of heatmaps will be asked for, as where the network is not sure."""
        picture_from_crop = roi.picture_from_crop(CROP_SIZE)
        cut_out(picture, picture_from_crop, self._crop_pixels, border=cv2.BORDER_REPLICATE)
        for joints in bodies:
            paint_over(self._crop_pixels, joints, picture_from_crop)
        np.multiply(self._crop_pixels, np.float32(1 / 255), out=self._crop_input[0])
        outputs = self._network.run({"input_1": self._crop_input})
        presence = float(outputs["Identity_1"][0, 0])
        raw = outputs["Identity"].reshape(-1, 5)
        world, heatmap = outputs["Identity_4"], outputs["Identity_3"][0]
        if world.shape != (1, 3 * POINTS):
            raise ModelError(f"the landmark network's output Identity_4 is {world.shape}, expected (1, {3 * POINTS})")
        # Written so that NaN counts as nobody too.
        if not (presence >= MIN_PRESENCE and np.abs(raw).max() < MAX_RAW and np.abs(world).max() < MAX_RAW):
            return None
        in_crop = heatmaps.refine(raw[:, :2] / np.float32(CROP_SIZE), heatmap) * CROP_SIZE
        points = (in_crop @ picture_from_crop[:, :2].T + picture_from_crop[:, 2]).astype(np.float32)
        joints = points[:JOINTS]
        in_doubt |= presence < SURE_PRESENCE or self._measure_spread
        evidence = evidence_in_square(raw, world.reshape(-1, 3), heatmap if in_doubt else None, roi, CROP_SIZE)
        scores = capped_outside(np.minimum(evidence.visibility, evidence.presence), joints, picture_size(picture))
        keypoints = np.empty((JOINTS, 3), np.float32)
        keypoints[:, :2], keypoints[:, 2] = joints, scores
        appearance = appearance_of(self._crop_pixels, in_crop[:JOINTS], scores)
        return SeenPerson(
            Person2D(
                keypoints=keypoints, bbox=box_around(joints), score=presence, evidence=evidence, appearance=appearance
            ),
            Roi.around(points[CENTRE_POINT], points[SCALE_POINT], ROI_MARGIN),
            roi,
        )
