"""`rtpose doctor`: checks an installation and says what works, what is wrong, what is optional, and what to do.

Nothing is installed, downloaded or changed. A broken part is a line like any other.
"""

from __future__ import annotations

import errno
import json
import os
import platform
import socket
import time
import webbrowser
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module, metadata, resources
from typing import Literal

import msgspec
from rich.table import Table
from rich.text import Text

from rtpose import __version__
from rtpose.errors import MissingExtraError, RtposeError
from rtpose.networks import model_files
from rtpose.networks.backends import REGISTRY
from rtpose.outputs.send import REGISTRY as STREAMS
from rtpose.types import Result
from rtpose.wording import counted

FORMAT = 2
BENCHMARK_S = 5.0
State = Literal["ok", "optional", "problem"]
MARKS = {"ok": "green", "optional": "dim", "problem": "red"}


class Line(msgspec.Struct, frozen=True):
    """One part and its state."""

    what: str
    state: State
    """optional: missing, which is fine unless you want what needs it. problem: something to fix."""
    found: str
    do: str = ""
    """What to do about it; empty if ok."""


class Health(msgspec.Struct, frozen=True):
    """What `rtpose doctor --json` prints."""

    version: str
    lines: list[Line]
    format: int = FORMAT


class Speed(msgspec.Struct, frozen=True):
    """What the short benchmark measured."""

    frames: int
    wall_s: float
    cpu_s: float


Check = Callable[[], Iterable[Line]]


def examine(checks: Iterable[tuple[str, Check]]) -> Iterator[Line]:
    """The lines of all checks. A check that fails becomes a line as well. checks: (what, how)."""
    for what, check in checks:
        try:
            yield from check()
        except RtposeError as error:
            yield Line(what, "problem", str(error), "follow the message")
        except Exception as error:  # the seam: whatever breaks, the other checks still run
            yield Line(what, "problem", f"{type(error).__name__}: {error}", "please report this as a bug")


def all_checks(port: int, benchmark: Callable[[float], Speed] | None = None) -> list[tuple[str, Check]]:
    """The checks of `rtpose doctor`. benchmark: runs the built-in clip for the given seconds; None: `run_sample`."""
    return [
        ("system", check_system),
        ("cameras", check_cameras),
        ("backends", check_backends),
        ("streams", check_streams),
        ("cache", check_cache),
        ("model files", check_model_files),
        ("engines", check_engines),
        ("port", lambda: check_port(port)),
        ("page", check_page),
        ("browser", check_browser),
        ("open3d window", check_window),
        ("benchmark", lambda: check_speed(benchmark or run_sample)),
    ]


def check_system() -> Iterator[Line]:
    """Versions and platform."""
    parts = ", ".join(f"{name} {metadata.version(name)}" for name in ("numpy", "av", "openvino"))
    yield Line(
        "system", "ok", f"rtpose {__version__}, {platform.platform()}, Python {platform.python_version()}, {parts}"
    )


def check_cameras() -> Iterator[Line]:
    """Each camera, its modes, and whether it can be used. Opens each briefly."""
    from rtpose.capture import list_cameras
    from rtpose.capture.webcam import camera_modes

    cameras = list_cameras()
    if not cameras:
        yield Line(
            "cameras", "optional", "none found",
            "plug one in, or allow its use in the system's privacy settings; videos and streams need none",
        )  # fmt: skip
    for number, name in cameras.items():
        what = f"camera {number}"
        try:
            modes = camera_modes(number)
        except RtposeError as error:
            found, _, do = str(error).partition("; ")
            yield Line(what, "problem", f"{name}: {found}", do)
            continue
        shown = ", ".join(f"{width}x{height}" + (f" at {fps:g} fps" if fps else "") for width, height, fps in modes)
        yield Line(what, "ok", f"{name}: {shown}")


def check_backends() -> Iterator[Line]:
    """Every runtime that rtpose knows: its version and the devices it sees."""
    for name, place in REGISTRY.items():
        what = f"backend {name}"
        try:
            import_module(place.partition(":")[0])
            probe = DEVICES_OF.get(name)
            yield Line(what, "ok", probe() if probe else "there")
        except MissingExtraError as error:
            yield Line(what, "optional", "not installed", str(error).partition(": ")[2])
        except RtposeError as error:
            yield Line(what, "problem", str(error), "follow the message")
        except Exception as error:  # a broken installation or driver fails in its own ways
            yield Line(what, "problem", f"{type(error).__name__}: {error}", "reinstall it, or choose another --backend")


