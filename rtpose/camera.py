"""The camera of a run: from a calibration, the field of view, or the source's lens data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rtpose.config import CalibrationSettings, RunSettings, load_settings
from rtpose.errors import InputError
from rtpose.geometry import DEFAULT_FOV_DEG, camera_from_fov
from rtpose.types import Camera, SourceInfo


def camera_of(settings: RunSettings, info: SourceInfo | None = None) -> tuple[Callable[[tuple[int, int]], Camera], str]:
    """A function from image size (width, height) to camera, and the assumption behind it.

    From the calibration, else from the field of view of the settings, else from the source's lens data (`info`), else
    the default. Errors: `ConfigError` for an impossible field of view or calibration; of the function:
    `InputError` for pictures of another shape than the calibration's.
    """
    if settings.calibration is not None:
        known = load_settings(CalibrationSettings, Path(settings.calibration))
        fx, fy, cx, cy = known.camera
        width, height = known.image_size

        def calibrated(size: tuple[int, int]) -> Camera:
            if abs(size[0] * height - size[1] * width) > 0.02 * size[0] * height:
                if abs(size[0] * width - size[1] * height) <= 0.02 * size[0] * width:  # the camera was turned
                    # The size does not say which way; the assumption in `meta` does.
                    sx, sy = size[0] / height, size[1] / width
                    return Camera(fy * sx, fx * sy, (height - cy) * sx, cx * sy)
                raise InputError(
                    f"{settings.calibration} is for pictures of {width}x{height}, these are {size[0]}x{size[1]}: "
                    "a different aspect ratio, so a different camera or setting"
                )
            sx, sy = size[0] / width, size[1] / height
            return Camera(fx * sx, fy * sy, cx * sx, cy * sy)

        return (
            calibrated,
            f"camera from {settings.calibration}; the other orientation is assumed to be turned clockwise",
        )
    if settings.fov_deg is None and info is not None and (known_fov := info.fov_deg) is not None:
        text = f"focal length from {info.fov_origin} ({known_fov:.1f} degrees across the longer side)"
        return lambda size: camera_from_fov(size, known_fov), text
    fov = DEFAULT_FOV_DEG if settings.fov_deg is None else settings.fov_deg
    camera_from_fov((2, 2), fov)  # an impossible value is reported now, not at the first frame
    origin = "assumed" if settings.fov_deg is None else "as given"
    text = f"field of view {fov:g} degrees across the longer side, {origin}"
    return lambda size: camera_from_fov(size, fov), text
