"""The camera of a run, by settings and sources."""

from pathlib import Path

import pytest

from rtpose.camera import camera_of
from rtpose.config import RunSettings
from rtpose.errors import InputError
from rtpose.geometry import camera_from_fov
from rtpose.types import Camera, SourceInfo


def test_a_calibration_turns_with_the_phone(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("image_size: [640, 480]\ncamera: [600, 610, 330, 250]\n")
    camera, assumption = camera_of(RunSettings(calibration=str(tmp_path / "a.yaml")))
    assert assumption.endswith("is assumed to be turned clockwise")
    assert camera((640, 480)) == Camera(600, 610, 330, 250)
    assert camera((480, 640)) == Camera(610, 600, 230, 330)
    assert camera((960, 1280)) == Camera(1220, 1200, 460, 660)
    with pytest.raises(InputError, match="a different aspect ratio"):
        camera((640, 640))


def test_the_cameras_assumptions_have_an_order(tmp_path: Path) -> None:
    """A calibration, then the given field of view, then what the source says, then the default."""
    (tmp_path / "a.yaml").write_text("image_size: [640, 480]\ncamera: [600, 610, 330, 250]\n")
    says = SourceInfo("a.jpg", live=False, size=(640, 480), fps=None, frame_count=1, fov_deg=70, fov_origin="its EXIF")
    silent = SourceInfo("a.png", live=False, size=(640, 480), fps=None, frame_count=1)
    calibrated = RunSettings(calibration=str(tmp_path / "a.yaml"), fov_deg=50)

    assert camera_of(calibrated, says)[0]((640, 480)).fx == 600
    for settings, info, fov_deg, text in (
        (RunSettings(fov_deg=50), says, 50, "as given"),
        (RunSettings(), says, 70, "focal length from its EXIF (70.0 degrees across the longer side)"),
        (RunSettings(), silent, 60, "assumed"),
    ):
        camera, assumption = camera_of(settings, info)
        assert camera((640, 480)) == camera_from_fov((640, 480), fov_deg)
        assert text in assumption
