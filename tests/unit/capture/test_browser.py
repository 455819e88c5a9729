"""Pictures of a page's camera: what is taken, what is dropped, what is refused before it is decoded."""

import struct
import threading
import time

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtpose.capture import browser
from rtpose.capture.browser import MAX_PIXELS, BrowserCamera, jpeg_size
from rtpose.errors import InputError


def jpeg(width: int = 64, height: int = 48, level: int = 128, *flags: int) -> bytes:
    picture = np.full((height, width, 3), level, np.uint8)
    return bytes(cv2.imencode(".jpg", picture, list(flags))[1])


def with_size(data: bytes, width: int, height: int) -> bytes:
    """The same JPEG, whose header says another size."""
    at = data.index(b"\xff\xc0")
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


def test_the_newest_picture_wins_and_gaps_are_counted() -> None:
    camera = BrowserCamera()
    assert camera.read(timeout_s=0) is None
    assert camera.status.startswith("waiting for a browser's camera")
    camera.put(jpeg(level=10), t_ns=1_000_000_000)
    camera.put(jpeg(level=90), t_ns=1_050_000_000, skipped=2)
    frame = camera.read(timeout_s=0)
    assert frame is not None
    assert frame.size == (64, 48)
    assert np.abs(frame.image.astype(int) - 90).max() <= 2
    assert (frame.frame_id, frame.t_ns, frame.pts_s) == (3, 1_050_000_000, 0.05)
    assert camera.stats.dropped == {"page busy": 2, "consumer busy": 1}
    assert camera.stats.delivered == 1
    assert camera.status == "ok"
    assert camera.read(timeout_s=0) is None, "each only once"
    camera.end()
    assert camera.status.startswith("waiting for a browser's camera")
    assert not camera.ended


def test_colours_are_rgb_and_pictures_may_change_their_size() -> None:
    camera = BrowserCamera()
    red = np.zeros((32, 16, 3), np.uint8)
    red[..., 2] = 255  # OpenCV's order is BGR
    camera.put(bytes(cv2.imencode(".jpg", red)[1]), t_ns=5)
    frame = camera.read(timeout_s=0)
    assert frame is not None
    assert frame.size == (16, 32)
    assert frame.image[..., 0].min() > 240
    assert frame.image[..., 1:].max() < 15


def test_times_increase_even_where_the_pages_clock_is_not_sure() -> None:
    camera = BrowserCamera()
    times = []
    for t_ns in (1000, 900, 900, 2000):
        camera.put(jpeg(), t_ns)
        frame = camera.read(timeout_s=0)
        assert frame is not None
        times.append(frame.t_ns)
    assert times == [1000, 1001, 1002, 2000]


@pytest.mark.parametrize("skipped", [-5, 2**32])
def test_a_count_that_is_none_makes_no_gap(skipped: int) -> None:
    camera = BrowserCamera()
    camera.put(jpeg(), 1, skipped=skipped)
    frame = camera.read(timeout_s=0)
    assert frame is not None
    assert frame.frame_id == 0


def test_a_reader_wakes_when_a_picture_comes_and_when_it_is_closed() -> None:
    camera = BrowserCamera()
    threading.Timer(0.05, camera.put, (jpeg(), 1)).start()
    assert camera.read(timeout_s=20) is not None
    threading.Timer(0.05, camera.close).start()
    assert camera.read(timeout_s=20) is None
    assert camera.ended
    camera.put(jpeg(), 2)
    assert camera.read(timeout_s=0) is None


def test_damaged_pixels_are_a_dropped_frame() -> None:
    camera = BrowserCamera()
    whole = jpeg()
    camera.put(whole[: whole.index(b"\xff\xda")], 1)  # ends before its pixels
    assert camera.read(timeout_s=0) is None
    assert camera.stats.dropped == {"damaged": 1}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8",
        bytes(cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1]),
        jpeg(64, 48, 128, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        with_size(jpeg(), 0, 48),
        b"\xff\xd8" + b"\xff\xe0\x00\x00" * 100,
    ],
    ids=["nothing", "beginning", "png", "progressive", "no width", "no length"],
)
def test_what_browsers_do_not_send_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match="not a JPEG"):
        BrowserCamera().put(data, 1)


