"""Bad input, row by row: what the command says, how it exits and what it leaves behind."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import av
import numpy as np
import pytest
from clips import Picture, write_clip
from command import rtpose, rtpose_process, running, size_of, wait_until
from lifter_files import write_lifter
from proxies import no_web
from recording import Recording
from viewer import looking_at
from websockets.exceptions import ConnectionClosed

from rtpose.assets import SampleTruth, sample_clip
from rtpose.networks import model_files

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux' limit on the size of files")
POSIX = pytest.mark.skipif(os.name != "posix", reason="Windows has no kill -9")
OLDER = b"an older file"


def refusal(run: subprocess.CompletedProcess[str]) -> str:
    """What the command said, which must be one line for people."""
    assert run.returncode == 2, run.stderr or run.stdout
    lines = run.stderr.splitlines()
    assert len(lines) == 1, run.stderr
    assert lines[0].startswith("rtpose: ")
    return lines[0]


def missing_file(folder: Path) -> str:
    return "nothing.mp4"


def folder_without_pictures(folder: Path) -> str:
    (folder / "notes").mkdir()
    (folder / "notes" / "a.txt").write_text("no picture")
    return "notes"


def empty_file(folder: Path) -> str:
    (folder / "empty.mp4").touch()
    return "empty.mp4"


def text_file(folder: Path) -> str:
    (folder / "text.mp4").write_text("This is not a video. " * 100)
    return "text.mp4"


def sound_only(folder: Path) -> str:
    with av.open(str(folder / "sound.mp4"), "w") as container:
        audio = container.add_stream("aac", rate=8000)
        tone = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), "fltp", "mono")
        tone.sample_rate = 8000
        container.mux(audio.encode(tone))
        container.mux(audio.encode())
    return "sound.mp4"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (missing_file, "no such file"),
        (folder_without_pictures, "no pictures found in the folder"),
        (empty_file, "empty file"),
        (text_file, "cannot be read as a video"),
        (sound_only, "no video|only sound|no picture"),
    ],
)
def test_no_video(make: Callable[[Path], str], words: str, tmp_path: Path) -> None:
    name = make(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    said = refusal(rtpose("video", name, "--out", "poses.npz", "--overlay", "drawn.mp4", cwd=tmp_path))
    assert re.search(words, said), said
    assert name in said
    assert sorted(tmp_path.rglob("*")) == before, "something was written"


@pytest.mark.slow
def test_one_of_several_inputs_is_bad(short_clip: Path, tmp_path: Path) -> None:
    run = rtpose("video", "nothing.mp4", short_clip, "--out", "poses", "--quiet", cwd=tmp_path)
    assert run.returncode == 2
    assert [line.split()[0] for line in run.stderr.splitlines()] == ["rtpose:", "rtpose:"]
    assert "nothing.mp4" in run.stderr
    assert [file.name for file in (tmp_path / "poses").iterdir()] == ["short.npz"]
    assert Recording(tmp_path / "poses" / "short.npz").seen.all()


@pytest.mark.slow
def test_cut_off_and_damaged(sample_pictures: list[Picture], tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mkv", sample_pictures[:60]).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) // 2])
    middle = len(whole) // 2
    (tmp_path / "damaged.mkv").write_bytes(whole[:middle] + bytes(400) + whole[middle + 400 :])
    run = rtpose("video", "cut.mkv", "damaged.mkv", "--out", "poses", "--quiet", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    for name in ("cut", "damaged"):
        lost = re.search(rf"rtpose: warning: unreadable frames in {name}.mkv: (.+); the others are kept", run.stderr)
        assert lost, run.stderr
        count = sum(map(int, re.findall(r"\d+", lost[1])))
        recording = Recording(tmp_path / "poses" / f"{name}.npz")
        assert 10 < len(recording) < 60
        assert recording.seen.mean() > 0.9
        assert len(recording) + count == 60
        assert recording.meta["drops"]


def test_the_output_exists(short_clip: Path, tmp_path: Path) -> None:
    for existing in ("poses.npz", "drawn.mp4"):
        (tmp_path / existing).write_bytes(OLDER)
        said = refusal(rtpose("video", short_clip, "-o", "poses.npz", "--overlay", "drawn.mp4", cwd=tmp_path))
        assert f"{existing} exists" in said
        assert "--overwrite" in said
        assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [(existing, OLDER)]
        (tmp_path / existing).unlink()
    (tmp_path / "poses.npz").write_bytes(OLDER)
    said = refusal(rtpose("webcam", "--record", "poses.npz", "--no-browser", "--port", "0", cwd=tmp_path))
    assert "poses.npz exists" in said
    assert "--overwrite" in said


def test_the_input_is_never_written_over(sample_pictures: list[Picture], tmp_path: Path) -> None:
    clips = [write_clip(tmp_path / name, sample_pictures[:5]) for name in ("a.mp4", "b.mp4")]
    before = [clip.read_bytes() for clip in clips]
    for arguments in (
        ("a.mp4", "--out", "a.mp4"),
        ("a.mp4", "--overlay", "a.mp4"),
        ("a.mp4", "b.mp4", "--overlay", "."),
    ):
        said = refusal(rtpose("video", *arguments, "--overwrite", cwd=tmp_path))
        assert "a.mp4" in said
        assert [clip.read_bytes() for clip in clips] == before
    said = refusal(rtpose("video", "a.mp4", "--out", "c.mp4", "--overlay", "c.mp4", cwd=tmp_path))
    assert "c.mp4" in said, "two outputs in one file"
    assert sorted(tmp_path.iterdir()) == clips


def test_the_folder_cannot_be_written(short_clip: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    places = {"gone/poses.npz": "does not exist", "file/poses.npz": "file"}
    if sys.platform == "linux":
        places["/proc/poses.npz"] = "cannot write in /proc"  # nobody can, not even root
    for out, words in places.items():
        assert words in refusal(rtpose("video", short_clip, "--out", out, cwd=tmp_path))
    # Several inputs want a folder.
    assert "is a file" in refusal(rtpose("video", short_clip, sample_clip(), "--out", "file", cwd=tmp_path))
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


@pytest.mark.slow
@LINUX
@pytest.mark.parametrize("output", ["poses.npz", "drawn.mp4"])
def test_disk_full(output: str, short_clip: Path, tmp_path: Path) -> None:
    import resource

    (tmp_path / output).write_bytes(OLDER)
    outputs = ("--out", "poses.npz", *(("--overlay", output) if output != "poses.npz" else ()))
    limit = 4_000 if output == "poses.npz" else 60_000  # the other file has room
    run = rtpose_process(
        "video", short_clip, *outputs, "--overwrite", cwd=tmp_path,
        before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )  # fmt: skip
    said = refusal(run)
    assert f"cannot write {output}" in said
    assert (tmp_path / output).read_bytes() == OLDER
    assert not list(tmp_path.glob("*.part"))
    again = rtpose("video", short_clip, *outputs, "--overwrite", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert (tmp_path / output).read_bytes() != OLDER


@pytest.mark.slow
@POSIX
def test_kill_9(long_clip: Path, short_clip: Path, tmp_path: Path) -> None:
    outputs = ("--out", "poses.npz", "--overlay", "drawn.mp4", "--overwrite")
    for name in ("poses.npz", "drawn.mp4"):
        (tmp_path / name).write_bytes(OLDER)
    with running("video", long_clip, *outputs, cwd=tmp_path) as command:
        wait_until(lambda: any(map(size_of, tmp_path.glob("drawn.mp4.*.part"))), "frames in the overlay")
        command.kill()
    assert {(tmp_path / name).read_bytes() for name in ("poses.npz", "drawn.mp4")} == {OLDER}
    run = rtpose("video", short_clip, *outputs, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert Recording(tmp_path / "poses.npz").seen.all()
    assert {file.name for file in tmp_path.iterdir()} == {"poses.npz", "drawn.mp4"}


def test_no_such_camera(tmp_path: Path) -> None:
    said = refusal(rtpose("webcam", "--camera", "77", "--record", "a.npz", "--no-browser", "--port", "0", cwd=tmp_path))
    assert re.search(r"no camera 77; choose one of these: \d|no camera found", said), said
    assert list(tmp_path.iterdir()) == []


def test_no_such_stream(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # a port at which nobody listens
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/a.mjpg"
        said = refusal(rtpose("webcam", "--camera", url, "--no-browser", "--port", "0", cwd=tmp_path))
    assert url in said


@pytest.mark.slow
def test_the_port_is_busy(sample_poses: Path, short_clip: Path, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        for command in (
            ("view", sample_poses / "poses.npz"),
            ("video", short_clip, "--view"),
            ("webcam", "--camera", "77"),
        ):
            said = refusal(rtpose(*command, "--no-browser", "--port", port, cwd=tmp_path))
            assert f"port {port} is in use" in said
            assert "--port 0" in said
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def odd_people(sample_pictures: list[Picture], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the poses of clips in which nobody is, somebody goes and comes, or only half is seen."""
    folder = tmp_path_factory.mktemp("odd")
    black = np.zeros_like(sample_pictures[0])
    write_clip(folder / "nobody.mp4", [black + 127] * 30)
    write_clip(folder / "away.mp4", [*sample_pictures[:30], *[black] * 45, *sample_pictures[30:60]])
    hips_y = int(SampleTruth.load().joints_2d[:60, 0, 1].min())
    desk = [p[: hips_y - hips_y % 2] for p in sample_pictures[:60]]
    write_clip(folder / "desk.mp4", desk)
    run = rtpose("video", "nobody.mp4", "away.mp4", "desk.mp4", "--out", "poses", "--quiet", cwd=folder)
    assert run.returncode == 0, run.stderr
    assert not run.stderr
    assert re.search(r"^30 frames .* no people", run.stdout)
    return folder / "poses"


