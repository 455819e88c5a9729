"""The Open3D window, drawn without a display: what it shows, how it ends, what it says where it cannot be."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from rtpose.errors import MissingExtraError, RtposeError
from rtpose.outputs import open3d_window
from rtpose.outputs.bodies import BACKGROUND, linear_from_hex, person_color, srgb_from_linear
from rtpose.outputs.open3d_window import Open3DWindow, check_display, import_open3d
from rtpose.types import Image, Person3D, Result


@pytest.fixture(scope="module")
def window() -> Iterator[Open3DWindow]:
    """One for all tests: making it takes seconds."""
    pytest.importorskip("open3d", reason="the extra open3d is not installed")
    with Open3DWindow("test", visible=False) as window:
        yield window


def at(person: Person3D, x: float, track_id: int) -> Person3D:
    return Person3D(
        track_id, person.bbox, person.keypoints_2d, person.pose_3d, np.array([x, 0, 3], np.float32), person.confidence
    )


def near(picture: Image, color: np.ndarray, reach: float = 0.12) -> np.ndarray:
    """Where the picture has about this colour, brighter or darker."""
    pixels = picture / 255.0
    hues = pixels / np.maximum(np.linalg.norm(pixels, axis=-1, keepdims=True), 0.2)
    return np.asarray(np.linalg.norm(hues - color / np.linalg.norm(color), axis=-1) < reach)


@pytest.mark.slow
def test_people_are_in_the_picture_and_leave_it(
    window: Open3DWindow, make_result: Callable[..., Result]
) -> None:  # fmt: skip
    empty = window.picture()
    assert empty.shape == (720, 1280, 3)
    assert empty[0, 0].tolist() == [11, 14, 21], BACKGROUND
    someone = make_result(0, [0]).persons[0]
    window.show([someone], 0.0)
    one = window.picture()
    changed = np.abs(one.astype(int) - empty).max(-1) > 60
    assert 2000 < changed.sum() < 200_000
    columns = np.nonzero(changed)[1]
    assert 540 < np.median(columns) < 740, "in the middle"
    assert near(one, srgb_from_linear(linear_from_hex("#2f9bff")))[changed].sum() > 100, "a blue left side"
    assert near(one, srgb_from_linear(linear_from_hex("#ff7a3d")))[changed].sum() > 100, "an orange right side"
    for track_id in (0, 1):
        window.show([at(someone, -0.7, 0), at(someone, 0.7, track_id)], 0.1)
        for _ in range(2):
            window.draw()
        other = near(window.picture(), srgb_from_linear(person_color(1)))
        assert (other.sum() > 5000) == (track_id == 1), "the second person's own colour"  # 500 and 20,000 pixels
    window.show([], 0.2)
    gone = window.picture()
    assert (np.abs(gone.astype(int) - empty).max(-1) > 60).sum() < 0.05 * changed.sum()


def test_the_newest_wins(window: Open3DWindow, make_result: Callable[..., Result]) -> None:
    window.write(make_result(0, [0, 1, 2]))
    window.write(make_result(1, []))
    assert window.draw()
    assert len(window._people.vertices) == 0


def test_work_beside_the_window(window: Open3DWindow) -> None:
    threads: list[threading.Thread] = []

    def work() -> str:
        threads.append(threading.current_thread())
        return "done"

    assert window.beside(work, pytest.fail) == "done"
    assert threads[0] is not threading.main_thread()
    with pytest.raises(ValueError, match="broken"):
        window.beside(lambda: int("broken"), pytest.fail)
    assert window.draw(), "it stays for the next source"


def test_closing_the_window_stops_the_work() -> None:
    pytest.importorskip("open3d", reason="the extra open3d is not installed")
    stop = threading.Event()
    with Open3DWindow("test", visible=False) as window:
        window._window.close()  # as the user's click does
        assert window.beside(lambda: stop.wait(60), stop.set) is True
        assert not window.draw()


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "open3d", None)
    with pytest.raises(MissingExtraError, match=r"pip install .*\[open3d\]'"):
        import_open3d()
    monkeypatch.delitem(sys.modules, "open3d")

    class Broken:
        """What Python's import says where a library is missing."""

        said = "libusb-1.0.so.0: cannot open shared object file: No such file or directory"

        def find_spec(self, name: str, path: object = None, target: object = None) -> None:
            if name == "open3d":
                raise ImportError(self.said)

    broken = Broken()
    monkeypatch.setattr(sys, "meta_path", [broken, *sys.meta_path])
    with pytest.raises(RtposeError, match=r"needs libusb-1\.0\.so\.0.*apt install libusb-1\.0-0"):
        import_open3d()
    broken.said = "DLL load failed while importing pybind"
    with pytest.raises(RtposeError, match=r"DLL load failed.*install it again"):
        import_open3d()


def test_no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(RtposeError, match="no display"):
        check_display()
    monkeypatch.setenv("DISPLAY", ":7")
    check_display()
    monkeypatch.delenv("DISPLAY")
    monkeypatch.setattr(open3d_window.sys, "platform", "darwin")
    check_display()
