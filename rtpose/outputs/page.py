"""Sends results to the page."""

from __future__ import annotations

import time

import cv2

from rtpose.server.server import PoseServer
from rtpose.stages import stage
from rtpose.types import Image, Result

JPEG_QUALITY = 70


class WebSocketSink:
    """Hands every result to the server, and a small preview of the picture at a limited rate.

    `close` does not close the server, which belongs to the caller, so the page can show that the source has ended.
    """

    def __init__(self, server: PoseServer, *, picture_fps: float = 30.0, picture_width: int = 640) -> None:
        """picture_fps: largest number of previews a second on average, 0 for none; the default lets the page show the
        picture of every frame of a usual camera with its poses. picture_width: largest width in px."""
        self._server = server
        self._picture_pause_s = 1.0 / picture_fps if picture_fps > 0 else None
        self._picture_width = picture_width
        self._next_picture_s = 0.0

    def write(self, result: Result) -> None:
        """Publish the poses, and a preview if one is due and a client shows pictures."""
        self._server.publish(result)
        now_s = time.monotonic()
        if self._picture_pause_s is None:
            return
        # A camera's frames are some milliseconds early or late: early ones must not lose their pictures.
        early_s = self._picture_pause_s / 2
        if now_s >= self._next_picture_s - early_s and self._server.wants_pictures:
            self._next_picture_s = max(self._next_picture_s, now_s) + self._picture_pause_s
            self._server.publish_picture(result, encode_preview(result.frame.image, self._picture_width))

    def close(self) -> None:
        """Nothing to close."""


@stage("preview")
def encode_preview(image: Image, width: int) -> bytes:
    """JPEG of the picture, scaled down to `width` px if it is wider. image: (H, W, 3) uint8 RGB."""
    image_height, image_width = image.shape[:2]
    if image_width > width:
        height = max(1, round(image_height * width / image_width))
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    ok, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    assert ok, "JPEG can encode any 8-bit picture"
    return bytes(jpeg)
