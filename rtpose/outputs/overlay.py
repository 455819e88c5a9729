"""The source's video with skeletons drawn on it."""

from __future__ import annotations

from pathlib import Path

from rtpose.outputs.drawing import draw_people
from rtpose.outputs.video_file import VideoWriter, check_video_name
from rtpose.recordings.output_file import OutputFile
from rtpose.types import Result


def check_name(path: Path) -> None:
    """Errors: `OutputError` if the name's ending is not a video format."""
    check_video_name(path, "an overlay")


class OverlayVideo:
    """Writes every frame with its people, at its own time.

    No file is written if there was no frame. An older file stays unchanged until `close`.
    """

    def __init__(self, path: Path, *, overwrite: bool, fps: float | None = None) -> None:
        """fps: nominal rate of the source, a hint for the encoder.

        Errors: `OutputError` at once if the path cannot be written, or if its ending is not a video format.
        """
        check_name(path)
        self._output = OutputFile(path, overwrite=overwrite)
        self._video = VideoWriter(self._output.part, kind=path, fps=fps)
        self._failed = False

    def write(self, result: Result) -> None:
        """Draw and encode one frame.

        Errors: `OutputError` if the file cannot be written; later frames are ignored.
        """
        if self._failed:
            return
        drawn = draw_people(result.frame.image, result.persons)
        self._failed = True  # until the frame is written
        with self._output.writing():
            self._video.write(drawn, result.frame.pts_s)
        self._failed = False

    def close(self) -> None:
        """Finish the file. Errors: `OutputError` if it cannot be written; an older file is then unchanged."""
        if not self._video.begun:
            return
        with self._output.writing():
            self._video.close()
        self._output.commit()
