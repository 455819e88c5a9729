from __future__ import annotations

import random
import struct
import threading
import wave
from collections.abc import Callable
from fractions import Fraction
from itertools import accumulate, pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtpose.capture import open_source
from rtpose.capture.files import StrictTimes, VideoFile
from rtpose.errors import InputError
from rtpose.pose.detect.roi import cut_out
from rtpose.types import Frame, FrameSource

WriteVideo = Callable[..., Path]
ReadAll = Callable[[FrameSource], list[Frame]]
MEDIA = Path(__file__).parents[4] / "shared" / "media"

# What a phone writes into the track header: (a, b, c, d) of the matrix.
TURNS = {
    "90 clockwise": ((0, 1, -1, 0), lambda image: np.rot90(image, -1)),
    "180": ((-1, 0, 0, -1), lambda image: np.rot90(image, 2)),
    "270 clockwise": ((0, -1, 1, 0), lambda image: np.rot90(image, 1)),
    "mirrored": ((-1, 0, 0, 1), lambda image: image[:, ::-1]),
}


def noise(count: int, width: int = 160, height: int = 120) -> list[np.ndarray]:
    """Moving noise, so that every packet has some size."""
    base = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    return [np.roll(base, 3 * i, axis=1) for i in range(count)]


def spoil(path: Path, *numbers: int) -> None:
    """Overwrite the packets with these numbers, in the order of the file."""
    with av.open(str(path)) as container:
        packets = [(p.pos, p.size) for p in container.demux(video=0) if p.pos]
    data = bytearray(path.read_bytes())
    garbage = random.Random(0)
    for at, size in (packets[n] for n in numbers):
        data[at : at + size] = garbage.randbytes(size)
    path.write_bytes(data)


