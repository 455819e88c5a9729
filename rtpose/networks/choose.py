"""`--backend auto`: which backend runs a network, and why."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from rtpose.errors import RtposeError
from rtpose.networks.engines import SUFFIXES, choose_engine, key_of
from rtpose.networks.options import AUTO, LoadOptions


@dataclass(frozen=True)
class BackendChoice:
    """The backend and precision of a run."""

    backend: str
    precision: str
    """For `choose_engine`."""
    reason: str
    """One line for people."""


def choose_backend(source: Path) -> BackendChoice:
    """For a lifter or `cascaded`: an accepted TensorRT engine, else OpenVINO with the fastest accepted engine, else
    OpenVINO in fp32.

    torch and onnxruntime are never chosen: OpenVINO is faster on a CPU (docs/engines.md).
    """
    tensorrt, why_not = _tensorrt_precision(source)
    if tensorrt:
        return BackendChoice("tensorrt", tensorrt, f"tensorrt: its {tensorrt} engine is built and accepted")
    choice = choose_engine(source, LoadOptions(precision=AUTO))
    return BackendChoice("openvino", AUTO, f"openvino ({choice.reason}); {why_not}")


def _tensorrt_precision(source: Path) -> tuple[str | None, str]:
    """The precision of an engine that is ready to run, or None and why there is none."""
    if shutil.which("nvidia-smi") is None:  # without asking torch, which takes seconds to start
        return None, "no NVIDIA GPU"
    try:
        reports = {p: key_of(source, "tensorrt", "cuda", p).report() for p in ("int8", "fp16", "fp32")}
    except RtposeError as error:
        return None, f"no TensorRT: {error}"
    ready = [precision for precision, report in reports.items() if report is not None and report["accepted"]]
    return (ready[0], "") if ready else (None, f"no {SUFFIXES['tensorrt']} engine of {source.stem} for this GPU")
