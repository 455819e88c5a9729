"""Views of a board -> the pinhole camera that fits the lens best, and how well it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rtpose.errors import InputError
from rtpose.lens.boards import BoardView
from rtpose.lens.coverage import MIN_REGIONS, MIN_TILTS, MIN_VIEWS, TILTS, Coverage
from rtpose.types import Camera

MAX_ERROR_PX = 1.0
"""A larger reprojection error means blurred pictures, a bent board, or a different board from the given one."""
_LEAST_VIEWS = 3
_OUTLIER = 3.0
_GRID = 24


@dataclass(frozen=True, slots=True)
class LensFit:
    """A calibrated camera."""

    image_size: tuple[int, int]
    camera: Camera
    """The pinhole camera closest to the lens: rtpose does not undo distortion."""
    error_px: float
    """Root mean square distance of the corners from where the fitted lens, distortion included, puts them."""
    distortion_px: float
    """Root mean square distance of the picture's points from where `camera` puts them: the remaining lens
    distortion."""
    focal_deviation: float
    """Standard deviation of the focal length, as a share of it."""
    views: int
    left_out: int
    """Views that did not fit the others: blurred, or with a wrongly detected board."""

    def yaml(self) -> str:
        """The file that `--calibration` takes."""
        camera = ", ".join(f"{value:.2f}" for value in self.camera.as_array())
        return (
            f"# rtpose calibrate: {self.views} views, reprojection error {self.error_px:.2f} px, "
            f"distortion left {self.distortion_px:.1f} px\n"
            f"image_size: [{self.image_size[0]}, {self.image_size[1]}]\n"
            f"camera: [{camera}]  # fx, fy, cx, cy in px\n"
        )


def fit_lens(coverage: Coverage) -> LensFit:
    """Fit a lens with radial distortion to the views, leave out views that do not fit, and take the closest pinhole.

    Errors: `InputError` for fewer than three views, or views that determine no camera.
    """
    views = coverage.views
    if len(views) < _LEAST_VIEWS:
        raise InputError(
            f"the board was found in {len(views)} different views, at least {MIN_VIEWS} are needed: show the whole "
            "board, in all parts of the picture and tilted; check --board or --charuco"
        )
    try:
        found = _fit(views, coverage.size)
        errors = found[-1].ravel()
        good = errors <= max(_OUTLIER * float(np.median(errors)), 0.2)
        kept = [view for view, keep in zip(views, good, strict=True) if keep]
        if _LEAST_VIEWS <= len(kept) < len(views):
            found = _fit(kept, coverage.size)
        else:
            kept = views
    except cv2.error:
        raise InputError("no camera fits these views: check --board or --charuco, and tilt the board") from None
    error_px, matrix, distortion, deviations, _ = found
    camera, distortion_px = _nearest_pinhole(matrix, distortion, kept)
    if not np.isfinite([*camera.as_array(), error_px]).all():
        raise InputError("no camera fits these views: check --board or --charuco, and tilt the board")
    return LensFit(
        coverage.size, camera, error_px, distortion_px, float(deviations.ravel()[0] / matrix[0, 0]), len(kept),
        len(views) - len(kept),
    )  # fmt: skip


def problems_of(fit: LensFit, coverage: Coverage) -> list[str]:
    """Why a calibration is not reliable, a few words each; empty for a good one."""
    regions, tilts = int(coverage.regions.sum()), len(coverage.tilts)
    found = [
        (fit.error_px > MAX_ERROR_PX, f"the reprojection error is {fit.error_px:.2f} px (at most {MAX_ERROR_PX:g})"),
        (fit.views < MIN_VIEWS, f"{fit.views} views (at least {MIN_VIEWS})"),
        (regions < MIN_REGIONS, f"corners in {regions} of {coverage.regions.size} regions (at least {MIN_REGIONS})"),
        (tilts < MIN_TILTS, f"tilted in {tilts} of {len(TILTS)} directions (at least {MIN_TILTS})"),
    ]
    return [text for is_so, text in found if is_so]


def _fit(views: list[BoardView], size: tuple[int, int]) -> tuple[Any, ...]:
    """(error px, matrix, distortion, deviations, error of each view)."""
    flags = cv2.CALIB_FIX_K3 | cv2.CALIB_ZERO_TANGENT_DIST
    error_px, matrix, distortion, _, _, deviations, _, errors = cv2.calibrateCameraExtended(
        [view.points_m for view in views], [view.pixels for view in views], size, None, None, flags=flags
    )
    return error_px, matrix, distortion, deviations, errors


def _nearest_pinhole(
    matrix: NDArray[np.float64], distortion: NDArray[np.float64], views: list[BoardView]
) -> tuple[Camera, float]:
    """The pinhole camera that puts the rays of the seen part of the picture nearest to their pixels, and the root mean
    square distance that remains, px. Beyond the corners that were seen, the distortion is a guess."""
    pixels = np.concatenate([view.pixels for view in views])
    sides = [np.linspace(pixels[:, axis].min(), pixels[:, axis].max(), _GRID) for axis in (0, 1)]
    grid = np.stack(np.meshgrid(*sides), -1).reshape(-1, 1, 2)
    rays = cv2.undistortPoints(grid, matrix, distortion).reshape(-1, 2)
    focal, centre = np.empty(2), np.empty(2)
    left = np.empty_like(rays)
    for axis in (0, 1):
        line = np.column_stack([rays[:, axis], np.ones(len(rays))])
        focal[axis], centre[axis] = np.linalg.lstsq(line, grid[:, 0, axis], rcond=None)[0]
        left[:, axis] = line @ (focal[axis], centre[axis]) - grid[:, 0, axis]
    return Camera(*focal.tolist(), *centre.tolist()), float(np.sqrt((left**2).sum(-1).mean()))
