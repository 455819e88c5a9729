"""Collects people frame by frame and arranges them in the columns of a `Recording`. numpy only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtpose.bones import BONE_NAMES, CONTACT_JOINTS
from rtpose.recordings.bone_lengths import settle_lengths
from rtpose.recordings.recording import Recording, no_bodies
from rtpose.skeleton import RTPOSE28, Skeleton
from rtpose.types import Camera, Person3D

CHUNK_ROWS = 4096
SPARE_COLUMNS = 4
"""People with bodies share no columns, unless they would need more columns than this, and more than twice as many as
people seen at once."""
_NO_WORLD = np.full((4, 4), np.nan)
_NO_ROTATIONS, _NO_LENGTHS = np.full((len(BONE_NAMES), 4), np.nan), np.full(len(BONE_NAMES), np.nan)
_NO_CONTACTS = np.full(len(CONTACT_JOINTS), np.nan)


class _Table:
    """Rows of one structured type, in chunks: it grows for hours without copying."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._dtype = dtype
        self._chunks: list[NDArray[Any]] = []
        self._used = CHUNK_ROWS
        """Filled rows of the last chunk."""

    def append(self, row: tuple[Any, ...]) -> None:
        if self._used == CHUNK_ROWS:
            self._chunks.append(np.empty(CHUNK_ROWS, self._dtype))
            self._used = 0
        self._chunks[-1][self._used] = row
        self._used += 1

    def chunks(self) -> list[NDArray[Any]]:
        """The filled rows in order."""
        return [*self._chunks[:-1], self._chunks[-1][: self._used]] if self._chunks else []


class PeopleTable:
    """Every frame with its people, including frames without anyone."""

    def __init__(self, skeleton: Skeleton = RTPOSE28) -> None:
        self._skeleton = skeleton
        joints = len(skeleton.joints)
        self._frames = _Table(np.dtype([("frame_id", np.int64), ("pts_s", np.float64), ("world", np.float32, (4, 4))]))
        self._people = _Table(
            np.dtype(
                [
                    ("frame", np.int64),
                    ("track_ids", np.int32),
                    ("poses_3d", np.float32, (joints, 3)),
                    ("root_3d", np.float32, (3,)),
                    ("confidence", np.float32, (joints,)),
                    ("keypoints_2d", np.float32, (joints, 3)),
                    ("rotations", np.float32, _NO_ROTATIONS.shape),
                    ("bone_lengths", np.float32, _NO_LENGTHS.shape),
                    ("contacts", np.float32, _NO_CONTACTS.shape),
                ]
            )
        )
        self._has_bodies = False
        self._count = 0

    def __len__(self) -> int:
        """Frames so far."""
        return self._count

    def append(
        self,
        frame_id: int,
        pts_s: float,
        persons: Iterable[Person3D],
        world_from_camera: NDArray[np.floating[Any]] | None = None,
    ) -> None:
        """Add a frame. persons: checked with `check_ids`; world_from_camera: (4, 4), None while it is not known."""
        self._frames.append((frame_id, pts_s, _NO_WORLD if world_from_camera is None else world_from_camera))
        for p in persons:
            body = (
                (_NO_ROTATIONS, _NO_LENGTHS, _NO_CONTACTS)
                if p.body is None
                else (p.body.rotations, p.body.bone_lengths, p.body.contacts)
            )
            self._has_bodies |= p.body is not None
            self._people.append((self._count, p.track_id, p.pose_3d, p.root_3d, p.confidence, p.keypoints_2d, *body))
        self._count += 1

    def to_recording(self, *, image_size: tuple[int, int], camera: Camera, meta: Mapping[str, Any]) -> Recording:
        """All frames. People with bodies have a column each as far as possible (`SPARE_COLUMNS`), others share as many
        columns as people were seen at once. Each body gets the bone lengths on which it settled."""
        people = self._people.chunks()
        seen = [
            (int(frame), int(track)) for c in people for frame, track in zip(c["frame"], c["track_ids"], strict=True)
        ]
        columns, column_count = assign_columns(seen)
        ids = {track_id for _, track_id in seen}
        if self._has_bodies and len(ids) <= 2 * column_count + SPARE_COLUMNS:
            columns, column_count = own_columns(seen)
        shape, joints = (self._count, column_count), len(self._skeleton.joints)
        arrays: dict[str, NDArray[Any]] = {
            "poses_3d": np.full((*shape, joints, 3), np.nan, np.float32),
            "root_3d": np.full((*shape, 3), np.nan, np.float32),
            "confidence": np.full((*shape, joints), np.nan, np.float32),
            "keypoints_2d": np.full((*shape, joints, 3), np.nan, np.float32),
            "track_ids": np.full(shape, -1, np.int32),
            "bone_lengths": np.full((*shape, len(BONE_NAMES)), np.nan, np.float32),
        }
        bodies = no_bodies(*shape)
        arrays |= {key: bodies[key] for key in ("rotations", "contacts")}
        start = 0
        for chunk in people:
            cells = chunk["frame"], columns[start : start + len(chunk)]
            start += len(chunk)
            for key, array in arrays.items():
                array[cells] = chunk[key]
        frames = self._frames.chunks()
        lengths = arrays.pop("bone_lengths")
        if self._has_bodies:
            bodies["bone_lengths"] = settle_lengths(
                arrays["poses_3d"], arrays["rotations"], lengths, arrays["track_ids"]
            )
        bodies["world_from_camera"] = np.concatenate(
            [np.empty((0, 4, 4), np.float32), *(chunk["world"] for chunk in frames)]
        )
        return Recording(
            **{**bodies, **arrays},
            timestamps_s=np.concatenate([np.empty(0), *(chunk["pts_s"] for chunk in frames)]),
            frame_ids=np.concatenate([np.empty(0, np.int64), *(chunk["frame_id"] for chunk in frames)]),
            joint_names=self._skeleton.joints,
            parents=self._skeleton.parents,
            image_size=image_size,
            camera=camera,
            meta=dict(meta),
        )


