"""Clips in and out of files, as plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
"""(H, W, 3) RGB."""


def read_clip(path: Path, start: int = 0, stop: int | None = None) -> list[Picture]:
    """Frames `start` to `stop` of a video."""
    pictures = []
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number == stop:
                break
            if number >= start:
                pictures.append(frame.to_ndarray(format="rgb24"))
    return pictures


def write_clip(path: Path, pictures: Sequence[Picture], fps: int = 30) -> Path:
    """An H.264 clip (in whatever the name's ending says) of pictures with even sizes."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "crf": "20"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")))
        container.mux(stream.encode())
    return path


def repeat_clip(source: Path, target: Path, times: int) -> Path:
    """The same clip several times over, without encoding it again."""
    with av.open(str(target), "w") as container:
        out = None
        end = 0
        for _ in range(times):
            with av.open(str(source)) as clip:
                stream = clip.streams.video[0]
                out = out or container.add_stream_from_template(stream)
                for packet in clip.demux(stream):
                    if packet.size:
                        packet.pts, packet.dts = packet.pts + end, packet.dts + end
                        packet.stream = out
                        container.mux(packet)
                end += stream.duration
    return target


def count_frames(path: Path) -> int:
    """How many frames can really be decoded."""
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))
