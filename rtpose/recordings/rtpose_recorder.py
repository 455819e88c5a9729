"""Records a live run as a `.rtpose` file that survives a crash: only the last moments can be lost."""

from __future__ import annotations

import copy
import itertools
import os
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from rtpose.errors import OutputError
from rtpose.recordings.disk_space import DiskWatch
from rtpose.recordings.first_size import FirstSize
from rtpose.recordings.output_file import OutputFile, create_growing
from rtpose.recordings.recording import recording_meta
from rtpose.recordings.rtpose_file import MAGIC, encode_frame, end_chunk, frames_chunk, head_chunk
from rtpose.stages import stage
from rtpose.types import Result

WRITE_EVERY_S = 0.1
"""A killed program loses at most this much time."""
SYNC_EVERY_S = 0.4
"""A power cut loses at most this much time, plus whatever the disk itself buffers."""

Notify = Callable[[str | None, str], None]
"""Called on a change with the name of the file being written, or None, and a message for the user."""


class RtposeRecorder:
    """Appends every frame to a file, which stays readable up to its last chunk if the program dies.

    One thread writes, another waits for the disk to sync; `write` waits for neither. If the disk is full or fails, the
    recording ends early, `notify` reports it, and the run continues.
    """

    def __init__(
        self,
        path: Path,
        *,
        overwrite: bool,
        meta: Callable[[], Mapping[str, Any]] = dict,
        watch: DiskWatch | None = None,
        notify: Notify = lambda file, text: None,
    ) -> None:
        """meta: called at the first frame, and at the end for changes; see `NpzRecorder`.

        Errors: `OutputError` at once if `path` cannot be written. An older file stays until the first frame.
        """
        OutputFile(path, overwrite=overwrite)  # only checks the path
        self.path = path
        self._overwrite = overwrite
        self._meta = meta
        self._watch = watch or DiskWatch(path.parent)
        self._notify = notify
        self._first_size = FirstSize()
        self._lock = threading.Lock()
        self._head: dict[str, Any] | None = None
        """A copy of `meta` at the first frame: the callable may later return the same, changed objects."""
        self._beginning = b""
        """Written before the first frame."""
        self._pending: list[bytes] = []
        """Frames to be written."""
        self._size = 0
        self._frames = 0
        """Frames in the file."""
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="RtposeRecorder", daemon=True)
        self._thread.start()

    @property
    def recording(self) -> bool:
        """Whether frames are still accepted."""
        return not self._ending.is_set()

    @property
    def closed(self) -> bool:
        """Whether the file is finished."""
        return not self._thread.is_alive()

    @stage("record")
    def write(self, result: Result) -> None:
        """Add a frame; ignored once the recording has ended."""
        if not self.recording:
            return
        people = self._first_size.people(result)
        frame = encode_frame(result.frame.frame_id, result.frame.pts_s, people, result.world_from_camera)
        with self._lock:
            if self._head is None:
                self._head = copy.deepcopy(recording_meta(self._meta()))
                self._beginning = MAGIC + head_chunk(
                    image_size=result.frame.size, camera=result.camera, meta=self._head
                )
            self._pending.append(frame)

    def finish(self) -> None:
        """End the recording without waiting for the file; `notify` reports when it is finished."""
        self._ending.set()

    def close(self) -> None:
        """End the recording and wait until the file is finished."""
        self.finish()
        self._thread.join()

    # The writing and syncing threads.

    def _run(self) -> None:
        self._notify(self.path.name, "")
        try:
            problem = self._record()
        except OSError as error:
            problem = f"the file cannot be written ({error.strerror or error})"
        finally:
            self._ending.set()
        count = f"{self._frames} frame{'' if self._frames == 1 else 's'}" if self._frames else "nothing was recorded"
        text = f"{self.path.name}: {count}"
        self._notify(None, f"{text}; it ended early: {problem}" if problem else text)

    def _record(self) -> str:
        """Write until the end. Returns why it ended early, or "". Errors: `OSError` if the file cannot be created."""
        while not self._watch_says_full():
            ending = self._ending.wait(WRITE_EVERY_S)
            if self._head is not None:
                break
            if ending:
                return ""
        else:
            return self._watch.warning
        place = create_growing(self.path, overwrite=self._overwrite)
        if place != self.path:
            taken, self.path = self.path, place
            self._notify(place.name, f"{taken.name} was created by another program: recording to {place.name}")
        with self.path.open("r+b", buffering=0) as file:
            syncing = threading.Thread(target=self._sync, args=(file,), name="RtposeRecorder sync", daemon=True)
            syncing.start()
            try:
                problem = self._append_all(file)
            finally:
                self._ending.set()
                syncing.join()
            problem = self._end(file) or problem
        if not self._frames:
            self.path.unlink()
        return problem

    def _append_all(self, file: BinaryIO) -> str:
        going = True
        while going:
            if self._watch_says_full():
                return self._watch.warning
            going = not self._ending.wait(WRITE_EVERY_S)
            with self._lock:
                frames, self._pending = self._pending, []
            if not frames:
                continue
            chunk = frames_chunk(frames)
            try:
                _write_all(file, chunk if self._size else self._beginning + chunk)
            except OSError as error:
                return f"writing failed ({error.strerror or error})"
            self._size = file.tell()
            self._frames += len(frames)
        return ""

    def _watch_says_full(self) -> bool:
        warned = bool(self._watch.warning)
        self._watch.check(self._size)
        if bool(self._watch.warning) != warned and not self._watch.full:
            self._notify(self.path.name, self._watch.warning)
        return self._watch.full

    def _sync(self, file: BinaryIO) -> None:
        while not self._ending.wait(SYNC_EVERY_S):
            try:
                os.fsync(file.fileno())
            except OSError:  # `_end` syncs again and reports
                return

    def _end(self, file: BinaryIO) -> str:
        """Write the END chunk after the last complete chunk. Returns what went wrong, or ""."""
        assert self._head is not None
        facts = {**self._meta(), "frames": self._frames}
        changed = {key: value for key, value in facts.items() if self._head.get(key, self) != value}
        try:
            file.truncate(self._size)
            file.seek(self._size)
            _write_all(file, end_chunk(changed))
            os.fsync(file.fileno())
        except OSError as error:
            return f"its end cannot be written ({error.strerror or error}); `rtpose recover` repairs it"
        return ""


