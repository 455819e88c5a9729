"""Reads MATLAB files: up to version 7 with scipy, 7.3 (HDF5) with h5py. Both come with the extra `train`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtpose.errors import InputError, MissingExtraError

_PURPOSE = "reading MATLAB files"


def read_mat(path: Path, *keys: str) -> dict[str, Any]:
    """The named variables of a file up to version 7: cells as object arrays, structs as objects, dimensions of size 1
    removed.

    Errors: `InputError` for a file that is damaged, of version 7.3 or without one of the variables.
    """
    try:
        from scipy.io import loadmat
        from scipy.io.matlab import MatReadError
    except ImportError as error:
        raise MissingExtraError("train", _PURPOSE) from error
    try:
        found = loadmat(path, squeeze_me=True, struct_as_record=False, variable_names=list(keys))
    except NotImplementedError:
        raise InputError(f"{path} is a MATLAB 7.3 file: expected the original file (version 7 or older)") from None
    except (MatReadError, ValueError, TypeError, OSError, EOFError) as error:
        raise InputError(f"{path} cannot be read as a MATLAB file ({error}): download it again") from None
    return _all_of(path, found, keys)


def read_mat73(path: Path, *keys: str) -> dict[str, NDArray[Any]]:
    """The named arrays of a file of version 7.3. Axes are reversed: MATLAB's 3 x 17 x 1 x N is (N, 1, 17, 3) here.

    Errors: `InputError` for a file that is damaged, older or without one of the arrays.
    """
    try:
        import h5py
    except ImportError as error:
        raise MissingExtraError("train", _PURPOSE) from error
    try:
        with h5py.File(path, "r") as file:
            found = {key: np.asarray(file[key]) for key in keys if key in file}
    except OSError as error:
        raise InputError(f"{path} cannot be read as a MATLAB 7.3 file ({error}): download it again") from None
    return _all_of(path, found, keys)


def _all_of(path: Path, found: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    missing = [key for key in keys if key not in found]
    if missing:
        raise InputError(f"{path} has no {missing[0]}: this is another version, or a file of another data set")
    return {key: found[key] for key in keys}
