"""The folder of one training: settings, log and checkpoints. It stays valid if the process is killed at any time."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import msgspec
import torch

from rtpose.config import dump_settings, load_settings
from rtpose.errors import ConfigError, InputError, OutputError


class RunFolder:
    """`settings.yaml`, `log.csv`, `last.pt` (to resume from) and `best.pt` (best on the validation subjects)."""

    def __init__(self, path: Path, settings: msgspec.Struct, *, data: str, resume: bool) -> None:
        """data: a line that identifies the training data.

        Errors: as `check`; `OutputError` if the folder cannot be written.
        """
        self.path = path
        self.check(path, settings, data=data, resume=resume)
        try:
            path.mkdir(parents=True, exist_ok=True)
            (path / "data.txt").write_text(data, encoding="utf-8")
            (path / "settings.yaml").write_text(dump_settings(settings), encoding="utf-8")
        except OSError as error:
            raise OutputError(f"{path} cannot be written: {error.strerror or error}") from None

    @staticmethod
    def check(path: Path, settings: msgspec.Struct, *, data: str, resume: bool) -> None:
        """Check the folder without writing. Errors: `OutputError` if it holds a run and `resume` is off, or cannot be
        read; `ConfigError` if its run has other settings or other data."""
        file, data_file = path / "settings.yaml", path / "data.txt"
        if file.exists() and not resume:
            raise OutputError(f"{path} already holds a training: add --resume to continue it, or choose another --out")
        if file.exists() and load_settings(type(settings), file) != settings:
            raise ConfigError(
                f"{file} differs from the given settings: use the settings of that run, or choose another --out"
            )
        try:
            other_data = data_file.exists() and data_file.read_text(encoding="utf-8") != data
        except OSError as error:
            raise OutputError(f"{path} cannot be read: {error.strerror or error}") from None
        if other_data:
            raise ConfigError(f"{data_file} names different data from --data ({data}): use the data of that run")

    def save(self, name: str, state: dict[str, Any]) -> None:
        """Write a checkpoint. If the process is killed, either the old or the new one remains."""
        part = self.path / f"{name}.part"
        try:
            torch.save(state, part)
            os.replace(part, self.path / name)
        except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
            raise OutputError(
                f"{self.path / name} cannot be written ({error}): free some space and add --resume"
            ) from error

    def load(self, name: str) -> dict[str, Any] | None:
        """Load a checkpoint; None if there is none."""
        file = self.path / name
        if not file.exists():
            return None
        try:
            state: dict[str, Any] = torch.load(file, weights_only=True, map_location="cpu")
        except Exception as error:  # torch has no error of its own for damaged files
            raise InputError(f"{file} is damaged: delete it to start over") from error
        return state

    def start_log(self, step: int) -> None:
        """Drop the rows after `step`, which will be logged again."""
        rows = [row for row in self.read_log() if int(row["step"]) <= step]
        (self.path / "log.csv").unlink(missing_ok=True)
        for row in rows:
            self.log(row)

    def log(self, row: dict[str, Any]) -> None:
        """Append a row. Rows of an earlier version get the new columns, left empty."""
        file = self.path / "log.csv"
        rows = self.read_log()
        new = not rows or list(rows[0]) != list(row)
        with file.open("w" if new else "a", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, fieldnames=list(row), extrasaction="ignore")
            if new:
                writer.writeheader()
                writer.writerows(rows)
            writer.writerow(row)

    def read_log(self) -> list[dict[str, str]]:
        """All rows so far."""
        file = self.path / "log.csv"
        if not file.exists():
            return []
        with file.open(newline="", encoding="utf-8") as stream:
            return list(csv.DictReader(stream))