def check_streams() -> Iterator[Line]:
    """Every kind of stream for other programs."""
    for name, place in STREAMS.items():
        what = f"stream {name}"
        try:
            module = import_module(place.partition(":")[0])
            yield Line(what, "ok", module.library() if name == "lsl" else "there")
        except MissingExtraError as error:
            yield Line(what, "optional", "not installed", str(error).partition(": ")[2])
        except RtposeError as error:
            found, _, do = str(error).partition(": ")
            yield Line(what, "problem", found, do)


def check_cache() -> Iterator[Line]:
    """The folder of downloaded files: whether it can be read and written."""
    folder = model_files.cache_dir()
    do = f"change its permissions, or set {model_files.CACHE_DIR_VARIABLE} to another folder"
    if not folder.exists():
        parent = next(parent for parent in folder.absolute().parents if parent.exists())
        if os.access(parent, os.W_OK | os.X_OK):
            yield Line("cache", "ok", f"{folder}, not created yet")
        else:
            yield Line("cache", "problem", f"{folder} cannot be created: {parent} is not writable", do)
    elif not folder.is_dir():
        yield Line(
            "cache", "problem", f"{folder} is not a folder", f"move it away, or set {model_files.CACHE_DIR_VARIABLE}"
        )
    elif not os.access(folder, os.R_OK | os.X_OK):
        yield Line("cache", "problem", f"{folder} is not readable", do)
    elif not os.access(folder, os.W_OK):
        yield Line("cache", "problem", f"{folder} is not writable", do)
    else:
        yield Line("cache", "ok", str(folder))


def check_model_files() -> Iterator[Line]:
    """The detectors' networks, shipped and downloaded, and rtpose's own."""
    from rtpose.networks.weights import CASCADED, shipped_lifters

    for detector in model_files.detectors():
        for status in model_files.list_files(detector):
            if status.state == "ready":
                yield Line(status.file.name, "ok", status.file.purpose)
            else:
                absent = status.state == "missing" and status.file.archive is not None
                do = f"run `rtpose models pull {detector}`" + (
                    " (or just use it: the first use downloads it)" if absent else ""
                )
                yield Line(
                    status.file.name,
                    "optional" if absent else "problem",
                    f"{'not downloaded' if absent else status.state} ({status.file.purpose})",
                    "reinstall rtpose" if status.file.archive is None else do,
                )
    for name, shipped in (
        ("lifters", shipped_lifters()),
        ("cascaded", ["the picture network"] * CASCADED.is_file()),
    ):
        if shipped:
            yield Line(name, "ok", ", ".join(shipped))
        else:
            yield Line(name, "problem", "none in the package", "reinstall rtpose")