@pytest.mark.slow
def test_nobody_is_there(odd_people: Path) -> None:
    recording = Recording(odd_people / "nobody.npz")
    assert len(recording) == 30
    assert np.isnan(recording.arrays["poses_3d"]).all()
    assert (recording.arrays["track_ids"] == -1).all()


def test_somebody_leaves_and_comes_back(odd_people: Path) -> None:
    recording = Recording(odd_people / "away.npz")
    assert len(recording) == 105
    assert recording.seen[:30].mean() > 0.9
    assert not recording.seen[31:75].any()
    assert recording.seen[76:].mean() > 0.9
    assert recording.arrays["poses_3d"].shape[1] == 1, "the same person, or one after the other: one column"
    assert len(set(recording.arrays["track_ids"][:30].ravel().tolist()) - {-1}) == 1


def test_half_a_person_at_a_desk(odd_people: Path) -> None:
    recording = Recording(odd_people / "desk.npz")
    assert len(recording) == 60
    assert recording.seen.mean() > 0.9
    upper = np.nanmedian([recording.joint(f"{s}_shoulder", "confidence") for s in ("left", "right")])
    legs = [recording.joint(f"{s}_{j}", "confidence") for s in ("left", "right") for j in ("knee", "foot")]
    # A confidence is the probability of lying within 100 mm: more likely than not, against guesses.
    assert upper > 0.5
    assert np.nanquantile(legs, 0.95) < 0.3


