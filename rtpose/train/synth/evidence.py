"""What BlazePose's landmark networks say of every frame of a clip, all of it, while they track as they do live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from rtpose.backends.openvino import OpenVinoBackend
from rtpose.detect import ssd
from rtpose.detect.blazepose import CROP_SIZE, HEATMAP_SIZE, JOINTS, BlazePose, PersonFinder, _refine, _Seen
from rtpose.detect.roi import Roi
from rtpose.types import Float32, Frame, Image, Picture

NETWORKS = ("lite", "full", "heavy")
OUTPUTS = ("Identity", "Identity_1", "Identity_3", "Identity_4")


@dataclass(frozen=True, slots=True)
class Evidence:
    """Of one frame or, stacked, of many. All NaN where nobody was found; joints are those of `blazepose33`."""

    points: Float32
    """(33, 2) pixels, refined by the heatmaps."""
    image_z: Float32
    """(33,) pixels: depth relative to the hips as the network's first output has it, in the picture's scale."""
    world: Float32
    """(33, 3) metres, camera axes, relative to the middle of the hips: the network's own 3D, turned by the square."""
    visibility: Float32
    """(33,) logits."""
    presence: Float32
    """(33,) logits."""
    peak: Float32
    """(33,) 0..1: the heatmap's highest value."""
    spread: Float32
    """(33,) pixels: standard deviation of the heatmap's place, over the cells above half of its peak."""
    roi: Float32
    """(4,) the square that the network saw: middle x, y and side in pixels, angle in radians, clockwise as seen."""
    somebody: Float32
    """() 0..1: how sure the network is that somebody is in the square."""

    @classmethod
    def nobody(cls) -> Evidence:
        """Of a frame in which the person was not found."""
        return cls(*(np.full(shape, np.nan, np.float32) for shape in SHAPES.values()))


SHAPES: dict[str, tuple[int, ...]] = {
    "points": (JOINTS, 2), "image_z": (JOINTS,), "world": (JOINTS, 3), "visibility": (JOINTS,), "presence": (JOINTS,),
    "peak": (JOINTS,), "spread": (JOINTS,), "roi": (4,), "somebody": (),
}  # fmt: skip
assert tuple(SHAPES) == tuple(field.name for field in fields(Evidence))


class SharedFinder(PersonFinder):
    """A person detector for several networks: looks at each picture once."""

    def __init__(self) -> None:
        super().__init__(threads=1)
        self._last: tuple[Picture, list[tuple[Roi, float]]] | None = None

    def find(self, picture: Picture, hidden: object = ()) -> list[tuple[Roi, float]]:
        """As `PersonFinder.find`; one person is followed, so nobody is hidden."""
        if self._last is None or self._last[0] is not picture:
            self._last = picture, super().find(picture)
        return self._last[1]


class _Remembering:
    """A landmark network that keeps what it said last."""

    def __init__(self, network: OpenVinoBackend) -> None:
        self._network = network
        self.said: dict[str, Float32] = {}

    def run(self, inputs: Mapping[str, Float32]) -> dict[str, Float32]:
        self.said = self._network.run(inputs)
        return self.said


class Witness(BlazePose):
    """Follows one person as BlazePose does live, with the landmark network of a file, and keeps what it says."""

    def __init__(self, landmarks: Path, finder: SharedFinder) -> None:
        """Errors: `ModelError` if the file is missing or another network."""
        self._persons = 1
        self._finder = finder
        self._network = _Remembering(OpenVinoBackend(landmarks, outputs=OUTPUTS, threads=1))
        self._landmarks = self._network  # type: ignore[assignment]
        self._crop_pixels: Image = np.empty((CROP_SIZE, CROP_SIZE, 3), np.uint8)
        self._crop_input: Float32 = np.empty((1, *self._crop_pixels.shape), np.float32)
        self._heard: dict[int, tuple[dict[str, Float32], Roi]] = {}
        self.reset()

    def look(self, frame: Frame) -> Evidence:
        """What the network says of the person in the next frame of a clip."""
        self._heard.clear()
        people = self.detect(frame)
        if not people:
            return Evidence.nobody()
        outputs, roi = self._heard[id(people[0])]
        return read(outputs, roi)

    def _landmarks_in(self, picture: Picture, roi: Roi) -> _Seen | None:
        seen = super()._landmarks_in(picture, roi)
        if seen is not None:
            self._heard[id(seen.person)] = self._network.said, roi
        return seen


def read(outputs: Mapping[str, Float32], roi: Roi) -> Evidence:
    """What the landmark network's outputs mean, for the square that it was shown."""
    raw = outputs["Identity"].reshape(-1, 5)[:JOINTS]
    heatmap = outputs["Identity_3"][0][..., :JOINTS]
    picture_from_crop = roi.picture_from_crop(CROP_SIZE)
    in_crop = _refine(raw[:, :2] / np.float32(CROP_SIZE), heatmap) * CROP_SIZE
    c, s = np.cos(roi.angle_rad), np.sin(roi.angle_rad)
    camera_from_square = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    peak, spread = _peaks(heatmap)
    return Evidence(
        points=np.asarray(in_crop @ picture_from_crop[:, :2].T + picture_from_crop[:, 2], np.float32),
        image_z=raw[:, 2] * np.float32(roi.side / CROP_SIZE),
        world=np.asarray(outputs["Identity_4"].reshape(-1, 3)[:JOINTS] @ camera_from_square.T, np.float32),
        visibility=raw[:, 3].copy(),
        presence=raw[:, 4].copy(),
        peak=peak,
        spread=spread * np.float32(roi.side / HEATMAP_SIZE),
        roi=np.array([roi.cx, roi.cy, roi.side, roi.angle_rad], np.float32),
        somebody=outputs["Identity_1"][0, 0],
    )


def _peaks(heatmap: Float32) -> tuple[Float32, Float32]:
    """(64, 64, K) logits -> (K,) highest value 0..1 and (K,) standard deviation in cells."""
    value = ssd.sigmoid(heatmap)
    peak = value.max(axis=(0, 1))
    value = np.where(value >= peak / 2, value, np.float32(0))
    mass = np.maximum(value.sum(axis=(0, 1)), np.float32(1e-9))
    cells = np.arange(HEATMAP_SIZE, dtype=np.float32)
    variance = np.zeros_like(peak)
    for axis in (0, 1):
        along = value.sum(axis=axis) / mass  # (64, K)
        mean = cells @ along
        variance += cells**2 @ along - mean**2
    return peak, np.sqrt(np.maximum(variance / 2, 0)).astype(np.float32)
