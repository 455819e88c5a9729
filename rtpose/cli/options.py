"""Options that several commands share: single ones, and groups of them that a command takes as one parameter.

`@with_option_groups` turns a parameter of a group's type into the group's options, so that typer sees each of them:

    @with_option_groups
    def video(inputs: …, run: RunOptions, port: Port = 8765) -> None: ...
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

if TYPE_CHECKING:
    from rtpose.config import RunSettings


PEOPLE, NETWORKS, PAGE = "People and camera", "Networks", "Page"
"""Panels of a command's help."""
_people, _networks, _page = (partial(typer.Option, rich_help_panel=panel) for panel in (PEOPLE, NETWORKS, PAGE))


class Viewer(StrEnum):
    """Where poses are shown."""

    BROWSER = "browser"
    OPEN3D = "open3d"


Persons = Annotated[int | None, _people(help="Most people to follow at once.", show_default="1")]
Height = Annotated[float | None, _people(help="Standing height of the person in metres.", show_default="1.70, assumed")]
Fov = Annotated[
    float | None,
    _people(
        help="Field of view in degrees across the picture's longer side.",
        show_default="the file's lens data, else 60",
    ),
]
Calibration = Annotated[Path | None, _people(help="File of `rtpose calibrate`; overrides --fov.")]
Pitch = Annotated[
    float | None,
    _people(help="Degrees by which the camera looks down (negative: up).", show_default="estimated from people"),
]
Roll = Annotated[
    float | None,
    _people(
        help="Degrees by which the camera is turned clockwise, as you see it from behind.",
        show_default="estimated from people",
    ),
]
CameraHeight = Annotated[
    float | None,
    _people(
        help="Height of the camera above the floor in metres. Sets people's sizes, unless --height is given.",
        show_default="unknown, the floor is where feet stand",
    ),
]
Level = Annotated[
    bool,
    _people("--level", help="Stand upright and still for the first 2 seconds: this sets the vertical for the run."),
]
LifterOption = Annotated[
    str | None, _networks(help="2D to 3D network: fusion, consistency, svmac or an .onnx file.", show_default="fusion")
]
EstimatorOption = Annotated[
    str | None,
    _networks(
        help="two-stage (2D joints, then a lifter), cascaded (picture straight to 3D), or an .onnx file that "
        "`rtpose train cascaded` wrote.",
        show_default="two-stage",
    ),
]
DetectorOption = Annotated[
    str | None,
    _networks(
        help="Finds people and their 2D joints: blazepose or rtmpose. cascaded uses only its boxes.",
        show_default="blazepose",
    ),
]
NetworkOption = Annotated[
    str | None,
    _networks(
        help="BlazePose's landmark network: lite, full, heavy, or auto (live: the best that keeps up 30 frames a "
        "second here; files: heavy).",
        show_default="full",
    ),
]
CascadedOption = Annotated[str | None, typer.Option(hidden=True, help="Older name for --estimator FILE.onnx.")]
BackendOption = Annotated[
    str | None,
    _networks(
        help="Runtime of the lifter or of cascaded: openvino, onnxruntime, torch, tensorrt, or auto.",
        show_default="openvino",
    ),
]
PrecisionOption = Annotated[
    str | None,
    _networks(
        help="fp32, or an engine built by `rtpose export`: bf16, fp16, int8, or auto (the fastest accepted one).",
        show_default="fp32; auto with --backend auto",
    ),
]
DeviceOption = Annotated[
    str | None, _networks(help="Where the backend runs: cpu, gpu, npu, cuda …", show_default="cpu")
]
Smooth = Annotated[
    str | None,
    _people(
        help="Filter against jitter: one-euro (all joints), root (only the root position) or off.",
        show_default="one-euro; root for fusion",
    ),
]
BodyOption = Annotated[
    str | None,
    _people(
        help="on: fit a body with constant bones and rotations to each person. off: the lifter's joints.",
        show_default="on",
    ),
]
FeetOption = Annotated[
    str | None,
    _people(
        help="planted: feet in contact with the ground stay in place. free: they follow the joints.",
        show_default="planted",
    ),
]
LookaheadOption = Annotated[
    float | None,
    typer.Option(
        help="Seconds of later frames to use for each frame: more accurate, with as much delay.", show_default="0"
    ),
]
ConfigFile = Annotated[
    Path | None, typer.Option(help="YAML file of settings; options on the command line override it.")
]
TrainOverrides = Annotated[
    list[str] | None, typer.Argument(metavar="NAME=VALUE…", help="Settings, e.g. steps=2000 noise.sigma=0.02.")
]
DataJoints = Annotated[str, typer.Option(help="2D joints of Human3.6M: gt, sh or cpn.")]
Port = Annotated[int, _page(help="Port of the page; 0 picks a free one.")]
Host = Annotated[str, _page(help="Address to listen on. Any other than this machine's own requires a token.")]
ViewerOption = Annotated[Viewer, _page(help="browser: the page. open3d: a native window.")]
Browser = Annotated[bool, _page("--browser/--no-browser", help="Open the page in a browser.")]
Token = Annotated[
    str | None,
    _page(
        envvar="RTPOSE_TOKEN",
        help="Secret that a page needs to connect. Other users can read command lines: the variable is safer.",
    ),
]
Private = Annotated[
    bool, _page("--private", help="Require a token on this machine, too, so that its other users cannot watch.")
]
Tls = Annotated[
    bool, _page("--tls", help="Serve https with a self-signed certificate; phones need it to share their camera.")
]
TlsCert = Annotated[Path | None, _page(help="Serve https with this certificate (PEM).")]
TlsKey = Annotated[Path | None, _page(help="Private key of --tls-cert, if it is in a separate file.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing output files.")]
Send = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ADDRESS",
        help="Also send the poses to another program: vmc://HOST:PORT, osc://HOST:PORT, udp://HOST:PORT, lsl://NAME. "
        "Repeatable.",
    ),
]
Fps = Annotated[
    float | None,
    typer.Option(
        help="Frames per second of pictures and of videos without times; for a camera, the rate to request.",
        show_default="what the source says, else 30",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")]
DEFAULT_PORT = 8765


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkOptions:
    """Which networks run, and on what."""

    estimator: EstimatorOption = None
    detector: DetectorOption = None
    network: NetworkOption = None
    lifter: LifterOption = None
    cascaded: CascadedOption = None
    backend: BackendOption = None
    precision: PrecisionOption = None
    device: DeviceOption = None

    def given(self) -> dict[str, Any]:
        """By their names in `RunSettings`; None: not given. A file as estimator is one of cascaded's."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        if self.cascaded is None and self.estimator is not None and self.estimator.endswith(".onnx"):
            given |= {"estimator": "cascaded", "cascaded": self.estimator}
        return given


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundOptions:
    """Where the ground is, as far as the user knows."""

    pitch: Pitch = None
    roll: Roll = None
    camera_height: CameraHeight = None
    level: Level = False

    def given(self) -> dict[str, Any]:
        """By their names in `RunSettings`; None: not given."""
        return {
            "pitch_deg": self.pitch, "roll_deg": self.roll, "camera_height_m": self.camera_height,
            "level": self.level or None,
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How people are estimated: everything that `RunSettings` holds and the command line offers."""

    persons: Persons = None
    height: Height = None
    fov: Fov = None
    calibration: Calibration = None
    ground: GroundOptions = GroundOptions()
    networks: NetworkOptions
    smooth: Smooth = None
    body: BodyOption = None
    feet: FeetOption = None
    lookahead: LookaheadOption = None
    config: ConfigFile = None

    def settings(self, **more: Any) -> RunSettings:
        """Defaults, changed by the file, changed by the options. more: those of one command alone, None: not given.

        Errors: `ConfigError`."""
        from rtpose.config import make_settings

        return make_settings(
            self.config, persons=self.persons, height_m=self.height, fov_deg=self.fov, calibration=self.calibration,
            smooth=self.smooth, body=self.body, feet=self.feet, lookahead_s=self.lookahead,
            **self.ground.given(), **self.networks.given(), **more,
        )  # fmt: skip


def with_option_groups(command: Callable[..., None]) -> Callable[..., None]:
    """The command with each parameter whose type is a group of options replaced by the options of that group."""
    hints = get_type_hints(command, include_extras=True)
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        kind = hints[parameter.name]
        parameters += _options_of(kind) if is_dataclass(kind) else [parameter.replace(annotation=kind)]
    signature = inspect.Signature([p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters])

    @functools.wraps(command)
    def run(**given: Any) -> None:
        bound = signature.bind(**given)
        bound.apply_defaults()
        arguments = {}
        for name in inspect.signature(command).parameters:
            kind = hints[name]
            arguments[name] = _group_from(kind, bound.arguments) if is_dataclass(kind) else bound.arguments[name]
        command(**arguments)

    del run.__wrapped__  # typer would look at the command's own signature
    vars(run)["__signature__"] = signature
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _options_of(group: Any) -> list[inspect.Parameter]:
    hints = _hints(group)
    options: list[inspect.Parameter] = []
    for field in fields(group):
        kind = hints[field.name]
        if is_dataclass(kind):
            options += _options_of(kind)
        else:
            options.append(
                inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=kind)
            )
    return options


def _group_from(group: Any, given: dict[str, Any]) -> Any:
    hints = _hints(group)
    values = {
        field.name: _group_from(hints[field.name], given) if is_dataclass(hints[field.name]) else given[field.name]
        for field in fields(group)
    }
    return group(**values)


def _hints(group: Any) -> dict[str, Any]:
    return get_type_hints(group, vars(sys.modules[group.__module__]), include_extras=True)
