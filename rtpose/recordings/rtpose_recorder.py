"""The recorder of `.rtpose` files: what was seen until a moment ago is on the disk, whatever happens."""

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
from rtpose.recordings.npz import recording_meta
from rtpose.recordings.output_file import OutputFile
from rtpose.recordings.rtpose_file import MAGIC, encode_frame, end_chunk, frames_chunk, head_chunk
from rtpose.skeleton import H36M17, Skeleton
from rtpose.stages import stage
from rtpose.types import Result

WRITE_EVERY_S = 0.1
"""A killed program loses the frames of so long."""
SYNC_EVERY_S = 0.4
"""A power cut loses the frames of so long, and of the disk's own time."""

Tell = Callable[[str | None, str], None]
"""Told of a change: the name of the file that is being written or None, and a line for people."""


class Recorder:
    """Appends every frame to a file of its own, which can be read up to the last chunk if the program dies.

    Files are touched in two threads of its own, one that writes and one that waits for the disk: `write` waits for
    neither. A disk that is full, or fails, ends the recording with what it has, and `tell` says so; the run goes on.
    """

    def __init__(
        self,
        path: Path,
        *,
        overwrite: bool,
        skeleton: Skeleton = H36M17,
        meta: Callable[[], Mapping[str, Any]] = dict,
        watch: DiskWatch | None = None,
        tell: Tell = lambda file, text: None,
    ) -> None:
        """meta: asked at the first frame, and at the end for what has changed; see `NpzRecorder`.

        Errors: `OutputError` at once for a path that cannot be written. An older file stays until the first frame.
        """
        OutputFile(path, overwrite=overwrite)  # says what is wrong with the path
        self.path = path
        self._skeleton = skeleton
        self._meta = meta
        self._watch = watch or DiskWatch(path.parent)
        self._tell = tell
        self._lock = threading.Lock()
        self._head: dict[str, Any] | None = None
        """The facts at the first frame; `meta` may give the same objects again when they have changed."""
        self._beginning = b""
        """What comes before the first frame."""
        self._pending: list[bytes] = []
        """Frames that are to be written."""
        self._size = 0
        self._frames = 0
        """What the file holds."""
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="Recorder", daemon=True)
        self._thread.start()

    @property
    def recording(self) -> bool:
        """Whether frames are still taken."""
        return not self._ending.is_set()

    @property
    def closed(self) -> bool:
        """Whether its file is done with."""
        return not self._thread.is_alive()

    @stage("record")
    def write(self, result: Result) -> None:
        """Add a frame; none any more once the recording has ended."""
        if not self.recording:
            return
        frame = encode_frame(result.frame.frame_id, result.frame.pts_s, result.persons, self._skeleton)
        with self._lock:
            if self._head is None:
                self._head = copy.deepcopy(recording_meta(self._meta()))
                self._beginning = MAGIC + head_chunk(
                    skeleton=self._skeleton, image_size=result.frame.size, camera=result.camera, meta=self._head
                )
            self._pending.append(frame)

    def finish(self) -> None:
        """End the recording without waiting for its file; `tell` says when it is done."""
        self._ending.set()

    def close(self) -> None:
        """End the recording and wait until it is on the disk."""
        self.finish()
        self._thread.join()

    # The file's threads.

    def _run(self) -> None:
        self._tell(self.path.name, "")
        try:
            problem = self._record()
        except OSError as error:
            problem = f"it cannot be written ({error.strerror or error})"
        finally:
            self._ending.set()
        text = f"{self.path.name}: {self._frames} frames" if self._frames else f"{self.path.name}: nothing was recorded"
        self._tell(None, f"{text}; it ended early: {problem}" if problem else text)

    def _record(self) -> str:
        """Write until the end. Returns why that came early. Errors: `OSError` if there is no file to be had."""
        while not self._watch_says_full():
            ending = self._ending.wait(WRITE_EVERY_S)
            if self._head is not None:
                break
            if ending:
                return ""
        else:
            return self._watch.warning
        with self.path.open("wb", buffering=0) as file:
            syncing = threading.Thread(target=self._sync, args=(file,), name="Recorder sync", daemon=True)
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
                return f"the disk failed ({error.strerror or error})"
            self._size = file.tell()
            self._frames += len(frames)
        return ""

    def _watch_says_full(self) -> bool:
        warned = bool(self._watch.warning)
        self._watch.look(self._size)
        if bool(self._watch.warning) != warned and not self._watch.full:
            self._tell(self.path.name, self._watch.warning)
        return self._watch.full

    def _sync(self, file: BinaryIO) -> None:
        while not self._ending.wait(SYNC_EVERY_S):
            try:
                os.fsync(file.fileno())
            except OSError:  # the last sync tells
                return

    def _end(self, file: BinaryIO) -> str:
        """The end, behind the last chunk that is whole. Returns what went wrong."""
        assert self._head is not None
        facts = {**self._meta(), "frames": self._frames}
        changed = {key: value for key, value in facts.items() if self._head.get(key, self) != value}
        try:
            file.truncate(self._size)
            file.seek(self._size)
            _write_all(file, end_chunk(changed))
            os.fsync(file.fileno())
        except OSError as error:
            return f"its end cannot be written ({error.strerror or error}); `rtpose recover` mends it"
        return ""


