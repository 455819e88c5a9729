"""Video files: every frame in order, with the times from the file."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Generator, Iterator
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import av.error
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from rtpose.capture.decoding import ToPicture, find_video, is_unfinished_mp4, open_container, why
from rtpose.capture.focal import fov_of_video
from rtpose.capture.images import check_size
from rtpose.errors import InputError
from rtpose.stages import stage, staged
from rtpose.types import Frame, SourceInfo, SourceStats

DEFAULT_FPS = 30.0
_MAX_BAD_READS = 100  # in a row; a damaged container could otherwise fail forever without advancing
_REPORTED_FPS_MAX = 1000.0  # some files state their clock's resolution as their rate
_CLOSE_WAIT_S = 2.0
_UNTIMED_FORMATS = ("h264", "hevc", "mjpeg", "m4v", "mpegvideo", "obu", "vc1", "h261", "h263", "dirac")
"""FFmpeg's names of raw streams: pictures one after the other, without times."""


class StrictTimes:
    """Media times in seconds since the first frame, strictly increasing even if those of the file are not.

    Valid times are kept. Repairs, with `step_s` = one frame at the nominal rate: a missing time becomes the last one
    plus a step; a time that does not advance becomes the last one plus half a step, so that the next valid time still
    follows it. After a jump back of more than a second (two recordings in one file), or an impossible jump ahead
    (a damaged time, a clock that was set), time continues one step after the last.
    """

    _NEW_START_S = 1.0
    _LONGEST_GAP_S = 60.0
    _LONGEST_GAP_STEPS = 100.0
    """A jump ahead is longer than both: a time lapse may take a picture every hour."""

    def __init__(self, step_s: float, on_jump: Callable[[float], None] = lambda seconds: None) -> None:
        """on_jump: called with the length in seconds of each jump that is repaired, back (negative) or ahead."""
        self._step_s = step_s
        self._on_jump = on_jump
        self._offset_s: float | None = None
        self._last_s = 0.0

    def __call__(self, time_s: float | None) -> float:
        """time_s: from the file, None if missing. Returns seconds; the first is 0.0."""
        first = self._offset_s is None
        if time_s is None:
            if first:
                self._offset_s = 0.0
                return 0.0
            return self._advance(self._last_s + self._step_s)
        if first:
            self._offset_s = -time_s
            return 0.0
        assert self._offset_s is not None
        shifted_s = time_s + self._offset_s
        ahead_s = shifted_s - self._last_s
        if ahead_s < -self._NEW_START_S or ahead_s > max(self._LONGEST_GAP_S, self._LONGEST_GAP_STEPS * self._step_s):
            self._on_jump(ahead_s)
            self._offset_s = self._last_s + self._step_s - time_s
            shifted_s = self._last_s + self._step_s
        elif shifted_s <= self._last_s:
            shifted_s = self._last_s + self._step_s / 2
        return self._advance(shifted_s)

    def _advance(self, time_s: float) -> float:
        self._last_s = max(time_s, math.nextafter(self._last_s, math.inf))
        return self._last_s


