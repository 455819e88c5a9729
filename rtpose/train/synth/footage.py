"""Rendered clips as sets of footage (docs/footage.md), so that a whole run can be judged by exact ground truth."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from rtpose.errors import ConfigError, OutputError
from rtpose.footage.sets import JOINTS, TRUTH
from rtpose.skeleton import RTPOSE28
from rtpose.train.synth.clips import LEAST_SEEN, RenderedClip, RenderedClips
from rtpose.train.synth.photo import Split
from rtpose.train.synth.shards import build_body_model, check_motions
from rtpose.types import Image

CRF = 18
"""H.264's quality: the loss is smaller than the noise and JPEG artefacts that clips have anyway."""


def render_footage(
    folder: Path,
    motions: Path,
    count: int,
    *,
    seed: int = 0,
    frames: int = 64,
    positions: Path | None = None,
    report: Callable[[int], None] = lambda done: None,
    notify: Callable[[str], None] = lambda line: None,
) -> None:
    """Write `count` sets of one camera, with two people in every third clip of the sequence. The motions, bodies and
    textures are those reserved for testing. Clips framed around a part of the body are left out.

    motions, positions, seed, frames: as for `RenderedClips`. report: called with the number of finished sets.
    notify: called before the long wait of the first run.
    Errors, before anything is written: `OutputError` if the folder is not empty, those of `RenderedClips`.
    """
    if count < 1 or frames < 2:
        raise ConfigError(f"{count} clips of {frames} frames: give 1 or more, of 2 or more")
    if folder.exists() and any(folder.iterdir()):
        raise OutputError(f"{folder} is not empty: name another folder")
    check_motions(motions, Split.TEST)
    build_body_model(notify)
    clips = RenderedClips(motions, Split.TEST, seed, frames, positions, footage=True)
    try:
        done = index = 0
        while done < count:
            clip = clips[index]
            if clip.truth.whole:
                write_set(folder / f"clip-{index:04d}", clip)
                done += 1
                report(done)
            index += 1
    finally:
        clips.close()


def write_set(folder: Path, clip: RenderedClip) -> None:
    """One set with one camera, whose axes are the world's: the ground truth is in camera space.

    A person can be judged in the frames in which at least `LEAST_SEEN` of their joints are visible.
    """
    folder.mkdir(parents=True)
    truth = clip.truth
    fps = 1 / float(np.diff(truth.times_s).mean())
    _write_video(folder / "cam01.mp4", clip.images, Fraction(fps).limit_denominator(1001))
    rows = RTPOSE28.indices(*JOINTS)
    people = [truth, *([clip.second] if clip.second else [])]
    joints = np.stack([person.joints_m[:, rows] for person in people], axis=1)
    seen = np.stack([person.visible.sum(1) >= LEAST_SEEN for person in people], axis=1)
    camera = truth.camera
    np.savez_compressed(
        folder / TRUTH,
        world12=joints,
        valid_joints=np.ones(joints.shape[:3], np.bool_),
        K=np.array([[[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]]]),
        R=np.eye(3)[None],
        T=np.zeros((1, 3)),
        dist=np.zeros((1, 5)),
        fps=np.float64(fps),
        seen=seen[None],
        kind=np.array([person.kind for person in people]),
        holding=np.array(truth.holding.value),
        world_from_camera=truth.world_from_camera,
    )


def _write_video(path: Path, images: list[Image], rate: Fraction) -> None:
    """H.264, 4:2:0: a last odd row or column of pixels is cut off."""
    height, width = (side // 2 * 2 for side in images[0].shape[:2])
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": str(CRF)})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for image in images:
            picture = np.ascontiguousarray(image[:height, :width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