def broken_lifter(folder: Path) -> Path:
    (folder / "broken.onnx").write_bytes(b"no network" * 100)
    return folder / "broken.onnx"


def cut_off_lifter(folder: Path) -> Path:
    whole = write_lifter(folder / "cut.onnx", width=8)
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    return whole


def other_skeleton(folder: Path) -> Path:
    return write_lifter(folder / "coco.onnx", width=8, skeleton="coco17")


def other_version(folder: Path) -> Path:
    return write_lifter(folder / "future.onnx", width=8, format=99)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (broken_lifter, "broken.onnx"),
        (cut_off_lifter, "cut.onnx"),
        (other_skeleton, "coco17, expected h36m17"),
        (other_version, "format 99, this rtpose runs format 1"),
    ],
)
@pytest.mark.slow
def test_a_bad_lifter(make: Callable[[Path], Path], words: str, short_clip: Path, tmp_path: Path) -> None:
    lifter = make(tmp_path)
    said = refusal(rtpose("video", short_clip, "--lifter", lifter, "--out", "poses.npz", cwd=tmp_path))
    assert words in said
    assert [file.name for file in tmp_path.iterdir()] == [lifter.name]


def test_a_lifter_of_no_name(short_clip: Path, tmp_path: Path) -> None:
    # Said once, though no input can be done.
    run = rtpose("video", short_clip, sample_clip(), "--lifter", "magic", "--out", "poses", cwd=tmp_path)
    said = refusal(run)
    assert "no lifter 'magic': choose one of consistency, fusion, svmac, or an .onnx file" in said
    said = refusal(rtpose("video", short_clip, "--lifter", "temporal", "--out", "poses.npz", cwd=tmp_path))
    assert "no lifter 'temporal' any more, fusion has replaced it: choose one of consistency, fusion, svmac" in said


def test_damaged_detector_and_no_network(short_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    for name in model_files.FILES:  # those that are shipped are not looked for here
        (cache / name).write_bytes(b"half a file")
    monkeypatch.setenv(model_files.CACHE_DIR_VARIABLE, str(cache))
    no_web(monkeypatch)
    listed = rtpose("models", "list", cwd=tmp_path)
    downloaded = {name for name, file in model_files.FILES.items() if file.archive is not None}
    assert listed.stdout.count("damaged") == len(downloaded)
    run = rtpose("video", short_clip, "--detector", "rtmpose", "--out", "poses.npz", cwd=tmp_path)
    assert run.returncode == 2
    said = run.stderr.splitlines()[-1]
    assert said.startswith("rtpose: cannot download https://")
    assert "rtpose models import" in said
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "poses.npz").exists()
    assert {file.name for file in cache.iterdir()} == set(model_files.FILES), "no half file"
    said = refusal(rtpose("models", "import", short_clip, cwd=tmp_path))
    assert "not one of the expected files" in said


