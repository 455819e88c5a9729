"""Makes clips to measure with: larger pictures, more people."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import av
import numpy as np

from rtpose.capture import open_source
from rtpose.types import Float32, SourceInfo

HEIGHT, WIDTH = 1080, 1920
MOST_PEOPLE = 4
"""A made clip has 2 x 2 places."""
BOX_MARGIN = 0.1
"""Of the longer side."""


def clip_info(clip: Path) -> SourceInfo:
    """The properties of a clip. Errors: `InputError` if it cannot be opened."""
    source = open_source(str(clip))
    source.close()
    return source.info


def make_1080p(clip: Path, target: Path) -> None:
    """`clip` scaled to fit 1920x1080, with black bars, as H.264."""
    with av.open(str(clip)) as source, av.open(str(target), "w") as sink:
        stream = source.streams.video[0]
        scale = min(WIDTH / stream.width, HEIGHT / stream.height)
        width, height = (round(side * scale / 2) * 2 for side in (stream.width, stream.height))
        graph = av.filter.Graph()
        chain = [
            graph.add_buffer(template=stream),
            graph.add("scale", f"{width}:{height}:flags=bicubic"),
            graph.add("pad", f"{WIDTH}:{HEIGHT}:(ow-iw)/2:(oh-ih)/2"),
            graph.add("buffersink"),
        ]
        for first, second in pairwise(chain):
            first.link_to(second)
        graph.configure()
        output = sink.add_stream("libx264", rate=stream.average_rate, options={"crf": "20"})
        output.width, output.height, output.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for frame in source.decode(stream):
            graph.push(frame)
            scaled = graph.pull()
            assert isinstance(scaled, av.VideoFrame)
            scaled.pict_type = av.video.frame.PictureType.NONE
            sink.mux(output.encode(scaled))
        sink.mux(output.encode())


def copied_box(joints_px: Float32, image_size: tuple[int, int]) -> tuple[int, int, int, int]:
    """(x0, y0, x1, y1) px, all even, that contains the joints (T, J, 2) of all frames, with a margin. NaN: nobody.

    image_size: width and height of the picture, which the box does not leave.
    """
    low, high = np.nanmin(joints_px, axis=(0, 1)), np.nanmax(joints_px, axis=(0, 1))
    margin = BOX_MARGIN * (high - low).max()
    x0, y0 = (int(v) // 2 * 2 for v in np.maximum(low - margin, 0))
    x1, y1 = (int(v) // 2 * 2 for v in np.minimum(high + margin, image_size))
    return x0, y0, x1, y1


def make_crowd(clip: Path, target: Path, people: int, box: tuple[int, int, int, int]) -> None:
    """`people` (1 to 4) copies of what `box` (as of `copied_box`) shows of the clip, in 2 x 2 places: the others stay
    grey, so that pictures and places are the same for any number of people."""
    x0, y0, x1, y1 = box
    width, height = x1 - x0, y1 - y0
    with av.open(str(clip)) as source, av.open(str(target), "w") as sink:
        stream = source.streams.video[0]
        output = sink.add_stream("libx264", rate=stream.average_rate, options={"preset": "veryfast", "crf": "20"})
        output.width, output.height, output.pix_fmt = 2 * width, 2 * height, "yuv420p"
        canvas = np.full((2 * height, 2 * width, 3), 128, np.uint8)
        for frame in source.decode(stream):
            picture = frame.to_ndarray(format="rgb24")[y0:y1, x0:x1]
            for place in range(people):
                y, x = divmod(place, 2)
                canvas[y * height : (y + 1) * height, x * width : (x + 1) * width] = picture
            made = av.VideoFrame.from_ndarray(canvas, "rgb24")
            made.pts, made.time_base = frame.pts, frame.time_base
            sink.mux(output.encode(made))
        sink.mux(output.encode())
