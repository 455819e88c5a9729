"""poses.npz: the whole file or none, and what happens on a full disk."""

import errno
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rtpose.errors import OutputError
from rtpose.recordings import people_table
from rtpose.recordings.npz import read_npz
from rtpose.recordings.npz_recorder import NpzRecorder
from rtpose.types import Result

MakeResult = Callable[..., Result]


def record(path: Path, results: list[Result], **options: object) -> None:
    recorder = NpzRecorder(path, **{"overwrite": False, **options})
    for result in results:
        recorder.write(result)
    recorder.close()
    recorder.close()


def test_every_frame_has_its_row(tmp_path: Path, make_result: MakeResult, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people_table, "CHUNK_ROWS", 3)  # several chunks, the last not full
    ids = [(), (4, 9), (9,), (), (9, 4), (9, 7), (7, 9)]
    results = [make_result(2 * i, track_ids) for i, track_ids in enumerate(ids)]
    path = tmp_path / "poses.npz"
    record(path, results, meta=lambda: {"source": "clip.mp4", "fps": 30.0, "drops": {"damaged": 1}})
    poses = read_npz(path)
    assert poses.poses_3d.shape == (7, 3, 28, 3)
    assert poses.frame_ids.tolist() == [0, 2, 4, 6, 8, 10, 12]
    np.testing.assert_allclose(poses.timestamps_s, np.arange(7) * 2 / 30)
    assert poses.track_ids.tolist() == [
        [-1, -1, -1], [4, 9, -1], [-1, 9, -1], [-1, -1, -1], [4, 9, -1], [-1, 9, 7], [-1, 9, 7],
    ]  # fmt: skip
    for t, result in enumerate(results):
        by_id = {p.track_id: p for p in result.persons}
        for column, track_id in enumerate(poses.track_ids[t]):
            arrays = [getattr(poses, key)[t, column] for key in
                      ("poses_3d", "root_3d", "confidence", "keypoints_2d")]  # fmt: skip
            if track_id == -1:
                assert all(np.isnan(array).all() for array in arrays)
            else:
                p = by_id[track_id]
                for got, sent in zip(arrays, (p.pose_3d, p.root_3d, p.confidence, p.keypoints_2d), strict=True):
                    np.testing.assert_array_equal(got, sent)
    assert poses.image_size == (200, 200)
    assert poses.camera.fx == 500
    assert {k: poses.meta[k] for k in ("format", "source", "fps", "drops", "frames", "units")} == {
        "format": 2, "source": "clip.mp4", "fps": 30.0, "drops": {"damaged": 1}, "frames": 7,
        "units": "metres",
    }  # fmt: skip
    assert {"rtpose", "axes", "estimator", "weights_sha256", "smoothing", "assumptions"} <= set(poses.meta)
    assert list(tmp_path.iterdir()) == [path]


def test_types_are_those_of_the_format(tmp_path: Path, make_result: MakeResult) -> None:
    record(tmp_path / "poses.npz", [make_result(0, (1,))])
    with np.load(tmp_path / "poses.npz", allow_pickle=False) as npz:
        types = {key: npz[key].dtype.kind + str(npz[key].dtype.itemsize) for key in npz.files}
        shapes = {key: npz[key].shape for key in npz.files}
    texts = types.pop("joint_names"), types.pop("bone_names"), types.pop("meta")
    assert all(text.startswith("U") for text in texts)
    assert types == {
        "poses_3d": "f4", "root_3d": "f4", "confidence": "f4", "keypoints_2d": "f4", "track_ids": "i4",
        "timestamps_s": "f8", "frame_ids": "i8", "parents": "i2", "image_size": "i4", "camera": "f8",
        "rotations": "f4", "bone_lengths": "f4", "contacts": "f4", "world_from_camera": "f4", "bone_parents": "i2",
    }  # fmt: skip
    assert (shapes["image_size"], shapes["camera"], shapes["meta"]) == ((2,), (4,), ())


def test_a_recording_without_frames(tmp_path: Path) -> None:
    """Nothing was computed, so nothing takes the place of what is there."""
    path = tmp_path / "poses.npz"
    path.write_bytes(b"old")
    record(path, [], overwrite=True)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_recording_without_people(tmp_path: Path, make_result: MakeResult) -> None:
    record(tmp_path / "poses.npz", [make_result(0), make_result(1)])
    assert read_npz(tmp_path / "poses.npz").poses_3d.shape == (2, 0, 28, 3)