@pytest.mark.parametrize("content", [b"", b"no recording", None])
def test_view_of_what_is_no_recording(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "poses.npz").write_bytes(content)
    assert "poses.npz" in refusal(rtpose("view", "poses.npz", "--no-browser", "--port", "0", cwd=tmp_path))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--height", "17"), "height"),
        (("--height", "0"), "height"),
        (("--fov", "0"), "field of view"),
        (("--persons", "0"), "persons|people"),
        (("--smooth", "more"), "smooth"),
        (("--backend", "abacus"), "backend"),
        (("--config", "gone.yaml"), "gone.yaml"),
    ],
)
def test_impossible_settings(options: tuple[str, str], words: str, short_clip: Path, tmp_path: Path) -> None:
    said = refusal(rtpose("video", short_clip, *options, "--out", "poses.npz", cwd=tmp_path))
    assert re.search(words, said), said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_hostile_browsers(tmp_path: Path) -> None:
    with running("demo", "--loop", "--no-browser", "--port", "0", cwd=tmp_path) as command:
        page = command.page()
        address = urlsplit(page)
        with looking_at(page) as good, socket.create_connection((address.hostname, address.port)) as deaf:
            first = good.pose()["frame_id"]
            # One that opens the socket and never reads.
            deaf.sendall(
                f"GET /socket HTTP/1.1\r\nHost: {address.netloc}\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n".encode()
            )
            for rubbish in ("{", '{"ack": "all"}', "x" * 5_000_000, bytes(range(256)) * 40):
                with looking_at(page) as hostile:
                    hostile.socket.send(rubbish)
                    with pytest.raises(ConnectionClosed):  # its connection ends …
                        hostile.poses(1000)
                good.poses(3)  # … and nothing else notices
            with socket.create_connection((address.hostname, address.port)) as noise:
                noise.sendall(os.urandom(10_000))
            last = good.poses(30)[-1]
            assert last["persons"]
            assert last["frame_id"] > first or "Playing again" in "".join(command.stdout)
            assert last["arrival_ns"] - last["capture_ns"] < 2e9
        assert command.process.poll() is None
        assert "".join(command.stderr) == ""


CALIBRATION = "image_size: [{0}, {1}]\ncamera: [{2}, {2}, {3}, {4}]\n"


def test_a_calibration_of_another_shape(short_clip: Path, tmp_path: Path) -> None:
    (tmp_path / "tall.yaml").write_text(CALIBRATION.format(1080, 1920, 1000, 540, 960))
    (tmp_path / "poses.npz").write_bytes(b"old")
    said = refusal(
        rtpose("video", short_clip, "--calibration", "tall.yaml", "--out", "poses.npz", "--overwrite", cwd=tmp_path)
    )
    assert "tall.yaml is for pictures of 1080x1920" in said
    assert (tmp_path / "poses.npz").read_bytes() == b"old"


def test_a_calibration_is_scaled_to_the_picture(short_clip: Path, tmp_path: Path) -> None:
    (tmp_path / "double.yaml").write_text(CALIBRATION.format(1280, 960, 1000, 640, 480))
    run = rtpose("video", short_clip, "--calibration", "double.yaml", "--out", "poses.npz", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert np.load(tmp_path / "poses.npz")["camera"].tolist() == [500, 500, 320, 240]


def test_an_impossible_calibration(short_clip: Path, tmp_path: Path) -> None:
    (tmp_path / "zero.yaml").write_text(CALIBRATION.format(640, 480, 0, 320, 240))
    assert "zero.yaml" in refusal(rtpose("video", short_clip, "--calibration", "zero.yaml", cwd=tmp_path))


def test_a_recorded_clip_is_no_camera(short_clip: Path, tmp_path: Path) -> None:
    assert "rtpose video" in refusal(rtpose("webcam", "--camera", short_clip, "--port", "0", cwd=tmp_path))


def test_version(tmp_path: Path) -> None:
    run = rtpose_process("--version", cwd=tmp_path)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith("rtpose ")


def test_an_output_of_another_kind(short_clip: Path, tmp_path: Path) -> None:
    """Most of all `--out results/` of a folder that is not there."""
    assert "written as .npz" in refusal(rtpose("video", short_clip, "--out", "results/", cwd=tmp_path))
    assert list(tmp_path.iterdir()) == []
