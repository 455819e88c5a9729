"""BlazePose's findings in a clip as arrays, and a clip that is seen as live frames are."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

import rtpose
from rtpose.errors import ConfigError
from rtpose.pose.detect.blazepose import BlazePose
from rtpose.train.synth.clip_detections import NETWORKS, SHAPES, detect_clip, detection_arrays, open_detectors
from rtpose.train.synth.clips import ClipTruth, RenderedClip
from rtpose.train.synth.filming import Holding
from rtpose.types import Camera, Evidence, Frame, Image, Person2D


def person(seed: int = 0) -> Person2D:
    rng = np.random.default_rng(seed)

    def some(*shape: int) -> np.ndarray:
        return rng.random(shape).astype(np.float32)

    evidence = Evidence(some(33), some(33, 3), some(33), some(33), some(33), angle_rad=0.3)
    return Person2D(some(33, 3), some(4), 0.9, evidence)


def test_a_row_for_each_frame() -> None:
    arrays = detection_arrays([None, person()])
    assert arrays.keys() == {"found", *SHAPES}
    assert arrays["found"].tolist() == [False, True]
    for name, shape in SHAPES.items():
        assert arrays[name].shape == (2, *shape)
        assert arrays[name].dtype == np.float32
        assert np.isnan(arrays[name][0]).all()
    seen = person()
    assert seen.evidence is not None
    assert np.array_equal(arrays["points"][1], seen.keypoints[:, :2])
    assert np.array_equal(arrays["world"][1], seen.evidence.world_m)
    assert np.array_equal(arrays["image_z"][1], seen.evidence.image_z_px)
    assert np.array_equal(arrays["spread_px"][1], seen.evidence.spread_px)
    assert arrays["angle_rad"][1] == pytest.approx(0.3)
    assert arrays["somebody"][1] == pytest.approx(0.9)


def test_probabilities_are_kept_as_logits() -> None:
    probabilities = np.full(33, 0.5, np.float32)
    probabilities[:4] = 0.0, 1.0, 0.25, 1 - 2.0**-20
    seen = person()
    assert seen.evidence is not None
    evidence = Evidence(
        seen.evidence.image_z_px, seen.evidence.world_m, probabilities, 1 - probabilities, seen.evidence.spread_px, 0.0
    )
    arrays = detection_arrays([Person2D(seen.keypoints, seen.bbox, 0.9, evidence)])
    logits = arrays["visibility"][0]
    assert np.isfinite(logits).all()
    assert np.allclose(1 / (1 + np.exp(-logits.astype(float))), probabilities, atol=1e-7)
    assert logits[4] == 0
    assert logits[2] == pytest.approx(-np.log(3))
    assert np.allclose(arrays["presence"], -arrays["visibility"], atol=1e-6)


def test_nobody_in_the_whole_clip() -> None:
    arrays = detection_arrays([None, None])
    assert not arrays["found"].any()
    assert np.isnan(arrays["points"]).all()


def clip(images: list[Image]) -> RenderedClip:
    height, width = images[0].shape[:2]
    frames = len(images)
    truth = ClipTruth(
        np.arange(frames) / 30, (width, height), Camera(500.0, 500.0, width / 2, height / 2),
        np.tile(np.eye(4), (frames, 1, 1)), np.zeros((frames, 28, 3), np.float32), np.ones((frames, 28), np.bool_),
        1.7, "dance", Holding.STILL, whole=True,
    )  # fmt: skip
    return RenderedClip(images, truth)


def test_a_clip_is_seen_as_live_frames_are() -> None:
    sample = Path(rtpose.__file__).parent / "assets" / "sample.mp4"
    with av.open(str(sample)) as video:
        images = [frame.to_ndarray(format="rgb24") for _, frame in zip(range(6), video.decode(video=0), strict=False)]
    black = np.zeros_like(images[0])
    images = [black, *images, black, images[0]]
    live, detector = BlazePose(), open_detectors(["full"])["full"]
    detect_clip(detector, clip(images[3:5]))  # each clip is a new video: this one leaves nothing behind
    arrays = detect_clip(detector, clip(images))
    assert arrays["found"].tolist() == [False, *[True] * 6, False, True]
    for k, image in enumerate(images):
        people = live.detect(Frame(image, k, 0, k / 30))
        if people:
            assert np.allclose(arrays["points"][k], people[0].keypoints[:, :2], atol=1e-2)
            assert arrays["somebody"][k] == pytest.approx(people[0].score, abs=1e-3)
            assert np.abs(arrays["world"][k]).max() < 2


def test_the_default_network_is_first_and_unknown_ones_are_named() -> None:
    assert NETWORKS[0] == "full"
    assert set(NETWORKS) == {"lite", "full", "heavy"}
    with pytest.raises(ConfigError, match="no network 'huge'"):
        open_detectors(["huge"])