def test_a_bomb_is_refused_by_its_header() -> None:
    bomb = with_size(jpeg(), 65500, 65500)
    assert len(bomb) < 1000
    assert jpeg_size(bomb) == (65500, 65500)
    with pytest.raises(InputError, match="65500x65500 pixels is too large"):
        BrowserCamera().put(bomb, 1)
    side = int(MAX_PIXELS**0.5)
    BrowserCamera().put(with_size(jpeg(), side, side), 1)


def with_scans(data: bytes, count: int, between: bytes = b"") -> bytes:
    """The same JPEG, whose scan is there `count` times."""
    start = data.index(b"\xff\xda")
    return data[:start] + (data[start:-2] + between) * count + data[-2:]


@pytest.mark.parametrize("between", [b"", b"\xff\xfe\x00\x04hi", b"\xff\xff\xff"], ids=["", "comments", "fill bytes"])
def test_a_picture_that_repeats_its_scans_is_refused_before_it_is_decoded(between: bytes) -> None:
    picture = jpeg(1920, 1080)
    start_s = time.monotonic()
    assert jpeg_size(with_scans(picture, 1, between)) == (1920, 1080)
    for count in (2, 4, 500):
        camera = BrowserCamera()
        with pytest.raises(InputError, match="more scans than components"):
            camera.put(with_scans(picture, count, between), 1)
        assert camera.read(timeout_s=0) is None
    assert time.monotonic() - start_s < 2


def test_a_scan_for_each_component_is_accepted() -> None:
    """Sequential, not interleaved: a scan of each of three components."""
    whole = jpeg()
    at = whole.index(b"\xff\xda")
    scans = b"".join(
        b"\xff\xda\x00\x08\x01" + bytes([c, 0]) + b"\x00\x3f\x00" + b"\x00\xff\x00\xff\xd0" for c in (1, 2, 3)
    )
    assert jpeg_size(whole[:at] + scans + b"\xff\xd9") == (64, 48)
    with pytest.raises(InputError, match="more scans"):
        jpeg_size(whole[:at] + scans + scans[:10] + b"\xff\xd9")


def test_a_picture_that_decodes_too_long_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()
    decode = browser._decode

    def slow(data: bytes) -> object:
        done.wait(20)
        return decode(data)

    monkeypatch.setattr(browser, "_decode", slow)
    monkeypatch.setattr(browser, "DECODE_BUDGET_S", 0.1)
    camera = BrowserCamera()
    start_s = time.monotonic()
    camera.put(jpeg(), 1)
    assert camera.read(timeout_s=0) is None
    camera.put(jpeg(), 2)
    assert camera.read(timeout_s=0.1) is None, "one at a time"
    assert time.monotonic() - start_s < 5
    assert camera.stats.dropped == {"too slow": 1}
    done.set()
    assert camera.read(timeout_s=20) is not None
    done.clear()
    camera.put(jpeg(), 3)
    assert camera.read(timeout_s=0) is None
    camera.close()
    (thread,) = [t for t in threading.enumerate() if t.name == "rtpose-pictures" and t.is_alive()][-1:]
    assert thread.daemon, "it does not keep the program alive"
    done.set()


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 100))
def test_the_size_is_that_of_the_picture(width: int, height: int, quality: int) -> None:
    assert jpeg_size(jpeg(width, height, 7, cv2.IMWRITE_JPEG_QUALITY, quality)) == (width, height)


@given(st.binary(max_size=200), st.integers(0, 700))
def test_any_bytes_are_a_size_or_an_input_error(rubbish: bytes, at: int) -> None:
    good = jpeg()
    for data in (rubbish, b"\xff\xd8\xff" + rubbish, good[:at] + rubbish + good[at:]):
        try:
            width, height = jpeg_size(data)
        except InputError:
            continue
        assert 0 < width < 65536
        assert 0 < height < 65536
