"""A desktop window that shows people in 3D with Open3D: the page's scene without a browser."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from rtpose.errors import MissingExtraError, RtposeError
from rtpose.outputs.bodies import (
    BACKGROUND,
    ColoredMesh,
    Floor,
    build_ground,
    build_people,
    linear_from_hex,
    srgb_from_linear,
)
from rtpose.types import Image, Person3D, Result

Outcome = TypeVar("Outcome")

SIZE = (1280, 720)
FIELD_OF_VIEW_DEG = 38.0
DISTANCE_M = 3.6
PICTURE_S = 1 / 60
FOLLOW_EASE_S = 0.5
OPENING = np.array([0.5, 0.22, 1.0])
"""Direction from the people to the camera at the start."""
PACKAGES = {
    "libusb-1.0.so.0": "libusb-1.0-0", "libGL.so.1": "libgl1", "libEGL.so.1": "libegl1", "libX11.so.6": "libx11-6",
    "libgomp.so.1": "libgomp1", "libudev.so.1": "libudev1", "libidn2.so.0": "libidn2-0",
}  # fmt: skip
"""System libraries that Open3D needs, and their packages in Debian."""


def import_open3d() -> ModuleType:
    """Import Open3D. Errors: `MissingExtraError`; `RtposeError` that names a missing system library."""
    try:
        import open3d
    except ModuleNotFoundError:
        raise MissingExtraError("open3d", "the Open3D window") from None
    except (ImportError, OSError) as error:
        reason = str(error).splitlines()[0]
        library = reason.partition(":")[0].strip()
        if ".so" not in library:
            raise RtposeError(f"Open3D cannot be loaded ({reason}): install it again, or use the page") from None
        package = PACKAGES.get(library)
        how = f" (Debian, Ubuntu: apt install {package})" if package else ""
        raise RtposeError(
            f"Open3D needs {library}, which is missing on this system: install it{how}, or use the page"
        ) from None
    module: ModuleType = open3d
    return module


def check_display() -> None:
    """Errors: `RtposeError` if there is no display."""
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise RtposeError("there is no display for the Open3D window: run it on a desktop, or use the page")


class Open3DWindow:
    """A viewer that shows the newest people. The window must run in the main thread, as macOS requires: see `beside`.

    The user moves the camera (mouse: turn, Ctrl + mouse: move, wheel: zoom); people stay centred. A `with` block
    closes the window.
    """

    def __init__(self, title: str, *, visible: bool = True) -> None:
        """visible: False draws off screen, for pictures only.

        Errors: `MissingExtraError`; `RtposeError` without a display, or if Open3D cannot draw here.
        """
        self._open3d: Any = import_open3d()
        if visible:
            check_display()
        self._open3d.utility.set_verbosity_level(self._open3d.utility.VerbosityLevel.Error)
        self._window: Any = self._open3d.visualization.Visualizer()
        if not self._window.create_window(title, *SIZE, visible=visible):
            raise RtposeError("Open3D cannot open a window here: it needs OpenGL 3.3; use the page")
        self._newest: tuple[Sequence[Person3D], float, NDArray[np.float64] | None] | None = None
        self._lock = threading.Lock()
        self._floor = Floor()
        self._centre: Any = None
        """(x, z) of the people in the world; the scene is moved to centre it."""
        self._drawn_s = time.monotonic()
        self._people = self._open3d.geometry.TriangleMesh()
        self._ground = [(mesh, self._add(mesh)) for mesh in build_ground()]
        self._window.add_geometry(self._people, reset_bounding_box=False)
        options = self._window.get_render_option()
        options.background_color = srgb_from_linear(linear_from_hex(BACKGROUND)).astype(float)
        options.light_on = False  # lighting is part of the colours, as on the page
        self._set_camera()

    def write(self, result: Result) -> None:
        """See `rtpose.types.Sink`. From any thread."""
        self.show(result.persons, result.frame.pts_s, result.world_from_camera)

    def show(
        self, persons: Sequence[Person3D], t_s: float, world_from_camera: NDArray[np.float64] | None = None
    ) -> None:
        """Show these people next. t_s: their time in the source; world_from_camera: see `Result`. From any thread."""
        with self._lock:
            self._newest = persons, t_s, world_from_camera

    def close(self) -> None:
        """See `rtpose.types.Sink`. The window stays open: it may show the next source."""

    def beside(self, work: Callable[[], Outcome], stop: Callable[[], None]) -> Outcome:
        """Run `work` in a thread and draw in this, the main thread, until it ends.

        stop: called when the user closes the window, to end the work. Returns and raises what `work` does.
        """
        results: list[Outcome] = []
        errors: list[BaseException] = []

        def run() -> None:
            try:
                results.append(work())
            except BaseException as error:  # raised in the main thread
                errors.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            while thread.is_alive() and self.draw():
                thread.join(PICTURE_S)
        finally:
            if thread.is_alive():
                stop()
                self.destroy()  # immediately, however long the work takes to end
            thread.join()
        if errors:
            raise errors[0]
        return results[0]

    def draw(self) -> bool:
        """Draw once, with the newest people; False once the user has closed the window. In the main thread."""
        if self._window is None:
            return False
        now_s = time.monotonic()
        ease = 1 - np.exp(-(now_s - self._drawn_s) / FOLLOW_EASE_S)
        self._drawn_s = now_s
        with self._lock:
            newest, self._newest = self._newest, None
        if newest is not None:
            self._update(*newest, ease)
            self._window.update_renderer()  # requests a redraw, as mouse and resizing do
        return bool(self._window.poll_events())

    def picture(self) -> Image:
        """(H, W, 3) uint8 RGB: the window's content. In the main thread."""
        self.draw()
        return np.round(255 * np.asarray(self._window.capture_screen_float_buffer(do_render=True))).astype(np.uint8)

    def destroy(self) -> None:
        """Close the window, if it is open. In the main thread."""
        if self._window is not None:
            self._window.destroy_window()
            self._window = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.destroy()

    def _update(
        self, persons: Sequence[Person3D], t_s: float, world_from_camera: NDArray[np.float64] | None, ease: float
    ) -> None:
        self._floor.observe(persons, t_s, world_from_camera)
        world = self._floor.world_from_camera
        mesh = build_people(persons, world)
        if persons:
            root = world[:3, :3] @ np.mean([person.root_3d for person in persons], axis=0) + world[:3, 3]
            target = root[[0, 2]]
            self._centre = target if self._centre is None else self._centre + ease * (target - self._centre)
        if self._centre is None:
            return
        offset = np.array([self._centre[0], 0, self._centre[1]])
        _fill(self._open3d, self._people, mesh, offset)
        self._window.update_geometry(self._people)
        for lines, shape in self._ground[1:]:
            # The grid stays fixed in the world; its fading moves with the people.
            _fill(self._open3d, shape, lines, offset - np.round(offset))
            self._window.update_geometry(shape)

    def _add(self, mesh: ColoredMesh) -> Any:
        shape = self._open3d.geometry.TriangleMesh()
        _fill(self._open3d, shape, mesh, np.zeros(3))
        self._window.add_geometry(shape)
        return shape

    def _set_camera(self) -> None:
        """Set the initial camera. Open3D measures zoom by the bounding box, which is that of the ground."""
        view = self._window.get_view_control()
        view.change_field_of_view((FIELD_OF_VIEW_DEG - view.get_field_of_view()) / 5)
        view.set_lookat([0, 0.9, 0])
        view.set_front(OPENING / np.linalg.norm(OPENING))
        view.set_up([0, 1, 0])
        extent = max(np.ptp(np.concatenate([mesh.corners for mesh, _ in self._ground]), axis=0))
        view.set_zoom(DISTANCE_M * np.tan(np.radians(view.get_field_of_view() / 2)) / extent)


def _fill(open3d: Any, shape: Any, mesh: ColoredMesh, offset: Any) -> None:
    """Give an Open3D mesh its triangles, moved by -offset."""
    vector = open3d.utility
    shape.vertices = vector.Vector3dVector(mesh.corners.astype(np.float64) - offset)
    shape.vertex_colors = vector.Vector3dVector(mesh.colors.astype(np.float64))
    shape.triangles = vector.Vector3iVector(mesh.triangles)
