"""The camera's own picture as a video, with the times of the recording beside it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from rtpose.outputs.video_file import VideoWriter, check_video_name
from rtpose.recordings.disk_space import DiskWatch
from rtpose.recordings.output_file import OutputFile
from rtpose.types import Result


class CameraVideo:
    """Writes the picture of every result at the result's own time, so that it matches any recording of the same run.

    A killed program leaves a video that plays up to its last second. If the disk is full or fails, the video ends
    early, `notify` reports it, and the run continues.
    """

    def __init__(
        self,
        path: Path,
        *,
        overwrite: bool,
        fps: float | None = None,
        watch: DiskWatch | None = None,
        notify: Callable[[str], None] = lambda text: None,
    ) -> None:
        """fps: nominal rate of the source. notify: called with a message for the user if the disk gets full or fails.

        Errors: `OutputError` at once if the path cannot be written, or if its ending is not a video format. An older
        file stays until the first frame.
        """
        check_video_name(path, "the camera's video")
        OutputFile(path, overwrite=overwrite)  # only checks the path
        self._path = path
        self._video = VideoWriter(path, kind=path, fps=fps, fragmented=True)
        self._watch = watch or DiskWatch(path.parent)
        self._notify = notify
        self._ended = False

    def write(self, result: Result) -> None:
        """Encode one frame; ignored once the video has ended."""
        if self._ended:
            return
        warned = bool(self._watch.warning)
        try:
            self._watch.check(self._path.stat().st_size if self._video.begun else 0)
            if self._watch.full:
                self._end_early(self._watch.warning)
                return
            self._video.write(result.frame.image, result.frame.pts_s)
        except OSError as error:
            self._end_early(f"writing failed ({error.strerror or error})")
            return
        if self._watch.warning and not warned:
            self._notify(self._watch.warning)

    def close(self) -> None:
        """Finish the file, if there is one."""
        if not self._ended:
            try:
                self._video.close()
            except OSError as error:
                self._end_early(f"writing failed ({error.strerror or error})")
        self._ended = True

    def _end_early(self, why: str) -> None:
        self._ended = True
        with suppress(OSError):  # the same full disk again
            self._video.close()
        self._notify(f"{self._path.name} ended early: {why}")
