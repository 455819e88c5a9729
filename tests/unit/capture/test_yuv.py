import gc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from hypothesis import given, settings
from hypothesis import strategies as st

from rtpose.capture.files import VideoFile
from rtpose.capture.yuv import Turn, YuvPicture, is_readable, rgb_from_yuv
from rtpose.pose.detect.roi import Roi, cut_out
from rtpose.types import Image

FORMATS = ["yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p"]
BT709, BT601, BT2020 = 1, 6, 9
LIMITED, FULL = 1, 2


def smooth_frame(
    width: int, height: int, pix_fmt: str, colorspace: int = BT601, color_range: int = LIMITED
) -> VideoFrame:
    """Waves of brightness and colour that are wide enough not to alias."""
    frame = VideoFrame(width, height, pix_fmt)
    for number, plane in enumerate(frame.planes):
        y, x = np.mgrid[0 : plane.height, 0 : plane.width]
        wave = 128 + 60 * np.sin(2 * x / plane.width + number) * np.cos(3 * y / plane.height + 2 * number)
        rows = np.zeros((plane.height, plane.line_size), np.uint8)
        rows[:, : plane.width] = wave.round()
        plane.update(rows.tobytes())
    frame.colorspace, frame.color_range = colorspace, color_range
    return frame


def turned(image: Image, turn: Turn) -> Image:
    transpose, flip_x, flip_y = turn
    image = image.transpose(1, 0, 2) if transpose else image
    image = image[:, ::-1] if flip_x else image
    return np.ascontiguousarray(image[::-1] if flip_y else image)


def swscales(frame: VideoFrame, turn: Turn = (False, False, False)) -> Image:
    """The picture as FFmpeg converts the whole of it."""
    return turned(VideoReformatter().reformat(frame, format="rgb24").to_ndarray(), turn)


@settings(deadline=None)
@given(
    st.sampled_from(FORMATS),
    st.sampled_from([BT709, BT601, BT2020]),
    st.sampled_from([LIMITED, FULL]),
    st.integers(90, 131),
    st.integers(90, 131),
    st.tuples(st.booleans(), st.booleans(), st.booleans()),
    st.builds(Roi, st.floats(-20, 140), st.floats(-20, 140), st.floats(10, 200), st.floats(-4, 4)),
)
def test_cutting_planes_is_cutting_the_converted_picture(
    pix_fmt: str, colorspace: int, color_range: int, width: int, height: int, turn: Turn, roi: Roi
) -> None:
    frame = smooth_frame(width, height, pix_fmt, colorspace, color_range)
    whole = swscales(frame, turn)
    picture = YuvPicture(frame, turn, lambda frame: whole)
    assert picture.size == whole.shape[1::-1]
    assert picture.rgb() is whole
    of_planes, of_rgb = np.empty((2, 48, 48, 3), np.uint8)
    cut_out(picture, roi.picture_from_crop(48), of_planes, border=cv2.BORDER_REPLICATE)
    cut_out(whole, roi.picture_from_crop(48), of_rgb, border=cv2.BORDER_REPLICATE)
    difference = np.abs(of_planes.astype(int) - of_rgb)
    assert difference.max() <= 8  # FFmpeg repeats the colour where this interpolates
    # It cuts fractions off three terms of each colour: up to three levels where a small square has but one colour.
    assert difference.mean() < 3


@pytest.mark.parametrize("color_range", [LIMITED, FULL])
def test_outside_is_black(color_range: int) -> None:
    picture = YuvPicture(smooth_frame(32, 32, "yuv420p", color_range=color_range), (False,) * 3, swscales)
    out = np.full((8, 8, 3), 99, np.uint8)
    cut_out(picture, Roi(-500, 0, 100).picture_from_crop(8), out, border=cv2.BORDER_CONSTANT)
    assert not out.any()


@pytest.mark.parametrize(
    ("yuv", "rgb", "colorspace", "full_range"),
    [
        ((16, 128, 128), (0, 0, 0), BT601, False),
        ((235, 128, 128), (255, 255, 255), BT709, False),
        ((128, 128, 128), (128, 128, 128), BT2020, True),
        ((81, 90, 240), (255, 0, 0), BT601, False),  # the reds of the colour bars
        ((63, 102, 240), (255, 0, 0), BT709, False),
        ((29, 255, 107), (0, 0, 255), BT601, True),
    ],
)
def test_known_colours(yuv: tuple[int, int, int], rgb: tuple[int, int, int], colorspace: int, full_range: bool) -> None:
    matrix = rgb_from_yuv(colorspace, full_range=full_range)
    assert matrix @ (*yuv, 1) == pytest.approx(rgb, abs=2)


@pytest.mark.parametrize("pix_fmt", ["yuv420p10le", "nv12", "gray", "rgb24", "yuva420p", "yuv411p"])
def test_other_formats_are_left_to_ffmpeg(pix_fmt: str) -> None:
    assert not is_readable(VideoFrame(32, 32, pix_fmt))


@pytest.mark.parametrize("colorspace", [0, 4, 7, 8, 10])
def test_other_colours_are_left_to_ffmpeg(colorspace: int) -> None:
    assert not is_readable(smooth_frame(32, 32, "yuv420p", colorspace))


def test_files_give_planes_and_outlive_their_decoder(write_video: Callable[..., Path]) -> None:
    path = write_video("a.mp4")
    with av.open(str(path)) as container:
        expected = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    source = VideoFile(path)
    frames = []
    while (frame := source.read()) is not None:
        assert isinstance(frame.picture, YuvPicture)
        frames.append(frame)
    source.close()
    del source
    for frame, image in zip(frames, expected, strict=True):
        assert np.array_equal(frame.image, image)


def test_several_threads_share_one_conversion() -> None:
    calls = []

    def to_rgb(frame: VideoFrame) -> Image:
        calls.append(frame)
        return swscales(frame)

    picture = YuvPicture(smooth_frame(640, 480, "yuv420p"), (False,) * 3, to_rgb)
    with ThreadPoolExecutor(4) as pool:
        images = list(pool.map(lambda _: picture.rgb(), range(16)))
    assert len(calls) == 1
    assert all(image is images[0] for image in images)


def test_a_picture_that_nobody_keeps_is_gone_at_once(write_video: Callable[..., Path]) -> None:
    """Not only when Python looks for unused cycles: by then there may be hundreds."""

    def alive() -> int:
        return sum(type(thing) is VideoFrame and thing.width > 16 for thing in gc.get_objects())

    gc.collect()
    before = alive()  # other tests' are none of ours
    gc.disable()
    try:
        source = VideoFile(write_video("a.mp4", count=60))
        for _ in range(55):
            assert source.read() is not None
        assert alive() - before < 20
        source.close()
        assert alive() == before
    finally:
        gc.enable()