@pytest.mark.parametrize("ids", [(-1,), (3, 3)])
def test_people_who_share_an_id_are_a_bug(tmp_path: Path, make_result: MakeResult, ids: tuple[int, ...]) -> None:
    recorder = NpzRecorder(tmp_path / "poses.npz", overwrite=False)
    with pytest.raises(ValueError, match="track ids must be unique"):
        recorder.write(make_result(0, ids))


# Before any work.


def test_an_existing_file_needs_overwrite(tmp_path: Path, make_result: MakeResult) -> None:
    path = tmp_path / "poses.npz"
    path.write_bytes(b"old")
    with pytest.raises(OutputError, match=r"exists: .*--overwrite"):
        NpzRecorder(path, overwrite=False)
    recorder = NpzRecorder(path, overwrite=True)
    recorder.write(make_result(0, (1,)))
    assert path.read_bytes() == b"old", "the older file stays until the new one is whole"
    recorder.close()
    assert read_npz(path).frame_ids.tolist() == [0]


@pytest.mark.parametrize(
    ("name", "message"),
    [("missing/poses.npz", "does not exist"), ("file/poses.npz", "is a file"), ("", "is a folder")],
)
def test_a_place_that_cannot_be_written(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match=message):
        NpzRecorder(tmp_path / name, overwrite=True)


def test_a_folder_without_rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, *args: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)  # root may write anywhere, so chmod proves nothing
    with pytest.raises(OutputError, match=r"Permission denied.*another place"):
        NpzRecorder(tmp_path / "poses.npz", overwrite=False)


# When it goes wrong.


def test_a_full_disk_leaves_the_older_file(
    tmp_path: Path, make_result: MakeResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "poses.npz"
    path.write_bytes(b"old")

    def full(file: object, **arrays: object) -> None:
        file.write(b"half")  # type: ignore[attr-defined]
        raise OSError(errno.ENOSPC, "No space left on device")

    recorder = NpzRecorder(path, overwrite=True)
    recorder.write(make_result(0, (1,)))
    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", full)
        with pytest.raises(OutputError, match=r"No space left.*unchanged.*free some space"):
            recorder.close()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    record(path, [make_result(0, (1,))], overwrite=True)
    assert read_npz(path).track_ids.tolist() == [[1]]


PROGRAM = """
    import os, signal, sys, zipfile
    from pathlib import Path
    import numpy as np
    from rtpose.errors import OutputError
    from rtpose.recordings.npz_recorder import NpzRecorder
    from rtpose.types import Camera, Frame, Person3D, Result

    def record(path):
        recorder = NpzRecorder(Path(path), overwrite=True)
        for i in range(300):
            one = np.ones((28, 3), np.float32)
            person = Person3D(1, one[:4, 0], one, one, one[0], one[:, 0])
            frame = Frame(np.zeros((2, 2, 3), np.uint8), i, i, i / 30)
            recorder.write(Result(frame, Camera(1, 1, 1, 1), (person,), i))
        recorder.close()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="file size limits and kill -9 are tried on Linux")
def test_a_file_that_may_not_grow_leaves_the_older_one(tmp_path: Path, make_result: MakeResult) -> None:
    path = tmp_path / "poses.npz"
    record(path, [make_result(0, (1,))])
    old = path.read_bytes()
    program = (
        PROGRAM
        + """
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
    try:
        record(sys.argv[1])
    except OutputError as error:
        print(error)
    """
    )
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), path], capture_output=True, text=True, check=True
    )
    assert "File too large" in done.stdout
    assert done.stderr == ""
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform != "linux", reason="file size limits and kill -9 are tried on Linux")
def test_killed_in_the_middle_of_writing_leaves_the_older_file(tmp_path: Path, make_result: MakeResult) -> None:
    path = tmp_path / "poses.npz"
    record(path, [make_result(0, (1,))])
    old = path.read_bytes()
    program = (
        PROGRAM
        + """
    open_member = zipfile.ZipFile.open
    opened = []
    def open_or_die(*args, **kwargs):
        opened.append(args)
        if len(opened) == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return open_member(*args, **kwargs)
    zipfile.ZipFile.open = open_or_die
    record(sys.argv[1])
    """
    )
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program), path], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert path.read_bytes() == old
    left = [p for p in tmp_path.iterdir() if p != path]
    assert len(left) == 1
    assert left[0].stat().st_size > 0, "it was not killed in the middle"
    record(path, [make_result(0, (2,))], overwrite=True)
    assert read_npz(path).track_ids.tolist() == [[2]]
    assert list(tmp_path.iterdir()) == [path], "the next run clears what was left"
