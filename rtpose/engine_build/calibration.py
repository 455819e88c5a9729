"""Data to calibrate and check engines: the built-in clip and motions, rendered people, the user's clips.

Each is split: one part calibrates, the other checks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from rtpose.assets import SampleTruth, sample_clip, small_pack, small_val_pack
from rtpose.capture import open_source
from rtpose.errors import ConfigError, MissingExtraError
from rtpose.geometry import camera_from_fov, camera_from_viewer, pixels_from_camera
from rtpose.train.data.motion_pack import load_motion_pack
from rtpose.types import Camera, Float32, Frame

BLOCK = 30
"""Consecutive frames of a clip that go into the same part."""
MOTION_FRAMES = 60
"""Most frames taken from each motion."""
MOTION_NOISE_PX = 2.0
DISTANCE_M = 4.0


@dataclass(frozen=True)
class Shot:
    """A picture and its labels, if any."""

    frame: Frame
    camera: Camera
    truth: Float32 | None = None
    """(P, 17, 3) metres, camera space: the true joints of all people; None if unknown."""


@dataclass(frozen=True)
class Footage:
    """Pictures from one source."""

    name: str
    block: int
    """Consecutive frames in one part; 1 for pictures that are unrelated."""
    shots: Callable[[], Iterator[Shot]]

    def part(self, *, check: bool, count: int) -> Iterator[tuple[bool, Shot]]:
        """Up to `count` frames of one part; the parts alternate block by block. True where a block begins."""
        taken = 0
        for i, shot in enumerate(self.shots()):
            if taken == count:
                return
            block, place = divmod(i, self.block)
            if bool(block % 2) == check:
                taken += 1
                yield place == 0, shot


def footage(sets: Sequence[str], *, rendered: Sequence[Path] = (), clips: Sequence[str] = ()) -> list[Footage]:
    """The pictures of those sets of a recipe that the user has named.

    Errors: `ConfigError` if there are none, `InputError` for what cannot be read.
    """
    found = []
    if "sample" in sets:
        found.append(Footage("the built-in clip", BLOCK, _sample))
    if "rendered" in sets:
        found += [_rendered(folder) for folder in rendered]
    if "clips" in sets:
        found += [_named(clip) for clip in clips]
    if not found:
        raise ConfigError("nothing to calibrate on: give rendered people (--rendered FOLDER) or clips (--clips FILE)")
    return found


def _named(clip: str) -> Footage:
    source = open_source(clip)
    source.close()
    still = source.info.frame_count == 1 or Path(clip).is_dir()
    return Footage(Path(clip).name, 1 if still else BLOCK, partial(_clip, clip))


def _sample() -> Iterator[Shot]:
    truth = SampleTruth.load()
    for shot in _clip(str(sample_clip())):
        yield Shot(shot.frame, truth.camera, truth.joints_3d[shot.frame.frame_id][None])


def _clip(clip: str) -> Iterator[Shot]:
    source = open_source(clip)
    try:
        while not source.ended:
            frame = source.read()
            if frame is not None:
                yield Shot(frame, camera_from_fov(frame.size))
    finally:
        source.close()


def _rendered(folder: Path) -> Footage:
    try:
        from rtpose.train.synth.shards import RenderedFolder
    except ModuleNotFoundError as error:
        raise MissingExtraError("synth", "reading rendered people") from error
    pictures = RenderedFolder(folder)

    def shots() -> Iterator[Shot]:
        for i in range(len(pictures)):
            picture = pictures[i]
            truth = np.stack([person.joints_m for person in picture.people])
            yield Shot(Frame(picture.image, i, 0, float(i)), picture.camera, truth)

    return Footage(f"rendered people, {folder.name}", 1, shots)


@dataclass(frozen=True)
class MotionFrame:
    """A lifter's input: one person in one frame."""

    keypoints: Float32
    """(1, 17, 3) x px, y px, score."""
    camera: Camera


def motions(*, check: bool, count: int) -> Iterator[MotionFrame]:
    """2D joints of the built-in motions with detector noise. Calibration and checking use different people."""
    pack = load_motion_pack(small_val_pack() if check else small_pack())
    rng = np.random.default_rng(int(check))
    camera = camera_from_fov((1280, 720))
    # Take a part of each motion, so that all are used.
    each = max(2, min(MOTION_FRAMES, count // len(pack.clips)))
    taken = 0
    for start, end in zip(pack.starts[:-1], pack.starts[1:], strict=True):
        for i in range(start, min(end, start + each)):
            if taken == count:
                return
            taken += 1
            joints = camera_from_viewer(pack.poses_m[i]) + np.array([0, 0, DISTANCE_M], np.float32)
            pixels = pixels_from_camera(joints, camera) + rng.normal(scale=MOTION_NOISE_PX, size=(17, 2))
            keypoints = np.concatenate([pixels, np.ones((17, 1))], axis=1).astype(np.float32)
            yield MotionFrame(keypoints[None], camera)
