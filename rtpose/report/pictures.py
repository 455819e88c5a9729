"""A strip of pictures from a recording's video, cropped to the person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from rtpose.capture import open_source
from rtpose.recordings.recording import Recording
from rtpose.types import Image, Person3D

VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v")
_HEIGHT_PX = 300
_QUALITY = 80
_MARGIN = 0.12
_WIDEST = 1.3
"""Largest ratio of a picture's width to its height."""
_MARGIN_S = 0.5
"""How far a picture may be from the wanted time."""


def video_beside(recording: Recording, path: Path) -> Path | None:
    """The video of a recording: the file it was made from, here or next to the recording, or one of the same name."""
    source = str(recording.meta.get("source") or "")
    named = Path(source.replace("\\", "/")).name if "://" not in source else ""
    candidates = [Path(source)] if source and "://" not in source else []
    candidates += [path.parent / named] if named else []
    candidates += [path.with_suffix(suffix) for suffix in VIDEO_SUFFIXES]
    for candidate in candidates:
        try:
            if candidate.suffix.lower() in VIDEO_SUFFIXES and candidate.is_file():
                return candidate
        except (OSError, ValueError):  # a name that no file can have
            continue
    return None


def cut_pictures(
    video: Path, recording: Recording, wanted: Sequence[tuple[int, Sequence[float]]],
    draw: Callable[[Image, Sequence[Person3D]], Image],
) -> dict[int, list[tuple[float, bytes]]]:  # fmt: skip
    """Pictures of people at some times: track id -> (s, JPEG).

    wanted: (track id, times in s). draw: draws people on a picture. Errors: `InputError` for a video that cannot be
    read.
    """
    rows = {track_id: sorted({_row(recording, track_id, time_s) for time_s in times}) for track_id, times in wanted}
    needed = sorted({row for found in rows.values() for row in found if row >= 0})
    boxes = {track_id: _box_of(recording, track_id) for track_id in rows}
    out: dict[int, list[tuple[float, bytes]]] = {track_id: [] for track_id in rows}
    source = open_source(str(video))
    try:
        while needed and (frame := source.read()) is not None:
            time_s = recording.timestamps_s[needed[0]]
            if frame.frame_id < recording.frame_ids[needed[0]] and frame.pts_s < time_s - 1e-3:
                continue
            row = needed.pop(0)
            if abs(frame.pts_s - time_s) > _MARGIN_S or frame.size != tuple(recording.image_size):
                continue
            people = recording.people(row)
            for track_id, found in rows.items():
                if row in found:
                    drawn = draw(frame.image, [person for person in people if person.track_id == track_id])
                    out[track_id].append((float(time_s), _jpeg(_cut(drawn, boxes[track_id]))))
    finally:
        source.close()
    return out


def _row(recording: Recording, track_id: int, time_s: float) -> int:
    """The row nearest to a time in which the person is seen; -1 if there is none."""
    seen = np.flatnonzero((recording.track_ids == track_id).any(1))
    return int(seen[np.argmin(np.abs(recording.timestamps_s[seen] - time_s))]) if len(seen) else -1


def _box_of(recording: Recording, track_id: int) -> NDArray[np.float64]:
    """(4,) x0 y0 x1 y1 px: where the person is in the whole recording, except for single wrong joints."""
    rows, columns = np.nonzero(recording.track_ids == track_id)
    points = recording.keypoints_2d[rows, columns]
    good = points[np.isfinite(points).all(-1) & (points[..., 2] >= 0.3)][:, :2]
    width, height = recording.image_size
    if not len(good):
        return np.array([0, 0, width, height], np.float64)
    low, high = np.percentile(good, (0.5, 99.5), axis=0)
    middle, size = (low + high) / 2, (high - low) * (1 + 2 * _MARGIN)
    size = np.minimum(size, (size[1] * _WIDEST, np.inf))
    return np.concatenate([middle - size / 2, middle + size / 2]).clip(0, (width, height, width, height))


def _cut(image: Image, box: NDArray[np.float64]) -> Image:
    x0, y0, x1, y1 = np.round(box).astype(int).tolist()
    return image[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]


def _jpeg(image: Image) -> bytes:
    scale = min(1.0, _HEIGHT_PX / image.shape[0])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image
    _, data = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return bytes(data.tobytes())
