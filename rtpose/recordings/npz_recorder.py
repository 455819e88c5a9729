"""Records a run as a poses.npz."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rtpose.recordings.first_size import FirstSize
from rtpose.recordings.npz import write_npz
from rtpose.recordings.output_file import OutputFile
from rtpose.recordings.people_table import PeopleTable, check_ids
from rtpose.recordings.recording import recording_meta
from rtpose.stages import stage
from rtpose.types import Camera, Result


class NpzRecorder:
    """Collects the people of every frame and writes one poses.npz at the end; no file if there was no frame.

    Every result gets a row, including those without people. An older file stays unchanged until `close`, and if writing
    fails.
    """

    def __init__(
        self,
        path: Path,
        *,
        overwrite: bool,
        meta: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        """meta: called at the end for source, fps, estimator, weights_sha256, smoothing, assumptions, drops.

        Errors: `OutputError` at once if `path` cannot be written.
        """
        self._output = OutputFile(path, overwrite=overwrite)
        self._table = PeopleTable()
        self._first_size = FirstSize()
        self._meta = meta
        self._image_size = (0, 0)
        self._camera = Camera(np.nan, np.nan, np.nan, np.nan)
        self._closed = False

    @stage("record")
    def write(self, result: Result) -> None:
        """Add one row. Errors: `ValueError` if two people share an id."""
        check_ids(result.persons)
        if not len(self._table):
            self._image_size, self._camera = result.frame.size, result.camera
        self._table.append(
            result.frame.frame_id, result.frame.pts_s, self._first_size.people(result), result.world_from_camera
        )

    def close(self) -> None:
        """Write the file. Errors: `OutputError` if it cannot be written; an older file is then unchanged."""
        if self._closed or not len(self._table):
            return
        self._closed = True
        with self._output.writing(), self._output.part.open("wb") as file:
            write_npz(
                file,
                self._table.to_recording(
                    image_size=self._image_size,
                    camera=self._camera,
                    meta={**recording_meta(self._meta()), "frames": len(self._table)},
                ),
            )
        self._output.commit()
