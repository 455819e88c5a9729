"""Output files under attack: two runs with one name, links, names of full length, and files that appear meanwhile."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rtpose.errors import OutputError
from rtpose.recordings.output_file import OutputFile, create_growing

POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX links and locks")


def written(output: OutputFile, content: bytes) -> None:
    with output.writing():
        output.part.write_bytes(content)


def test_two_runs_with_one_name_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "poses.npz"
    first, second = OutputFile(path, overwrite=False), OutputFile(path, overwrite=False)
    written(first, b"first")
    written(second, b"second")
    first.commit()
    with pytest.raises(OutputError, match=r"was created by another program .*: this output is in .*-2\.npz"):
        second.commit()
    assert path.read_bytes() == b"first"
    assert (tmp_path / "poses-2.npz").read_bytes() == b"second"
    assert len(list(tmp_path.iterdir())) == 2


def test_overwrite_replaces_what_is_there_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "poses.npz"
    output = OutputFile(path, overwrite=True)
    written(output, b"new")
    path.write_bytes(b"older")
    output.commit()
    assert path.read_bytes() == b"new"
    written(output, b"again")
    output.commit()
    assert path.read_bytes() == b"again"
    assert list(tmp_path.iterdir()) == [path]


def test_no_other_file_is_touched(tmp_path: Path) -> None:
    """Refused or not: a user's own .part stays."""
    own = [tmp_path / "poses.npz.part", tmp_path / "poses.npz.0123.part", tmp_path / "other.npz.0123456789abcdef.part"]
    for file in own:
        file.write_bytes(b"mine")
    (tmp_path / "older.npz").write_bytes(b"older")
    with pytest.raises(OutputError, match="exists"):
        OutputFile(tmp_path / "older.npz", overwrite=False)
    output = OutputFile(tmp_path / "poses.npz", overwrite=False)
    written(output, b"poses")
    output.discard()
    assert {file.read_bytes() for file in own} == {b"mine"}
    assert len(list(tmp_path.iterdir())) == 4


@POSIX
def test_links_are_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"precious")
    monkeypatch.setattr("secrets.token_hex", lambda count: "0123456789abcdef")
    (tmp_path / "poses.npz.0123456789abcdef.part").symlink_to(target)
    with pytest.raises(OutputError, match="cannot write in"):
        OutputFile(tmp_path / "poses.npz", overwrite=False)
    monkeypatch.undo()
    (tmp_path / "dangling.npz").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match=r"dangling\.npz exists"):
        OutputFile(tmp_path / "dangling.npz", overwrite=False)
    (tmp_path / "link.npz").symlink_to(target)
    output = OutputFile(tmp_path / "link.npz", overwrite=True)
    written(output, b"new")
    output.commit()
    assert target.read_bytes() == b"precious"
    assert not (tmp_path / "link.npz").is_symlink()
    assert create_growing(tmp_path / "dangling.npz", overwrite=False).name == "dangling-2.npz"
    assert not (tmp_path / "elsewhere").exists()


@POSIX
def test_what_a_killed_program_left_is_removed_and_a_running_ones_is_not(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys, pathlib\n"
        "from rtpose.recordings.output_file import OutputFile\n"
        "output = OutputFile(pathlib.Path(sys.argv[1]), overwrite=True)\n"
        "with output.writing():\n"
        "    output.part.write_bytes(b'half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    path = tmp_path / "poses.npz"
    killed = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    running, other = OutputFile(path, overwrite=True), OutputFile(path, overwrite=True)
    written(running, b"running")
    assert not left.exists()
    written(other, b"other")
    assert running.part.exists()
    running.commit()
    other.commit()
    assert {file.name for file in tmp_path.iterdir()} == {"poses.npz"}


@pytest.mark.parametrize("stem", ["a" * 251, "ü" * 125])
def test_names_of_full_length(tmp_path: Path, stem: str) -> None:
    output = OutputFile(tmp_path / f"{stem}.npz", overwrite=False)
    written(output, b"poses")
    output.commit()
    assert [file.name for file in tmp_path.iterdir()] == [f"{stem}.npz"]


def test_a_file_that_is_no_regular_one(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="is not a regular file"):
        OutputFile(Path(os.devnull), overwrite=True)


def test_without_hard_links_nothing_is_replaced_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(source: Path, target: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", link)
    path = tmp_path / "poses.npz"
    first, second = OutputFile(path, overwrite=False), OutputFile(path, overwrite=False)
    for output in (first, second):
        written(output, b"whole")
    first.commit()
    path.write_bytes(b"first")
    with pytest.raises(OutputError, match="this output is in"):
        second.commit()
    assert path.read_bytes() == b"first"


def test_a_growing_file_leaves_what_has_appeared(tmp_path: Path) -> None:
    path = tmp_path / "a.rtpose"
    assert create_growing(path, overwrite=False) == path
    path.write_bytes(b"frames")
    assert create_growing(path, overwrite=False) == tmp_path / "a-2.rtpose"
    assert path.read_bytes() == b"frames"
    assert create_growing(path, overwrite=True) == path
    assert path.read_bytes() == b""
