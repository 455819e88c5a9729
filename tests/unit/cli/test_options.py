"""Groups of options: a command takes one parameter, and typer sees each option."""

import inspect
from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from rtpose.cli.options import GroundOptions, NetworkOptions, RunOptions, with_option_groups
from rtpose.cli.video import video
from rtpose.cli.webcam import webcam
from rtpose.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Paint:
    colour: Annotated[str, typer.Option(help="Of the paint.")] = "red"
    coats: Annotated[int, typer.Option()] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    paint: Paint
    hours: Annotated[float | None, typer.Option()] = None


def test_a_group_becomes_its_options_in_their_place() -> None:
    seen: list[tuple[str, Work, bool]] = []

    @with_option_groups
    def build(*, name: Annotated[str, typer.Argument()], work: Work, fast: bool = False) -> None:
        """Build it."""
        seen.append((name, work, fast))

    assert list(inspect.signature(build).parameters) == ["name", "colour", "coats", "hours", "fast"]
    app = typer.Typer()
    app.command()(build)
    runner = CliRunner()
    assert runner.invoke(app, ["house"]).exit_code == 0
    assert runner.invoke(app, ["hut", "--coats", "2", "--hours", "1.5", "--fast"]).exit_code == 0
    assert seen == [
        ("house", Work(paint=Paint()), False),
        ("hut", Work(paint=Paint(coats=2), hours=1.5), True),
    ]
    shown = runner.invoke(app, ["--help"]).output
    assert "Build it." in shown
    assert "Of the paint." in shown


def test_webcam_and_video_share_their_options() -> None:
    shared = [
        "persons", "height", "fov", "calibration", "pitch", "roll", "camera_height", "level", "estimator",
        "detector", "network", "lifter", "cascaded", "backend", "precision", "device", "smooth", "body", "feet",
        "lookahead", "config",
    ]  # fmt: skip
    for command in (webcam, video):
        names = list(inspect.signature(command).parameters)
        start = names.index("persons")
        assert names[start : start + len(shared)] == shared


def test_options_become_settings() -> None:
    ground = GroundOptions(pitch=12, camera_height=1.6, level=False)
    settings = RunOptions(networks=NetworkOptions(), ground=ground).settings()
    assert (settings.pitch_deg, settings.roll_deg, settings.camera_height_m, settings.level) == (12, None, 1.6, False)
    options = RunOptions(networks=NetworkOptions(lifter="svmac", device="gpu"), persons=2, smooth="off")
    settings = options.settings()
    assert (settings.lifter, settings.device, settings.persons, settings.smooth) == ("svmac", "gpu", 2, "off")
    with pytest.raises(ConfigError, match="persons: 0 is not allowed"):
        RunOptions(networks=NetworkOptions(), persons=0).settings()