def check_engines() -> Iterator[Line]:
    """Built engines. Without any, networks run in fp32."""
    from rtpose.networks.engines import engines_dir

    folder = engines_dir()
    reports = sorted(folder.glob("*.json")) if folder.is_dir() else []
    if not reports:
        yield Line("engines", "optional", "none built: networks run in fp32", "build some: `rtpose export --all`")
    for file in reports:
        what = f"engine {file.stem}"
        try:
            report = json.loads(file.read_text(encoding="utf-8"))
            accepted, reason = bool(report["accepted"]), str(report["reason"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            yield Line(what, "problem", f"its report cannot be read: {error}", "rebuild it: `rtpose export --all`")
        else:
            yield Line(what, "ok", reason if accepted else f"refused, fp32 runs instead: {reason}")


def check_port(port: int) -> Iterator[Line]:
    """Whether the page's port is free."""
    what = f"port {port}"
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if os.name == "posix":  # elsewhere this would take a port that is in use
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            found = "in use by another program" if error.errno == errno.EADDRINUSE else str(error.strerror or error)
            yield Line(what, "problem", found, "choose another with --port, or --port 0 for any free one")
        else:
            yield Line(what, "ok", "free")


def check_page() -> Iterator[Line]:
    """Whether the page was built into this installation."""
    page = resources.files("rtpose.server").joinpath("static", "index.html")
    if page.is_file():
        yield Line("page", "ok", "built in")
    else:
        yield Line(
            "page", "problem", "not built into this installation", "in a checkout: cd web && npm ci && npm run build"
        )


def check_browser() -> Iterator[Line]:
    """Whether a browser can be opened from here."""
    try:
        webbrowser.get()
    except webbrowser.Error:
        yield Line("browser", "optional", "cannot be opened from here", "open the printed address yourself")
    else:
        yield Line("browser", "ok", "can be opened")


def check_window() -> Iterator[Line]:
    """Whether `--viewer open3d` can open its window."""
    from rtpose.outputs.open3d_window import check_display, import_open3d

    try:
        open3d = import_open3d()
        check_display()
    except MissingExtraError as error:
        yield Line("open3d window", "optional", "not installed", str(error).partition(": ")[2])
    except RtposeError as error:
        found, _, do = str(error).partition(": ")
        yield Line("open3d window", "problem" if "lacks" in found else "optional", found, do)
    else:
        yield Line("open3d window", "ok", f"Open3D {open3d.__version__}")


def check_speed(benchmark: Callable[[float], Speed]) -> Iterator[Line]:
    """Measure speed over a few seconds of real work."""
    import psutil

    load = psutil.getloadavg()[0]
    speed = benchmark(BENCHMARK_S)
    yield Line(
        "benchmark", "ok",
        f"{speed.frames / speed.wall_s:.0f} fps, {1000 * speed.cpu_s / speed.frames:.1f} ms of CPU time per frame: "
        f"the built-in clip (640x480, one person) for {speed.wall_s:.0f} s, load before {load:.1f}",
    )  # fmt: skip


def run_sample(seconds: float) -> Speed:
    """Run the whole program on the built-in clip, repeatedly, for this long."""
    from rtpose.assets import sample_clip
    from rtpose.capture import open_source
    from rtpose.session import Session

    session = Session()
    frames = 0
    begin, begin_cpu = time.monotonic(), time.process_time()

    def count(result: Result) -> None:
        nonlocal frames
        frames += 1
        if time.monotonic() - begin >= seconds:
            session.stop()

    while not session.stopped:
        session.run(open_source(str(sample_clip())), on_result=count)
    return Speed(frames, time.monotonic() - begin, time.process_time() - begin_cpu)


def verdict(lines: Iterable[Line]) -> str:
    """One line that sums the checks up."""
    states = [line.state for line in lines]
    problems, optional = states.count("problem"), states.count("optional")
    found = counted(problems, "problem") if problems else "No problems"
    if not optional:
        return f"{found}."
    return f"{found}. {counted(optional, 'optional part')} not in use, which is fine."


def health_table(lines: Iterable[Line]) -> Table:
    """The checks as a table: what works and what is wrong first, then what is optional."""
    shown = Table("what", "state", "found", "what to do")
    for line in sorted(lines, key=lambda line: line.state == "optional"):
        # As Text: findings may contain brackets, which rich would read as markup.
        shown.add_row(Text(line.what), Text(line.state, MARKS[line.state]), Text(line.found), Text(line.do))
    return shown


def _openvino_devices() -> str:
    from rtpose.networks.backends import openvino

    devices = (f"{name} ({about}: {', '.join(able)})" for name, (about, able) in openvino.devices().items())
    return f"{openvino.version()}: {', '.join(devices)}"


def _torch_devices() -> str:
    import torch

    devices = ["CPU", *(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))]
    return f"{torch.__version__}: {', '.join(devices)}"


def _onnxruntime_devices() -> str:
    runtime = import_module("onnxruntime")
    return f"{runtime.__version__}: {', '.join(runtime.get_available_providers())}"


def _tensorrt_devices() -> str:
    try:
        runtime = import_module("torch_tensorrt")
    except ModuleNotFoundError as error:
        raise MissingExtraError("tensorrt", "the backend 'tensorrt'") from error
    return f"{runtime.__version__}: {_torch_devices()}"


DEVICES_OF: dict[str, Callable[[], str]] = {
    "openvino": _openvino_devices,
    "torch": _torch_devices,
    "onnxruntime": _onnxruntime_devices,
    "tensorrt": _tensorrt_devices,
}
