"""What the landmark networks say, read from their outputs, and a clip watched as it is tracked live."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

import rtpose
from rtpose import model_files
from rtpose.detect.blazepose import BlazePose
from rtpose.detect.roi import Roi
from rtpose.errors import ModelError
from rtpose.train.synth.evidence import SHAPES, Evidence, SharedFinder, Witness, read
from rtpose.types import Frame

LANDMARKS = "pose_landmark_full.tflite"


def outputs(x: float = 128.0, y: float = 64.0) -> dict[str, np.ndarray]:
    """Of a crop in which all joints lie at x, y, with a heatmap that has its top there."""
    raw = np.zeros((39, 5), np.float32)
    raw[:] = (x, y, -32.0, 2.0, 3.0)
    rows, columns = np.mgrid[0:64, 0:64]
    far = ((columns - x / 4) ** 2 + (rows - y / 4) ** 2) / (2 * 2.0**2)
    value = np.clip(0.9 * np.exp(-far), 1e-6, None)
    heatmap = np.log(value / (1 - value)).astype(np.float32)
    world = np.tile(np.array([0.1, -0.5, -0.2], np.float32), 39)
    return {
        "Identity": raw.reshape(1, -1), "Identity_1": np.array([[0.97]], np.float32),
        "Identity_3": np.repeat(heatmap[None, :, :, None], 39, axis=-1), "Identity_4": world[None],
    }  # fmt: skip


def test_an_upright_square() -> None:
    said = read(outputs(), Roi(300.0, 200.0, 128.0))
    assert np.allclose(said.points, [300, 168], atol=0.3)
    assert np.allclose(said.image_z, -16)
    assert np.allclose(said.world, [0.1, -0.5, -0.2])
    assert np.allclose(said.visibility, 2)
    assert np.allclose(said.presence, 3)
    assert np.allclose(said.peak, 0.9, atol=1e-3)
    assert np.allclose(said.spread, 2.0 * 2, rtol=0.5)  # cells of 2 px; cut off at half of the peak
    assert np.allclose(said.roi, [300, 200, 128, 0])
    assert said.somebody == pytest.approx(0.97)
    for name, shape in SHAPES.items():
        assert getattr(said, name).shape == shape
        assert getattr(said, name).dtype == np.float32


def test_a_turned_square_turns_back() -> None:
    said = read(outputs(), Roi(300.0, 200.0, 128.0, np.pi / 2))  # the crop's up is the picture's right
    assert np.allclose(said.points, [332, 200], atol=0.3)
    assert np.allclose(said.world, [0.5, 0.1, -0.2], atol=1e-6)
    assert np.allclose(said.image_z, -16)


def test_nobody_is_nan() -> None:
    for name, shape in SHAPES.items():
        value = getattr(Evidence.nobody(), name)
        assert value.shape == shape
        assert np.isnan(value).all()


def test_a_missing_network_is_named(tmp_path: Path) -> None:
    finder = SharedFinder.__new__(SharedFinder)
    with pytest.raises(ModelError, match=r"none\.tflite"):
        Witness(tmp_path / "none.tflite", finder)


def test_a_clip_is_tracked_as_it_is_live() -> None:
    path = model_files.path_of(LANDMARKS)
    if not path.is_file():
        pytest.skip("the networks were not downloaded")
    sample = Path(rtpose.__file__).parent / "assets" / "sample.mp4"
    with av.open(str(sample)) as video:
        images = [frame.to_ndarray(format="rgb24") for _, frame in zip(range(12), video.decode(video=0), strict=False)]
    live, witness = BlazePose(threads=1), Witness(path, SharedFinder())
    black = np.zeros_like(images[0])
    for k, image in enumerate([black, *images, black, images[0]]):
        frame = Frame(image, k, 0, k / 30)
        people, said = live.detect(frame), witness.look(frame)
        assert np.isnan(said.somebody) == (not people)
        if people:
            assert np.allclose(said.points, people[0].keypoints[:, :2], atol=1e-3)
            assert said.somebody == pytest.approx(people[0].score)
            assert np.abs(said.world).max() < 2
            assert said.roi[2] > 50
    witness.reset()
    assert not np.isnan(witness.look(Frame(images[0], 0, 0, 0.0)).somebody)
