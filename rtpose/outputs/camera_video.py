"""The camera's own picture as a video, with the times of the recording of the same run."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from rtpose.outputs.video_file import VideoWriter, check_video_name
from rtpose.recordings.disk_space import DiskWatch
from rtpose.recordings.output_file import OutputFile, create_growing
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
        self._overwrite = overwrite
        self._fps = fps
        self._video: VideoWriter | None = None
        """Created with the first frame."""
        self._watch = watch or DiskWatch(path.parent)
        self._notify = notify
        self._ended = False

    def write(self, result: Result) -> None:
        """Encode one frame; ignored once the video has ended."""
        if self._ended:
            return
        warned = bool(self._watch.warning)
        try:
            self._watch.check(self._path.stat().st_size if self._video else 0)
            if self._watch.full:
                self._end_early(self._watch.warning)
                return
            if self._video is None:
                self._video = self._create()
            self._video.write(result.frame.image, result.frame.pts_s)
        except OSError as error:
            self._end_early(f"writing failed ({error.strerror or error})")
            return
        if self._watch.warning and not warned:
            self._notify(self._watch.warning)

    def close(self) -> None:
        """Finish the file, if there is one."""
        if not self._ended and self._video is not None:
            try:
                self._video.close()
            except OSError as error:
                self._end_early(f"writing failed ({error.strerror or error})")
        self._ended = True

    def _end_early(self, why: str) -> None:
        self._ended = True
        if self._video is not None:
            with suppress(OSError):  # the same full disk again
                self._video.close()
        self._notify(f"{self._path.name} ended early: {why}")

    def _create(self) -> VideoWriter:
        place = create_growing(self._path, overwrite=self._overwrite)
        if place != self._path:
            self._notify(f"{self._path.name} was created by another program: writing {place.name}")
            self._path = place
        return VideoWriter(place, kind=place, fps=self._fps, fragmented=True)
