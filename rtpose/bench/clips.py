"""Clips made for measuring: larger pictures, more people."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import av
import numpy as np

HEIGHT, WIDTH = 1080, 1920
MOST_PEOPLE = 4
"""That a clip can be made of: places of 2 x 2."""


def make_1080p(clip: Path, target: Path) -> None:
    """`clip` scaled to fill 1920x1080 as far as its shape allows, black beside it, as H.264."""
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


def make_crowd(clip: Path, target: Path, people: int) -> None:
    """`people` (1 to 4) copies of the clip in pictures of twice its size: the other places stay grey, so that
    pictures and places are the same for any number of people."""
    with av.open(str(clip)) as source, av.open(str(target), "w") as sink:
        stream = source.streams.video[0]
        width, height = stream.width // 2 * 2, stream.height // 2 * 2
        output = sink.add_stream("libx264", rate=stream.average_rate, options={"preset": "veryfast", "crf": "20"})
        output.width, output.height, output.pix_fmt = 2 * width, 2 * height, "yuv420p"
        canvas = np.full((2 * height, 2 * width, 3), 128, np.uint8)
        for frame in source.decode(stream):
            picture = frame.to_ndarray(format="rgb24")[:height, :width]
            for place in range(people):
                y, x = divmod(place, 2)
                canvas[y * height : (y + 1) * height, x * width : (x + 1) * width] = picture
            made = av.VideoFrame.from_ndarray(canvas, "rgb24")
            made.pts, made.time_base = frame.pts, frame.time_base
            sink.mux(output.encode(made))
        sink.mux(output.encode())