def _write_all(file: BinaryIO, data: bytes) -> None:
    """An unbuffered file may take a part only: then the next try says why."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


class SwitchedRecorder:
    """A sink that records or not, as it is told while the run goes on; each recording is a new file.

    `start` and `stop` may be called in any thread and do not wait for the disk.
    """

    def __init__(
        self,
        folder: Path,
        *,
        source: int = 0,
        meta: Callable[[], Mapping[str, Any]] = dict,
        tell: Tell = lambda file, text: None,
    ) -> None:
        """folder: for the files that `start` names itself; source: whose frames are recorded, for times of several
        would not go forward; tell: see `Recorder`."""
        self._folder = folder
        self._source = source
        self._meta = meta
        self._tell = tell
        self._lock = threading.Lock()
        self._recorder: Recorder | None = None
        """The last that was begun."""

    @property
    def file(self) -> str | None:
        """The name of the file that is being written."""
        recorder = self._recorder
        return recorder.path.name if recorder is not None and recorder.recording else None

    def switch(self, on: bool) -> None:
        """What a page asks for: `start` without a name, or `stop`. What cannot be is told, not raised."""
        try:
            if on:
                self.start()
            else:
                self.stop()
        except OutputError as error:
            self._tell(self.file, str(error))

    def start(self, path: Path | None = None, *, overwrite: bool = False) -> None:
        """Begin a recording, in `rtpose-YYYYMMDD-HHMMSS.rtpose` if no path is given. One that runs goes on.

        Errors: `OutputError` for a path that cannot be written, and as long as the last recording is not on the disk.
        """
        with self._lock:
            last = self._recorder
            if last is not None and last.recording:
                return
            if last is not None and not last.closed:
                raise OutputError(f"{last.path.name} is not on the disk yet: try again in a moment")
            self._recorder = Recorder(path or self._new_path(), overwrite=overwrite, meta=self._meta, tell=self._tell)

    def stop(self) -> None:
        """End the recording that runs, if one does."""
        if self._recorder is not None:
            self._recorder.finish()

    def write(self, result: Result) -> None:
        """Add a frame to the recording that runs, if one does."""
        if self._recorder is not None and result.frame.source == self._source:
            self._recorder.write(result)

    def close(self) -> None:
        """End the recording that runs, and wait until it is on the disk."""
        if self._recorder is not None:
            self._recorder.close()

    def _new_path(self) -> Path:
        stem = f"rtpose-{datetime.now():%Y%m%d-%H%M%S}" + (f"-source{self._source}" if self._source else "")
        paths = (self._folder / f"{stem}{f'-{n}' if n > 1 else ''}.rtpose" for n in itertools.count(1))
        return next(path for path in paths if not path.exists())