class VideoFile:
    """A video with an end, as a `FrameSource`: a file, or a recording behind a URL.

    Damage never ends reading early. At the end, `stats.dropped` has "damaged": frames in the file that could
    not be decoded, or only with concealed parts; "missing": frames that the file announces but does not
    contain (cut off). If both are absent, the file is complete as far as its format can tell.
    """

    def __init__(self, path: Path | str, *, fps: float | None = None, container: InputContainer | None = None) -> None:
        """Open the file and decode its first frame.

        path: a file; or the name of `container`, an open recording, which the source then owns.
        fps: the frame rate if the file has no timestamps.
        Errors: `InputError` for a file that is missing, empty, unreadable, not a video, or without frames.
        """
        self._path = Path(path) if container is None else None
        self._name = str(path)
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._ended = False
        self._fps = fps
        self._container: InputContainer | None = container or _open_file(Path(path), fps)
        self.stats = SourceStats()
        try:
            stream = find_video(self._container, self._name)
            check_size(stream.width, stream.height, self._name)
            stream.thread_type = "AUTO"
            rate = _rate(stream)
            untimed = self._container.format.name in _UNTIMED_FORMATS
            if untimed:
                rate = _own_rate(stream) or fps
            elif rate is None:
                untimed = _counts_frames(stream)  # its times are numbers of frames at an impossible rate
            if untimed and rate is None:
                rate = fps or DEFAULT_FPS
                if fps is None:
                    self.stats.note(
                        f"'{self._name}' does not state its frame rate: {DEFAULT_FPS:g} frames a second assumed; "
                        "--fps sets it"
                    )
            self._untimed = untimed
            self._jumped = False
            self._to_picture = ToPicture(stream)
            self._times = StrictTimes(1 / (rate or fps or DEFAULT_FPS), self._note_jump)
            self._frame_id = 0
            self._frames = self._read_all(self._container, stream)
            self._ready = next(self._frames, None)
            if self._ready is None:
                raise InputError(f"'{self._name}' has no decodable frame; try another copy of it")
            self.info = SourceInfo(
                name=self._name,
                live=False,
                size=self._ready.size,
                fps=rate or fps,
                frame_count=_expected_frames(self._container, stream, rate),
                fov_deg=fov_of_video(self._path, {**self._container.metadata, **stream.metadata}, self._ready.size),
                fov_origin="the video's metadata",
            )
        except BaseException:
            self._container.close()
            raise

    def read(self, timeout_s: float = 1.0) -> Frame | None:
        """Next frame, or None at the end. `timeout_s` is not used, as decoding does not wait."""
        with self._lock:
            if self._ended:
                return None
            with stage("decode"):
                frame, self._ready = self._ready or next(self._frames, None), None
            if frame is None or self._closing.is_set():
                self._release()
                return None
            self.stats.delivered += 1
            return frame

    @property
    def ended(self) -> bool:
        """True after `read` has returned None, or after `close`."""
        return self._ended

    @property
    def status(self) -> str:
        """Losses so far, or "ok"."""
        lost = ", ".join(f"{cause} {count}" for cause, count in self.stats.dropped.items())
        return f"frames lost: {lost}" if lost else "ok"

    def close(self) -> None:
        """Close the file. If `read` hangs on a dead network in another thread, that thread closes it later."""
        self._closing.set()
        if self._lock.acquire(timeout=_CLOSE_WAIT_S):
            try:
                self._release()
            finally:
                self._lock.release()

    def _release(self) -> None:
        """Under the lock."""
        self._ended = True
        self._ready = None
        self._frames.close()
        if self._container is not None:
            self._container.close()
            self._container = None

    def _read_all(self, container: InputContainer, stream: VideoStream) -> Generator[Frame]:
        """All frames of the file; counts what is lost."""
        decoder = _Decoder(container, stream)
        last_pts: int | None = None
        end_s: float | None = None  # when the last frame is over, on the file's clock
        for decoded in decoder:
            if decoded is None:
                self._lose("damaged")
                continue
            if decoded.pts is not None and decoded.time_base is not None:
                last_pts = decoded.pts
                end_s = float((decoded.pts + (decoded.duration or 0)) * decoded.time_base)
            yield self._frame(decoded)
        sent, received, failed = decoder.sent, decoder.received, decoder.failed
        if sent > received + failed and last_pts is not None and self._path is not None:
            # With several threads, an error while the decoder is drained hides the good frames after it.
            for decoded in self._tail(last_pts):
                if decoded is None:
                    decoder.damage_seen = True
                    continue
                received += 1
                assert decoded.pts is not None
                assert decoded.time_base is not None
                end_s = float((decoded.pts + (decoded.duration or 0)) * decoded.time_base)
                yield self._frame(decoded)
        if decoder.damage_seen:
            # Some decoders silently skip all frames that depend on a damaged one. Without any sign of damage,
            # packets without a frame are not a loss: some formats have invisible frames.
            self._lose("damaged", sent - received - failed)
        missing = 0 if self._jumped or self._untimed else _missing_frames(container, stream, sent, end_s)
        if missing > 1:  # one is within the rounding of durations
            self._lose("missing", missing)

    def _tail(self, last_pts: int) -> Iterator[VideoFrame | None]:
        """Frames after `last_pts`, None for a damaged one, decoded again without threads."""
        assert self._path is not None
        with _open_file(self._path, self._fps) as container:
            stream = find_video(container, self._name)
            stream.thread_type = "NONE"
            try:
                container.seek(last_pts, stream=stream)
            except av.FFmpegError:  # no index: from the start
                container.seek(0)
            for decoded in _Decoder(container, stream):
                if decoded is None or (decoded.pts is not None and decoded.pts > last_pts):
                    yield decoded

    def _frame(self, decoded: VideoFrame) -> Frame:
        t_ns = time.monotonic_ns()
        time_base = decoded.time_base
        untimed = self._untimed or decoded.pts is None or time_base is None
        time_s = None if untimed else float(cast(int, decoded.pts) * cast(Fraction, time_base))
        frame = Frame(self._to_picture(decoded), self._frame_id, t_ns, self._times(time_s))
        self._frame_id += 1
        return frame

    def _note_jump(self, seconds: float) -> None:
        if not self._jumped:
            direction = "back" if seconds < 0 else "ahead"
            self.stats.note(
                f"'{self._name}': its clock jumps {direction} by {abs(seconds):.0f} s at frame {self._frame_id}; "
                "repaired, like every such jump in it"
            )
        self._jumped = True

    def _lose(self, cause: str, count: int = 1) -> None:
        if count > 0:
            self.stats.drop(cause, count)
            self._frame_id += count


