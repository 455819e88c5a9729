"""What a live run records."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rtpose.errors import OutputError

if TYPE_CHECKING:
    from rtpose.server.server import PoseServer
    from rtpose.types import Sink


class LiveRecording:
    """The recorders of a live run. The page can switch one on and off; it and the terminal are told of its state."""

    def __init__(self, record: Path | None, video: Path | None, folder: Path, *, overwrite: bool) -> None:
        """record: begun at once. folder: for the recordings that the page asks for. Errors: `OutputError`."""
        from rtpose.sinks.camera_video import CameraVideo
        from rtpose.sinks.npz import NpzRecorder
        from rtpose.sinks.recorder import SwitchedRecorder

        self.meta: dict[str, Any] = {}
        """For the files; filled in by `Run.play`."""
        self._server: PoseServer | None = None
        kind = record.suffix.lower() if record else None
        if kind not in (None, ".rtpose", ".npz"):
            raise OutputError(f"{record}: a recording is written as .rtpose or .npz: change the name's ending")
        if not folder.is_dir():
            raise OutputError(f"there is no folder {folder}: make it first, or choose another --record-folder")
        self.switched = SwitchedRecorder(folder, meta=lambda: self.meta, tell=self._tell)
        self.sinks: list[Sink] = [self.switched]
        if video is not None:
            self.sinks.append(CameraVideo(video, overwrite=overwrite, tell=self._tell_of_video))
        if record is not None and kind == ".npz":
            self.sinks.append(NpzRecorder(record, overwrite=overwrite, meta=lambda: self.meta))
        elif record is not None:
            self.switched.start(record, overwrite=overwrite)

    def show_on(self, server: PoseServer) -> None:
        """Tell the page from now on."""
        self._server = server
        server.set_recording(self.switched.file)

    def close(self) -> None:
        """End a recording that no pipeline has closed."""
        self.switched.close()

    def _tell(self, file: str | None, text: str) -> None:
        if self._server is not None:
            self._server.set_recording(file, text)
        if text:
            print(f"rtpose: {text}", file=sys.stderr)

    def _tell_of_video(self, text: str) -> None:
        self._tell(self.switched.file, text)