def _write_all(file: BinaryIO, data: bytes) -> None:
    """An unbuffered file may accept only a part; the next attempt then raises the reason."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


class SwitchedRecorder:
    """A sink whose recording can be started and stopped during the run; each recording is a new file.

    `start` and `stop` may be called in any thread and do not wait for the disk.
    """

    def __init__(
        self,
        folder: Path,
        *,
        source: int = 0,
        meta: Callable[[], Mapping[str, Any]] = dict,
        notify: Notify = lambda file, text: None,
    ) -> None:
        """folder: for files that `start` names itself. source: the one source to record, because the times of several
        sources do not increase. notify: see `RtposeRecorder`."""
        self._folder = folder
        self._source = source
        self._meta = meta
        self._notify = notify
        self._lock = threading.Lock()
        self._recorder: RtposeRecorder | None = None
        """The latest recording."""

    @property
    def file(self) -> str | None:
        """The name of the file being written, or None."""
        recorder = self._recorder
        return recorder.path.name if recorder is not None and recorder.recording else None

    def switch(self, on: bool) -> None:
        """Start or stop on request of a page. Errors go to `notify`."""
        try:
            if on:
                self.start()
            else:
                self.stop()
        except OutputError as error:
            self._notify(self.file, str(error))

    def start(self, path: Path | None = None, *, overwrite: bool = False) -> None:
        """Start a recording, named `rtpose-YYYYMMDD-HHMMSS.rtpose` if no path is given. Does nothing while recording.

        Errors: `OutputError` if `path` cannot be written, or while the previous file is still being finished.
        """
        with self._lock:
            last = self._recorder
            if last is not None and last.recording:
                return
            if last is not None and not last.closed:
                raise OutputError(f"{last.path.name} is still being written: try again in a moment")
            self._recorder = RtposeRecorder(
                path or self._new_path(), overwrite=overwrite, meta=self._meta, notify=self._notify
            )

    def stop(self) -> None:
        """End the current recording, if any."""
        if self._recorder is not None:
            self._recorder.finish()

    def write(self, result: Result) -> None:
        """Add a frame to the current recording, if any."""
        if self._recorder is not None and result.frame.source == self._source:
            self._recorder.write(result)

    def close(self) -> None:
        """End the current recording, if any, and wait until its file is finished."""
        if self._recorder is not None:
            self._recorder.close()

    def _new_path(self) -> Path:
        stem = f"rtpose-{datetime.now():%Y%m%d-%H%M%S}" + (f"-source{self._source}" if self._source else "")
        paths = (self._folder / f"{stem}{f'-{n}' if n > 1 else ''}.rtpose" for n in itertools.count(1))
        return next(path for path in paths if not path.exists())
