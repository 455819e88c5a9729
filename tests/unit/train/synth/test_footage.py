"""Rendered clips as sets of footage: what is written is what `rtpose eval --footage` reads."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from rtpose.errors import ConfigError, OutputError
from rtpose.footage.sets import JOINTS, load_set
from rtpose.skeleton import RTPOSE28
from rtpose.train.synth.clips import ClipTruth, RenderedClip
from rtpose.train.synth.filming import Holding
from rtpose.train.synth.footage import render_footage, write_set
from rtpose.types import Camera

FRAMES, SIZE = 7, (321, 241)
ROWS = RTPOSE28.indices(*JOINTS)


@pytest.fixture
def clip() -> RenderedClip:
    rng = np.random.default_rng(3)

    def joints(x: float) -> np.ndarray:
        return (rng.uniform(-0.5, 0.5, (FRAMES, 28, 3)) + np.array([x, 0, 4])).astype(np.float32)

    visible = np.ones((FRAMES, 28), np.bool_)
    first = ClipTruth(
        np.arange(FRAMES) / 12.5, SIZE, Camera(300.0, 290.0, 160.0, 120.0), np.tile(np.eye(4), (FRAMES, 1, 1)),
        joints(0.5), visible, 1.7, "squat", Holding.PANNING, whole=True,
    )  # fmt: skip
    hidden = visible.copy()
    hidden[2, 4:] = False
    hidden[3, 5:] = False
    images = [np.full((SIZE[1], SIZE[0], 3), 30 * t, np.uint8) for t in range(FRAMES)]
    return RenderedClip(images, first, replace(first, joints_m=joints(-0.5), visible=hidden, kind="walk"))


def test_a_rendered_clip_is_a_set(clip: RenderedClip, tmp_path: Path) -> None:
    write_set(tmp_path / "clip", clip)
    footage = load_set(tmp_path / "clip")
    assert clip.second is not None
    assert (footage.people, footage.fps, footage.arms_only) == (2, pytest.approx(12.5), False)
    camera = footage.cameras[0]
    placed = camera.joints(footage.world)
    for person, truth in enumerate((clip.truth, clip.second)):
        assert np.allclose(placed[:, person], truth.joints_m[:, ROWS])
        assert np.allclose(camera.project(placed)[:, person], truth.joints_px[:, ROWS], atol=1e-3)
    assert footage.valid.all()
    # Four of the second person's joints are visible in frame 2, five in frame 3.
    assert camera.seen[:, 0].all()
    assert camera.seen[:, 1].tolist() == [True, True, False, True, True, True, True]


def test_its_video_has_all_frames_at_their_rate(clip: RenderedClip, tmp_path: Path) -> None:
    write_set(tmp_path / "clip", clip)
    with av.open(str(tmp_path / "clip" / "cam01.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == Fraction(25, 2)
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    assert [picture.shape for picture in pictures] == [(240, 320, 3)] * FRAMES  # even sides
    assert [picture.mean() for picture in pictures] == pytest.approx([30 * t for t in range(FRAMES)], abs=4)


def test_what_render_footage_refuses(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="0 clips"):
        render_footage(tmp_path / "new", tmp_path / "no.npz", 0)
    (tmp_path / "mine.txt").touch()
    with pytest.raises(OutputError, match="not empty"):
        render_footage(tmp_path, tmp_path / "no.npz", 1)
    assert not (tmp_path / "new").exists()