def check_ids(persons: Sequence[Person3D]) -> None:
    """Errors: `ValueError` unless every person has a unique id of at least 0; a tracker that breaks this has a bug."""
    ids = [person.track_id for person in persons]
    if min(ids, default=0) < 0 or len(set(ids)) != len(ids):
        raise ValueError(f"track ids must be unique and at least 0, got {ids}")


def own_columns(seen: Sequence[tuple[int, int]]) -> tuple[NDArray[np.intp], int]:
    """As `assign_columns`, but everyone has a separate column, in the order in which they appeared."""
    column_of: dict[int, int] = {}
    for _, track_id in sorted(seen):
        column_of.setdefault(track_id, len(column_of))
    return np.array([column_of[track_id] for _, track_id in seen], dtype=np.intp), len(column_of)


def assign_columns(seen: Sequence[tuple[int, int]]) -> tuple[NDArray[np.intp], int]:
    """The column of each person in each frame, and the number of columns: as many as people seen at once.

    A person keeps one column for life where possible. A new person gets the column of a person who never returns; if
    there is none, that of the person who will be away longest.

    seen: (frame, track id), frames in order. Returns (len(seen),) columns and their count.
    """
    frames: dict[int, list[int]] = {}
    returns: dict[int, list[int]] = {}
    """id -> frames in which it is still to be seen, latest first."""
    # Sorted by id: the columns do not depend on the order of the people within a frame.
    for row in sorted(range(len(seen)), key=lambda row: seen[row]):
        frame, track_id = seen[row]
        frames.setdefault(frame, []).append(row)
        returns.setdefault(track_id, []).append(frame)
    for when in returns.values():
        when.reverse()
    columns = np.full(len(seen), -1, dtype=np.intp)
    column_count = max(map(len, frames.values()), default=0)
    home: dict[int, int] = {}
    """id -> its last column."""
    owner: list[int | None] = [None] * column_count

    def assign(row: int, column: int) -> None:
        track_id = seen[row][1]
        columns[row], owner[column], home[track_id] = column, track_id, column

    def next_seen(column: int) -> float:
        person = owner[column]
        return returns[person][-1] if person is not None and returns[person] else np.inf

    for rows in frames.values():
        for row in rows:
            returns[seen[row][1]].pop()
        # First those who keep their column, then those whose former column is free, then the others.
        for row in rows:
            column = home.get(seen[row][1])
            if column is not None and owner[column] == seen[row][1]:
                assign(row, column)
        free = set(range(column_count)) - set(columns[rows].tolist())
        for row in rows:
            column = home.get(seen[row][1])
            if columns[row] < 0 and column in free:
                free.remove(column)
                assign(row, column)
        for row in rows:
            if columns[row] < 0:
                column = max(free, key=lambda column: (next_seen(column), -column))
                free.remove(column)
                assign(row, column)
    return columns, column_count