def set_matrix(path: Path, matrix: tuple[int, int, int, int]) -> None:
    """Write the display matrix into the track header (tkhd, version 0) of an mp4."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4
    assert data[at] == 0
    a, b, c, d = (v * 0x10000 for v in matrix)
    struct.pack_into(">9i", data, at + 40, a, b, 0, c, d, 0, 0, 0, 0x40000000)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "size"),
    [
        ("a.mp4", "libx264", "yuv420p", (64, 48)),
        ("a.mov", "libx264", "yuv420p", (64, 48)),
        ("a.mkv", "libx264", "yuv420p", (64, 48)),
        ("a.webm", "libvpx-vp9", "yuv420p", (64, 48)),
        ("a.avi", "mpeg4", "yuv420p", (64, 48)),
        ("a.gif", "gif", "rgb8", (64, 48)),
        ("ten bit.mp4", "libx264", "yuv420p10le", (64, 48)),
        ("odd.mkv", "ffv1", "yuv420p", (63, 47)),
        ("odd.webm", "libvpx-vp9", "yuv420p", (61, 45)),
        ("rgb.mkv", "ffv1", "bgr0", (64, 48)),
        ("rgb24.mov", "qtrle", "rgb24", (64, 48)),
        ("alpha.mov", "qtrle", "argb", (64, 48)),
        ("full range.avi", "mjpeg", "yuvj420p", (64, 48)),
    ],
)
def test_formats(
    name: str,
    codec: str,
    pix_fmt: str,
    size: tuple[int, int],
    write_video: WriteVideo,
    read_all: ReadAll,
    corner_picture: Callable[..., np.ndarray],
) -> None:
    picture = corner_picture(*size)
    path = write_video(name, images=[picture] * 12, codec=codec, pix_fmt=pix_fmt)
    source = open_source(str(path))
    assert isinstance(source, FrameSource)
    assert source.info.name == str(path)
    assert source.info.size == size
    assert source.info.fps == pytest.approx(25)
    assert source.info.frame_count == 12
    assert not source.info.live
    frames = read_all(source)
    assert [f.frame_id for f in frames] == list(range(12))
    assert [f.pts_s for f in frames] == pytest.approx([i / 25 for i in range(12)], abs=0.002)
    assert source.stats.delivered == 12
    assert source.stats.dropped == {}
    assert source.status == "ok"
    for frame in frames:
        assert frame.image.dtype == np.uint8
        assert frame.image.shape == (size[1], size[0], 3)
        assert frame.image.flags.c_contiguous
        assert frame.image.flags.writeable
    difference = np.abs(frames[-1].image.astype(int) - picture)
    assert np.median(difference, axis=(0, 1)).max() < 40  # 256 colours in the gif


def test_grey(write_video: WriteVideo, read_all: ReadAll) -> None:
    ramp = np.repeat(np.linspace(0, 255, 64).astype(np.uint8)[None, :, None], 48, axis=0).repeat(3, axis=2)
    frames = read_all(open_source(str(write_video("g.mkv", images=[ramp] * 3, codec="ffv1", pix_fmt="gray"))))
    assert np.abs(frames[0].image.astype(int) - ramp).max() <= 4


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("name", ["phone.mp4", "phone.mov"])
def test_rotation_is_obeyed(
    turn: str,
    name: str,
    write_video: WriteVideo,
    read_all: ReadAll,
    corner_picture: Callable[..., np.ndarray],
) -> None:
    matrix, expected = TURNS[turn]
    path = write_video(name, count=2)
    set_matrix(path, matrix)
    shown = expected(corner_picture())
    source = open_source(str(path))
    assert source.info.size == (shown.shape[1], shown.shape[0])
    frame = read_all(source)[0]
    assert np.median(np.abs(frame.image.astype(int) - shown)) < 10
    whole = np.empty_like(frame.image)
    cut_out(frame.picture, np.eye(2, 3), whole, border=cv2.BORDER_CONSTANT)
    assert np.median(np.abs(whole.astype(int) - shown)) < 10


@pytest.mark.parametrize(("sar", "size"), [(Fraction(2), (128, 48)), (Fraction(1, 2), (64, 96))])
def test_pixels_become_square(sar: Fraction, size: tuple[int, int], write_video: WriteVideo, read_all: ReadAll) -> None:
    source = open_source(str(write_video("dv.mp4", sar=sar, count=2)))
    assert source.info.size == size
    assert read_all(source)[1].size == size


def test_pixel_shape_and_rotation_together(write_video: WriteVideo) -> None:
    path = write_video("dv.mp4", sar=Fraction(2), count=2)
    set_matrix(path, TURNS["90 clockwise"][0])
    source = open_source(str(path))
    assert source.info.size == (48, 128)
    source.close()


def test_variable_rate_is_kept(write_video: WriteVideo, read_all: ReadAll) -> None:
    pts_ms = [500, 533, 600, 1500, 1510, 4000]
    path = write_video("vfr.mkv", count=6, pts_ms=pts_ms)
    source = open_source(str(path))
    assert [f.pts_s for f in read_all(source)] == pytest.approx([(p - 500) / 1000 for p in pts_ms])
    assert source.stats.dropped == {}


def test_long_last_frame_is_no_loss(tmp_path: Path, read_all: ReadAll) -> None:
    """A recording of a screen ends long after the last change."""
    path = tmp_path / "screen.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for pts in (0, 40, 1040, 1080):
            picture = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "rgb24")
            picture.pts, picture.time_base = pts, Fraction(1, 1000)
            for packet in stream.encode(picture):
                packet.duration = 900
                container.mux(packet)
    source = open_source(str(path))
    assert len(read_all(source)) == 4
    assert source.stats.dropped == {}


def test_left_out_frames_of_an_avi_are_no_loss(write_video: WriteVideo, read_all: ReadAll) -> None:
    """An avi marks the time of a frame that was never recorded by an empty chunk."""
    source = open_source(str(write_video("sparse.avi", count=6, codec="mpeg4", pts_ms=[0, 40, 80, 400, 440, 800])))
    times_s = [f.pts_s for f in read_all(source)]
    assert times_s == pytest.approx([0, 0.04, 0.08, 0.4, 0.44, 0.8], abs=0.011)
    assert source.stats.dropped == {}


def test_a_raw_stream_has_the_rate_of_its_own_headers(write_video: WriteVideo, read_all: ReadAll) -> None:
    path = write_video("raw.h264", count=10, fps=60, options={"bf": "0"})
    for fps in (None, 10):
        source = open_source(str(path), fps=fps)
        assert source.info.fps == 60
        assert [f.pts_s for f in read_all(source)] == pytest.approx([i / 60 for i in range(10)])
        assert source.stats.notes == []


def test_a_stream_without_a_rate_has_the_one_given(write_video: WriteVideo, read_all: ReadAll) -> None:
    path = write_video("raw.mjpeg", count=10, codec="mjpeg", pix_fmt="yuvj420p")
    source = open_source(str(path), fps=120)
    assert [f.pts_s for f in read_all(source)] == pytest.approx([i / 120 for i in range(10)])
    assert source.stats.notes == []
    source = open_source(str(path))
    assert [f.pts_s for f in read_all(source)] == pytest.approx([i / 30 for i in range(10)])
    assert "30 frames a second assumed; --fps sets it" in source.stats.notes[0]
    assert source.info.fps == 30


def test_a_rate_that_no_camera_has_is_not_believed(write_video: WriteVideo, read_all: ReadAll) -> None:
    path = write_video("fast.avi", count=12, codec="mjpeg", pix_fmt="yuvj420p")
    data = bytearray(path.read_bytes())
    struct.pack_into("<II", data, data.index(b"strh") + 28, 1, 1_000_000)  # the stream's scale and rate
    path.write_bytes(data)
    for fps, step_s in ((None, 1 / 30), (50, 1 / 50)):
        source = open_source(str(path), fps=fps)
        assert source.info.fps == pytest.approx(1 / step_s)
        assert [f.pts_s for f in read_all(source)] == pytest.approx([i * step_s for i in range(12)])
        assert source.stats.dropped == {}


def test_a_clock_that_is_set_stretches_nothing(write_video: WriteVideo, read_all: ReadAll) -> None:
    clock_ms = [0, 40, 80, *(37_600_000 + i * 40 for i in range(3, 7))]
    source = open_source(str(write_video("clock.mkv", count=7, pts_ms=clock_ms, options={"bf": "0"})))
    assert [f.pts_s for f in read_all(source)] == pytest.approx([i * 0.04 for i in range(7)], abs=0.002)
    assert source.stats.dropped == {}
    assert len(source.stats.notes) == 1
    assert "clock jumps ahead by 37600 s at frame 3; repaired" in source.stats.notes[0]


def test_sound_is_ignored(write_video: WriteVideo, read_all: ReadAll) -> None:
    for name in ("sound.mp4", "sound.mkv"):
        source = open_source(str(write_video(name, sound=True)))  # 0.48 s of pictures, 3 s of sound
        assert source.info.frame_count == 12
        assert len(read_all(source)) == 12
        assert source.stats.dropped == {}


def test_size_change_within_a_file(
    write_video: WriteVideo, read_all: ReadAll, tmp_path: Path, corner_picture: Callable[..., np.ndarray]
) -> None:
    parts = [
        write_video(f"{w}.mjpeg", images=[corner_picture(w, 48)] * 3, codec="mjpeg", pix_fmt="yuvj420p")
        for w in (64, 96)
    ]
    both = tmp_path / "both.mjpeg"
    both.write_bytes(b"".join(p.read_bytes() for p in parts))
    frames = read_all(open_source(str(both)))
    assert [f.size for f in frames] == [(64, 48)] * 3 + [(96, 48)] * 3
    assert np.all(np.diff([f.pts_s for f in frames]) > 0)


@pytest.mark.parametrize("name", ["a:b.mp4", "take %03d.mp4", "jalapeño 人.mp4", "100% [new].mp4"])
@pytest.mark.slow
def test_odd_file_names(name: str, write_video: WriteVideo, read_all: ReadAll, tmp_path: Path) -> None:
    try:
        path = write_video("plain.mp4").rename(tmp_path / name)
    except OSError:
        pytest.skip("this system does not allow the name")
    assert len(read_all(open_source(str(path)))) == 12
    assert len(read_all(open_source(path.as_uri()))) == 12


def test_close_twice_and_from_another_thread(write_video: WriteVideo) -> None:
    source = open_source(str(write_video("a.mp4")))
    assert source.read() is not None
    thread = threading.Thread(target=source.close)
    thread.start()
    thread.join()
    assert source.ended
    assert source.read() is None
    source.close()


# Damage


def test_damaged_packets(write_video: WriteVideo, read_all: ReadAll) -> None:
    path = write_video("a.mp4", images=noise(40), options={"g": "10"})
    spoil(path, 15, 16)
    source = open_source(str(path))
    frames = read_all(source)
    lost = source.stats.dropped["damaged"]
    assert 2 <= lost <= 10
    assert len(frames) + lost == 40
    assert "missing" not in source.stats.dropped
    assert source.status == f"frames lost: damaged {lost}"
    assert frames[-1].pts_s == pytest.approx(39 / 25)
    assert frames[-1].frame_id == 39  # the gap shows


def test_frames_with_made_up_parts_are_left_out(write_video: WriteVideo, read_all: ReadAll) -> None:
    path = write_video("a.avi", images=noise(20), codec="mpeg4")
    with av.open(str(path)) as container:
        packet = [p for p in container.demux(video=0) if p.pos][10]
    assert packet.pos is not None
    data = bytearray(path.read_bytes())
    start = packet.pos + packet.size // 2
    data[start : packet.pos + packet.size] = b"\xff" * (packet.pos + packet.size - start)
    path.write_bytes(data)
    source = open_source(str(path))
    frames = read_all(source)
    assert source.stats.dropped == {"damaged": 1}
    assert [f.frame_id for f in frames] == [*range(10), *range(11, 20)]


def test_decoder_that_skips_silently(write_video: WriteVideo, read_all: ReadAll) -> None:
    """After a damaged key frame HEVC gives no frames and no errors until the next one (FFmpeg 8)."""
    path = write_video("a.mp4", images=noise(40), codec="libx265", options={"x265-params": "log-level=none:keyint=20"})
    spoil(path, 20)  # the second key frame
    source = open_source(str(path))
    frames = read_all(source)
    assert len(frames) >= 20
    assert len(frames) + source.stats.dropped["damaged"] == 40


@pytest.mark.parametrize("name", ["cut.mp4", "cut.mov", "cut.mkv", "cut.avi"])
def test_cut_off_in_the_middle(name: str, write_video: WriteVideo, read_all: ReadAll) -> None:
    """Every whole packet gives its frame, also with B-frames, and what the header promised is counted."""
    moving = {"movflags": "faststart"} if name.endswith(("mp4", "mov")) else {}
    codec = "mpeg4" if name.endswith("avi") else "libx264"
    path = write_video(name, images=noise(60), codec=codec, container_options=moving)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * 0.6)])
    with av.open(str(path)) as container:
        whole = [p for p in container.demux(video=0) if p.size and not p.is_corrupt]
    source = open_source(str(path))
    frames = read_all(source)
    assert len(frames) >= len(whole) > 10
    lost = source.stats.dropped
    assert lost["missing"] > 5
    assert len(frames) + lost["missing"] + lost.get("damaged", 0) == pytest.approx(60, abs=1)
    assert np.all(np.diff([f.pts_s for f in frames]) > 0)


def test_damage_in_the_container(write_video: WriteVideo, read_all: ReadAll) -> None:
    path = write_video("a.mkv", images=noise(60), options={"g": "5"}, container_options={"cluster_time_limit": "200"})
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 3000] = random.Random(0).randbytes(3000)
    path.write_bytes(data)
    source = open_source(str(path))
    frames = read_all(source)
    assert 30 < len(frames) < 60
    assert frames[-1].pts_s == pytest.approx(59 / 25, abs=0.01)  # reading went on behind the damage


def test_healthy_clips_lose_nothing(read_all: ReadAll) -> None:
    clips = {
        "tfjs_pose_squats.mp4": (65, (720, 1280)),
        "tfjs_pose_1.mp4": (120, (576, 576)),
        "mmpose_demo.mp4": (5, (960, 540)),
    }
    if not MEDIA.is_dir():
        pytest.skip(f"no real clips at {MEDIA}")
    for name, (count, size) in clips.items():
        source = open_source(str(MEDIA / name))
        assert source.info.size == size
        assert len(read_all(source)) == count
        assert source.stats.dropped == {}


def cut_without_decoding(path: Path, out: Path, start_s: float) -> None:
    """As `ffmpeg -ss START -i PATH -c copy OUT` does: packets from the key frame before the start, which get times
    below zero, and so an edit list."""
    with av.open(str(path)) as whole, av.open(str(out), "w", options={"avoid_negative_ts": "disabled"}) as cut:
        video = whole.streams.video[0]
        copy = cut.add_stream_from_template(video)
        shift = round(start_s / video.time_base)
        for packet in whole.demux(video):
            if packet.dts is None:  # the last one, which flushes
                continue
            packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, copy
            cut.mux(packet)


def test_edit_list_is_no_damage(write_video: WriteVideo, read_all: ReadAll, tmp_path: Path) -> None:
    """A clip cut without decoding keeps frames before its start, which are not to be shown."""
    path = write_video("whole.mp4", images=noise(50), options={"g": "50"})
    cut = tmp_path / "cut.mp4"
    cut_without_decoding(path, cut, 0.6)
    source = open_source(str(cut))
    frames = read_all(source)
    assert 30 <= len(frames) < 50
    assert source.stats.dropped == {}
    spoil(cut, 40)
    source = open_source(str(cut))
    fewer = read_all(source)
    assert len(fewer) + source.stats.dropped["damaged"] == len(frames)  # those before the start are no loss


# Errors


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no such file"),
        (b"", "empty file"),
        (b"This is a text, not a video.\n" * 20, "cannot be read as a video"),
        (b"\x00\x00\x00\x18ftypisom" + bytes(5000), "unfinished recording"),
    ],
)
def test_no_video(content: bytes | None, words: str, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    if content is not None:
        path.write_bytes(content)
    for _ in range(2):  # a failed open leaves nothing behind that disturbs the next
        with pytest.raises(InputError, match=words) as caught:
            open_source(str(path))
        assert "clip.mp4" in str(caught.value)
        assert "\n" not in str(caught.value)


def test_text_file(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a video\n" * 50)
    with pytest.raises(InputError, match=r"notes\.txt"):
        open_source(str(path))


def test_mp4_without_its_index(write_video: WriteVideo) -> None:
    path = write_video("a.mp4", images=noise(20))
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"moov") - 100])
    with pytest.raises(InputError, match="unfinished recording"):
        open_source(str(path))


def test_sound_only(tmp_path: Path) -> None:
    path = tmp_path / "speech.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16000))
    with pytest.raises(InputError, match="only sound"):
        open_source(str(path))


def test_nothing_decodes(write_video: WriteVideo) -> None:
    path = write_video("a.mp4", images=noise(10), container_options={"movflags": "faststart"})
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 4
    data[start:] = b"\xff" * (len(data) - start)
    path.write_bytes(data)
    with pytest.raises(InputError, match="no decodable frame"):
        open_source(str(path))


def test_no_permission(write_video: WriteVideo, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = write_video("a.mp4")
    monkeypatch.setattr(av, "open", refuse)
    with pytest.raises(InputError, match="Permission denied"):
        VideoFile(path)


def test_camera_number_is_no_file() -> None:
    for spec in ("0", "camera:0"):
        with pytest.raises(InputError, match="rtpose webcam"):
            open_source(spec)


def test_open_again_after_failure(tmp_path: Path, write_video: WriteVideo, read_all: ReadAll) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"rubbish" * 100)
    with pytest.raises(InputError):
        open_source(str(path))
    write_video("a.mp4")
    assert len(read_all(open_source(str(path)))) == 12


# Times


@given(st.lists(st.none() | st.floats(-1e6, 1e6), max_size=60), st.floats(0.001, 1))
def test_times_always_increase(times_s: list[float | None], step_s: float) -> None:
    strict = StrictTimes(step_s)
    out = [strict(t) for t in times_s]
    assert all(later > earlier for earlier, later in pairwise(out))
    assert out[:1] in ([], [0.0])


@given(st.lists(st.integers(1, 59_000), max_size=60))
def test_sound_times_are_kept(gaps_ms: list[int]) -> None:
    strict = StrictTimes(1 / 30)
    times_ms = [0, *accumulate(gaps_ms)]
    out = [strict(t / 1000) for t in times_ms]
    assert out == pytest.approx([(t - times_ms[0]) / 1000 for t in times_ms], abs=1e-6)


def test_time_repairs() -> None:
    def repaired(*times_s: float | None) -> list[float]:
        strict = StrictTimes(0.1)
        return [strict(t) for t in times_s]

    assert repaired(5.0, None, 5.2) == pytest.approx([0, 0.1, 0.2])
    assert repaired(5.0, 5.1, 5.1, 5.2) == pytest.approx([0, 0.1, 0.15, 0.2])
    assert repaired(5.0, 5.1, 0.0, 0.1) == pytest.approx([0, 0.1, 0.2, 0.3])  # a second recording
    assert repaired(5.0, 5.1, 9000.0, 5.3) == pytest.approx([0, 0.1, 0.2, 0.3])  # one damaged time
    assert repaired(5.0, 5.1, 1.7e9, 1.7e9 + 0.1) == pytest.approx([0, 0.1, 0.2, 0.3])  # the clock was set
    assert repaired(None, None) == pytest.approx([0, 0.1])


def test_a_slow_time_lapse_does_not_jump() -> None:
    strict = StrictTimes(3600.0)
    assert [strict(t) for t in (0.0, 3600.0, 7200.0)] == [0, 3600, 7200]
