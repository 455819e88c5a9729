"""Reads untrusted .npz files: no pickles, one clear error, and no more memory than the file can fill."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtpose.errors import InputError

MOST_EXPANSION, SMALL_BYTES = 50, 2**24


def read_arrays(path: Path, keys: Collection[str], kind: str) -> dict[str, NDArray[Any]]:
    """The arrays of the file that are named in `keys`; those that it lacks are left out.

    kind: what the file should be, for the message, e.g. "a poses.npz". Errors: `InputError` for a file that is missing,
    damaged or of another kind.
    """
    try:
        with path.open("rb") as file:  # numpy does not close a file that it opened and cannot read
            npz = np.load(file, allow_pickle=False)
            if isinstance(npz, np.ndarray):
                raise InputError(f"{path} is not {kind}: it is a single array")
            wanted = [key for key in npz.files if key in keys]
            _check_declared(npz.zip, wanted)
            return {key: npz[key] for key in wanted}
    except FileNotFoundError:
        raise InputError(f"{path} does not exist: give {kind}") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error, NotImplementedError, MemoryError,
            RuntimeError, SyntaxError, TypeError) as error:  # fmt: skip
        # numpy and zipfile raise all of these for damaged files.
        raise InputError(f"{path} is not {kind}, or it is damaged{_reason(error)}") from None


def _check_declared(archive: zipfile.ZipFile, keys: Collection[str]) -> None:
    """Before anything is allocated. Errors: `ValueError` if the arrays are larger than the file can hold: what rtpose
    writes is not compressed, and what others compress well is at most `MOST_EXPANSION` times as large."""
    for key in keys:
        entry = archive.getinfo(f"{key}.npy")
        if entry.file_size > max(MOST_EXPANSION * entry.compress_size, SMALL_BYTES):
            raise ValueError(f"{key} would be {entry.file_size / 2**20:.0f} MB")


def _reason(error: Exception) -> str:
    """numpy's reason, unless it advises on pickles, which rtpose never reads."""
    text = str(error)
    return f": {text}" if text and "pickle" not in text else ""
