"""The recordings of a live run: files named on the command line, and recordings started and stopped on the page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rtpose.errors import OutputError

if TYPE_CHECKING:
    from rtpose.server.server import PoseServer
    from rtpose.types import Sink


class LiveRecording:
    """The recorders of a live run. Each source has its own files. The page can switch a recorder of each on and off,
    and shows their state, as the terminal does."""

    def __init__(
        self, record: Path | None, video: Path | None, folder: Path, *, sources: int, overwrite: bool,
        on_notice: Callable[[str], None] = lambda line: None,
    ) -> None:  # fmt: skip
        """record: starts at once. folder: for recordings started on the page. The files of several sources are
        numbered. on_notice: called with a line when a recording is written or fails. Errors: `OutputError`."""
        from rtpose.outputs.camera_video import CameraVideo
        from rtpose.recordings.npz_recorder import NpzRecorder
        from rtpose.recordings.rtpose_recorder import SwitchedRecorder

        self.files = [numbered(record, number, sources) for number in range(sources)]
        self.metas: list[dict[str, Any]] = [{} for _ in range(sources)]
        """For the files of each source; `Session.run` fills them in."""
        self.sinks: list[list[Sink]] = []
        """The sinks of each source."""
        self._on_notice = on_notice
        self._folder = folder
        self._newest: Path | None = None
        """The file that was begun last."""
        self._server: PoseServer | None = None
        kind = record.suffix.lower() if record else None
        if kind not in (None, ".rtpose", ".npz"):
            raise OutputError(f"{record}: a recording is written as .rtpose or .npz: change the name's ending")
        if not folder.is_dir():
            raise OutputError(f"there is no folder {folder}: make it first, or choose another --record-folder")
        self._switched = [
            SwitchedRecorder(folder, source=number, meta=meta.copy, notify=self._report)
            for number, meta in enumerate(self.metas)
        ]
        for number, switched in enumerate(self._switched):
            sinks: list[Sink] = [switched]
            file, meta, picture_file = self.files[number], self.metas[number], numbered(video, number, sources)
            if picture_file is not None:
                sinks.append(CameraVideo(picture_file, overwrite=overwrite, notify=self._report_video))
            if file is not None and kind == ".npz":
                sinks.append(NpzRecorder(file, overwrite=overwrite, meta=meta.copy))
            elif file is not None:
                switched.start(file, overwrite=overwrite)
            self.sinks.append(sinks)

    def switch(self, on: bool) -> None:
        """Start or stop recordings on request of a page."""
        for switched in self._switched:
            switched.switch(on)

    def show_on(self, server: PoseServer) -> None:
        """From now on, show the recording state on the page."""
        self._server = server
        server.set_recording(", ".join(self._running) or None)

    def close(self) -> None:
        """Close recordings that no pipeline has closed."""
        for switched in self._switched:
            switched.close()

    @property
    def _running(self) -> list[str]:
        """The names of the files that are being written."""
        return [switched.file for switched in self._switched if switched.file]

    def _report(self, file: str | None, text: str) -> None:
        """file: the file a source is writing; None after its recording ends."""
        if file is not None:
            named = [given for given in self.files if given is not None and given.name == file]
            self._newest = named[0] if named else self._folder / file
        if self._server is not None:
            files = dict.fromkeys([*self._running, *([file] if file else [])])
            written = self._newest if file is None else None
            self._server.set_recording(", ".join(files) or None, text, written)
        if text:
            self._on_notice(text)

    def _report_video(self, text: str) -> None:
        self._report(None, text)


def numbered(file: Path | None, number: int, count: int) -> Path | None:
    """`poses.npz` -> `poses-0.npz` for the first of several sources."""
    return file if file is None or count == 1 else file.with_stem(f"{file.stem}-{number}")
