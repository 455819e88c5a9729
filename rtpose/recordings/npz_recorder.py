"""The recorder of poses.npz."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rtpose.recordings.npz import recording_meta, save_poses
from rtpose.recordings.output_file import OutputFile
from rtpose.recordings.people_table import PosesTable, check_ids
from rtpose.skeleton import H36M17, Skeleton
from rtpose.stages import stage
from rtpose.types import Camera, Result


class NpzRecorder:
    """Keeps every frame's people, and writes them as one poses.npz at the end; nothing if no frame came.

    Every result has its row, also one without a person. `close` gives the file its name; an older file stays
    untouched until then, and also if writing fails.
    """

    def __init__(
        self,
        path: Path,
        *,
        overwrite: bool,
        skeleton: Skeleton = H36M17,
        meta: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        """meta: asked at the end for source, fps, estimator, weights_sha256, smoothing, assumptions, drops.

        Errors: `OutputError` at once for a path that cannot be written.
        """
        self._output = OutputFile(path, overwrite=overwrite)
        self._table = PosesTable(skeleton)
        self._meta = meta
        self._image_size = (0, 0)
        self._camera = Camera(np.nan, np.nan, np.nan, np.nan)
        self._closed = False

    @stage("record")
    def write(self, result: Result) -> None:
        """Add one row. Every person must have an id of its own, as the tracker gives it."""
        check_ids(result.persons)
        if not len(self._table):
            self._image_size, self._camera = result.frame.size, result.camera
        self._table.append(result.frame.frame_id, result.frame.pts_s, result.persons)

    def close(self) -> None:
        """Write the file. Errors: `OutputError` if it cannot be written; an older file is then unchanged."""
        if self._closed or not len(self._table):
            return
        self._closed = True
        with self._output.writing(), self._output.part.open("wb") as file:
            save_poses(
                file,
                self._table.poses_file(
                    image_size=self._image_size,
                    camera=self._camera,
                    meta={**recording_meta(self._meta()), "frames": len(self._table)},
                ),
            )
        self._output.commit()
