"""Arrays of a file from anywhere: only those asked for, and never more than the file can hold."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from rtpose.errors import InputError
from rtpose.npz_files import read_arrays


def test_only_what_is_asked_for(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.arange(3), b=np.zeros(2))
    arrays = read_arrays(tmp_path / "a.npz", ("a", "c"), "a pack")
    assert list(arrays) == ["a"]
    assert arrays["a"].tolist() == [0, 1, 2]


def test_what_is_not_such_a_file(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", np.zeros(3))
    np.savez(tmp_path / "pickled.npz", a=np.array([{}], dtype=object))
    (tmp_path / "text.npz").write_text("no archive")
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", bytes(64 * 2**20))
    for name, said in (
        ("one.npy", "single array"),
        ("pickled.npz", "is not a pack, or it is damaged$"),
        ("text.npz", "is not a pack, or it is damaged"),
        ("bomb.npz", "a would be 64 MB"),
        ("gone.npz", "does not exist: give a pack"),
    ):
        with pytest.raises(InputError, match=said):
            read_arrays(tmp_path / name, ("a",), "a pack")
