"""What a live run records."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rtpose.cli.sources import numbered
from rtpose.errors import OutputError

if TYPE_CHECKING:
    from rtpose.server.server import PoseServer
    from rtpose.types import Sink


class LiveRecording:
    """The recorders of a live run: files of their own for each source. The page can switch one of each on and off; it
    and the terminal are told of their state."""

    def __init__(self, record: Path | None, video: Path | None, folder: Path, *, sources: int, overwrite: bool) -> None:
        """record: begun at once. folder: for the recordings that the page asks for. Of several sources the files are
        numbered. Errors: `OutputError`."""
        from rtpose.outputs.camera_video import CameraVideo
        from rtpose.recordings.npz_recorder import NpzRecorder
        from rtpose.recordings.rtpose_recorder import SwitchedRecorder

        self.files = [numbered(record, number, sources) for number in range(sources)]
        self.metas: list[dict[str, Any]] = [{} for _ in range(sources)]
        """For the files of each source; filled in by `Run.play`."""
        self.sinks: list[list[Sink]] = []
        """Of each source."""
        self._server: PoseServer | None = None
        kind = record.suffix.lower() if record else None
        if kind not in (None, ".rtpose", ".npz"):
            raise OutputError(f"{record}: a recording is written as .rtpose or .npz: change the name's ending")
        if not folder.is_dir():
            raise OutputError(f"there is no folder {folder}: make it first, or choose another --record-folder")
        self._switched = [
            SwitchedRecorder(folder, source=number, meta=meta.copy, notify=self._notify)
            for number, meta in enumerate(self.metas)
        ]
        for number, switched in enumerate(self._switched):
            sinks: list[Sink] = [switched]
            file, meta, picture_file = self.files[number], self.metas[number], numbered(video, number, sources)
            if picture_file is not None:
                sinks.append(CameraVideo(picture_file, overwrite=overwrite, notify=self._notify_of_video))
            if file is not None and kind == ".npz":
                sinks.append(NpzRecorder(file, overwrite=overwrite, meta=meta.copy))
            elif file is not None:
                switched.start(file, overwrite=overwrite)
            self.sinks.append(sinks)

    def switch(self, on: bool) -> None:
        """What a page asks for."""
        for switched in self._switched:
            switched.switch(on)

    def show_on(self, server: PoseServer) -> None:
        """Tell the page from now on."""
        self._server = server
        server.set_recording(", ".join(self._running) or None)

    def close(self) -> None:
        """End recordings that no pipeline has closed."""
        for switched in self._switched:
            switched.close()

    @property
    def _running(self) -> list[str]:
        """The names of the files that are being written."""
        return [switched.file for switched in self._switched if switched.file]

    def _notify(self, file: str | None, text: str) -> None:
        """file: of one source; None once its recording is over."""
        if self._server is not None:
            files = dict.fromkeys([*self._running, *([file] if file else [])])
            self._server.set_recording(", ".join(files) or None, text)
        if text:
            print(f"rtpose: {text}", file=sys.stderr)

    def _notify_of_video(self, text: str) -> None:
        self._notify(None, text)