class _Decoder:
    """Iterates over the decoded frames of a stream; None for one that could not be decoded."""

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self._container = container
        self._stream = stream
        self.sent = 0
        """Packets, each of which should give a frame."""
        self.received = 0
        self.failed = 0
        self.damage_seen = False

    def __iter__(self) -> Iterator[VideoFrame | None]:
        for packet in self._packets():
            # Packets before the start that an edit list sets are decoded but not shown.
            if packet.size and not packet.is_discard:
                self.sent += 1
            self.damage_seen |= packet.is_corrupt
            try:
                frames = packet.decode()
            except av.FFmpegError:
                self.damage_seen = True
                self.failed += 1
                yield None
                continue
            for frame in frames:
                # Corrupt: the decoder concealed missing parts.
                if frame.is_corrupt:
                    self.damage_seen = True
                    self.failed += 1
                else:
                    self.received += 1
                yield None if frame.is_corrupt else frame

    def _packets(self) -> Iterator[Packet[VideoStream]]:
        """All packets, then the empty one that drains the decoder; continues after damage in the container."""
        bad_reads = 0
        while True:
            try:
                for packet in staged("capture", self._container.demux(self._stream)):
                    bad_reads = 0
                    yield packet
            except av.FFmpegError as error:
                self.damage_seen = True
                bad_reads += 1
                if bad_reads < _MAX_BAD_READS and not isinstance(error, av.error.ExitError):
                    continue
                empty = cast("Packet[VideoStream]", Packet())
                empty.stream = self._stream
                assert self._stream.time_base is not None
                empty.time_base = self._stream.time_base
                yield empty
            return


def _open_file(path: Path, fps: float | None) -> InputContainer:
    """Open a local file. Errors: `InputError`."""
    try:
        if path.stat().st_size == 0:
            raise InputError(f"'{path}' is an empty file; copy or record it again")
        # Only formats without timestamps (raw .h264, .mjpeg) use this option.
        options = {} if fps is None else {"framerate": str(fps)}
        # "file:" keeps FFmpeg from reading "a:b.mp4" as a protocol.
        return open_container(f"file:{path}", options=options)
    except av.error.InvalidDataError as error:
        if is_unfinished_mp4(path):
            raise InputError(
                f"'{path}' is an unfinished recording: its index (moov) is missing or damaged; "
                "copy it again, or restore it with a tool such as untrunc"
            ) from error
        raise InputError(
            f"'{path}' cannot be read as a video; check that it plays elsewhere, or convert it with ffmpeg"
        ) from error
    except (av.FFmpegError, OSError) as error:
        raise InputError(f"cannot open '{path}': {why(error)}; check the file and its permissions") from error


def _own_rate(stream: VideoStream) -> float | None:
    """A raw stream's rate, from its own headers (SPS of H.264). FFmpeg's average would be a default."""
    rate = float(stream.codec_context.framerate or 0)
    return rate if 0 < rate < _REPORTED_FPS_MAX else None


def _counts_frames(stream: VideoStream) -> bool:
    """Whether the times are numbers of frames at an impossible rate: a damaged header makes them all wrong."""
    rate = stream.average_rate
    return rate is not None and rate > _REPORTED_FPS_MAX and rate * (stream.time_base or 0) == 1


def _rate(stream: VideoStream) -> float | None:
    rate = float(stream.average_rate or stream.guessed_rate or 0)
    return rate if 0 < rate < _REPORTED_FPS_MAX else None


def _expected_frames(container: InputContainer, stream: VideoStream, rate: float | None) -> int | None:
    """For the progress bar."""
    if stream.frames > 0:
        return stream.frames
    if rate is None:
        return None
    seconds = _announced_end_s(container, stream)
    if seconds is None and container.duration is not None:
        seconds = container.duration / av.time_base
    return None if seconds is None else round(seconds * rate)


def _missing_frames(container: InputContainer, stream: VideoStream, sent: int, end_s: float | None) -> int:
    """How many frames the container announces beyond the last; 0 if its duration is not reliable.

    sent: frames found; end_s: end of the last one on the file's clock.
    """
    rate = _rate(stream)
    announced_s = _announced_end_s(container, stream)
    if announced_s is None or end_s is None or rate is None:
        return 0
    by_time = round((announced_s - end_s) * rate)
    # The count alone proves nothing: edit lists of mp4 and mov, and empty chunks in avi, leave frames out.
    return max(min(by_time, stream.frames - sent) if stream.frames else by_time, 0)


def _announced_end_s(container: InputContainer, stream: VideoStream) -> float | None:
    """End of the video according to the file's header. Durations of other formats are FFmpeg's estimates."""
    formats = container.format.name.split(",")
    if "mov" in formats and stream.duration is not None and stream.time_base is not None:
        return float(((stream.start_time or 0) + stream.duration) * stream.time_base)
    if "avi" in formats and stream.frames and (rate := _rate(stream)):  # its duration is an estimate
        return stream.frames / rate
    if "matroska" in formats:
        tag = stream.metadata.get("DURATION", "").split(":")
        try:
            if len(tag) == 3:
                return int(tag[0]) * 3600 + int(tag[1]) * 60 + float(tag[2])
        except ValueError:
            return None
        if len(container.streams) == 1 and container.duration is not None:  # otherwise it may be that of the sound
            return float(container.duration / av.time_base)
    return None
