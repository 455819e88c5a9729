"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Viewer(StrEnum):
    """Where people are looked at."""

    BROWSER = "browser"
    OPEN3D = "open3d"


Persons = Annotated[int | None, typer.Option(help="Most people to follow at once.", show_default="1")]
Height = Annotated[
    float | None, typer.Option(help="Standing height of the person in metres.", show_default="1.70, assumed")
]
Fov = Annotated[
    float | None,
    typer.Option(help="Field of view in degrees across the picture's longer side.", show_default="60, assumed"),
]
Calibration = Annotated[Path | None, typer.Option(help="Camera calibration file (YAML); goes before --fov.")]
LifterOption = Annotated[
    str | None,
    typer.Option(
        "--lifter",
        help="2D to 3D network: temporal, baseline, consistency, svmac or an .onnx file.",
        show_default="temporal",
    ),
]
EstimatorOption = Annotated[
    str | None,
    typer.Option(
        "--estimator",
        help="two-stage (2D joints, then a lifter) or cascaded (picture to 3D).",
        show_default="two-stage",
    ),
]
DetectorOption = Annotated[
    str | None,
    typer.Option(
        "--detector",
        help="Finds people and their 2D joints: blazepose or rtmpose. cascaded takes its boxes around people.",
        show_default="blazepose",
    ),
]
CascadedOption = Annotated[
    str | None,
    typer.Option("--cascaded", help="The .onnx file of --estimator cascaded.", show_default="the shipped one"),
]
BackendOption = Annotated[
    str | None,
    typer.Option(
        "--backend",
        help="Runtime of the lifter or of cascaded: openvino, onnxruntime, torch, tensorrt, or auto.",
        show_default="openvino",
    ),
]
PrecisionOption = Annotated[
    str | None,
    typer.Option(
        "--precision",
        help="fp32, bf16, fp16, int8 (engines of `rtpose export`), or auto: the fastest accepted engines.",
        show_default="fp32; auto with --backend auto",
    ),
]
DeviceOption = Annotated[
    str | None,
    typer.Option("--device", help="Where the backend runs: cpu, gpu, npu, cuda …", show_default="cpu"),
]
Smooth = Annotated[
    str | None,
    typer.Option(
        help="one-euro, root (only its place in the room) or off.", show_default="one-euro; root for a temporal lifter"
    ),
]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="A YAML file with any of these settings.")]
TrainOverrides = Annotated[
    list[str] | None, typer.Argument(metavar="NAME=VALUE…", help="Settings, e.g. steps=2000 noise.sigma=0.02.")
]
CascadedOverrides = Annotated[
    list[str] | None, typer.Argument(metavar="NAME=VALUE…", help="Settings, e.g. batch_size=16 stage_one.epochs=4.")
]
Port = Annotated[int, typer.Option(help="Port of the page; 0 takes any free one.")]
Host = Annotated[str, typer.Option(help="Address to listen on. Anything but this machine asks for a token.")]
ViewerOption = Annotated[
    Viewer, typer.Option("--viewer", help="The page, or a window of this machine drawn by Open3D.")
]
Browser = Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")]
Token = Annotated[str | None, typer.Option(help="What a page must know to connect.")]
Tls = Annotated[
    bool, typer.Option("--tls", help="https with a certificate of rtpose's own: phones want it for their camera.")
]
TlsCert = Annotated[Path | None, typer.Option("--tls-cert", help="https with this certificate (PEM).")]
TlsKey = Annotated[Path | None, typer.Option("--tls-key", help="Its key, if it is in another file.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace output files that exist.")]
Send = Annotated[
    list[str] | None,
    typer.Option(
        "--send",
        metavar="ADDRESS",
        help="Also send the poses to another program: vmc://HOST:PORT, osc://HOST:PORT, udp://HOST:PORT, lsl://NAME. "
        "May be given several times.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")]
DEFAULT_PORT = 8765
DataJoints = Annotated[str, typer.Option("--joints", help="2D joints of Human3.6M: gt, sh or cpn.")]
