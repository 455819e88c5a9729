"""The camera's own picture as a video, beside a recording and on the same clock."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from rtpose.outputs.video_file import VideoFile, check_video_name
from rtpose.recordings.disk_space import DiskWatch
from rtpose.recordings.output_file import OutputFile
from rtpose.types import Result


class CameraVideo:
    """Writes the picture of every result at the result's own time, so that it fits any recording of the same run.

    A killed program leaves a video that plays up to its last second. A disk that is full, or fails, ends the video
    with what it has, and `tell` says so; the run goes on.
    """

    def __init__(
        self,
        path: Path,
        *,
        overwrite: bool,
        fps: float | None = None,
        watch: DiskWatch | None = None,
        tell: Callable[[str], None] = lambda text: None,
    ) -> None:
        """fps: nominal rate of the source; tell: told, in a line for people, of a disk that gets full or fails.

        Errors: `OutputError` at once for a path that cannot be written or names no kind of video. An older file stays
        until the first frame.
        """
        check_video_name(path, "the camera's video")
        OutputFile(path, overwrite=overwrite)  # says what is wrong with the path
        self._path = path
        self._video = VideoFile(path, kind=path, fps=fps, fragmented=True)
        self._watch = watch or DiskWatch(path.parent)
        self._tell = tell
        self._ended = False

    def write(self, result: Result) -> None:
        """Encode one frame; none any more once the video has ended."""
        if self._ended:
            return
        warned = bool(self._watch.warning)
        try:
            self._watch.look(self._path.stat().st_size if self._video.begun else 0)
            if self._watch.full:
                self._end_early(self._watch.warning)
                return
            self._video.write(result.frame.image, result.frame.pts_s)
        except OSError as error:
            self._end_early(f"the disk failed ({error.strerror or error})")
            return
        if self._watch.warning and not warned:
            self._tell(self._watch.warning)

    def close(self) -> None:
        """Finish the file, if there is one."""
        if not self._ended:
            try:
                self._video.close()
            except OSError as error:
                self._end_early(f"the disk failed ({error.strerror or error})")
        self._ended = True

    def _end_early(self, why: str) -> None:
        self._ended = True
        with suppress(OSError):  # the same full disk again
            self._video.close()
        self._tell(f"{self._path.name} ended early: {why}")
