"""Built engines: where they are stored, which one a run uses, and why.

An engine is named `NETWORK-SHA-BACKENDVERSION-DEVICE-PRECISION`. The first 8 digits of its weights' sha256 and the
backend's version are part of the name, so an engine of other weights or of another version is never used. `NAME.json`
next to it says what it was built from, how far its results are from fp32's, how fast it is, and if it was accepted.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from rtpose.errors import ConfigError
from rtpose.networks.model_files import cache_dir, sha256_of
from rtpose.networks.options import AUTO, DEFAULT_OPTIONS, PRECISIONS, LoadOptions
from rtpose.networks.recipes import ROOT, recipe_for
from rtpose.networks.weights import FOLDER

ENGINES_DIR_VARIABLE = "RTPOSE_ENGINES_DIR"
SUFFIXES = {"openvino": ".xml", "tensorrt": ".ep"}
"""Suffix of an engine's main file, by backend. Other backends run the network's own file in every precision."""
SHIPPED_FOLDER = FOLDER / "engines"
FORMAT = 2
"""Of the reports. Engines of an older format are not used: since 2 the landmark networks have a fourth output."""


def engines_dir() -> Path:
    """`RTPOSE_ENGINES_DIR`, else `engines/build` of a checkout, else the user's cache."""
    if override := os.environ.get(ENGINES_DIR_VARIABLE):
        return Path(override)
    if (ROOT / "engines" / "recipes").is_dir():
        return ROOT / "engines" / "build"
    return cache_dir() / "engines"


@dataclass(frozen=True)
class EngineKey:
    """The parts of an engine's name."""

    network: str
    sha256: str
    backend: str
    version: str
    device: str
    precision: str

    @property
    def name(self) -> str:
        """Without a suffix."""
        backend = f"{self.backend}{self.version}"
        return f"{self.network}-{self.sha256[:8]}-{backend}-{self.device}-{self.precision}"

    @property
    def file(self) -> Path:
        """The engine's main file."""
        return engines_dir() / f"{self.name}{SUFFIXES[self.backend]}"

    @property
    def report_file(self) -> Path:
        """The report that its build wrote."""
        return engines_dir() / f"{self.name}.json"

    def report(self) -> dict[str, Any] | None:
        """What the engine's build wrote; None if there is no such engine of exactly these weights."""
        try:
            report = json.loads(self.report_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        same = isinstance(report, dict) and (report.get("format"), report.get("sha256")) == (FORMAT, self.sha256)
        if not same or (report["accepted"] and not self.file.is_file()):
            return None
        found: dict[str, Any] = report
        return found

    def shipped(self) -> tuple[Path, dict[str, Any]] | None:
        """An engine of exactly these weights that comes with rtpose, and its report. OpenVINO reads files that older
        versions of it wrote."""
        file = SHIPPED_FOLDER / f"{self.network}-{self.precision}.xml"
        if (self.backend, self.device) != ("openvino", "cpu") or not file.is_file():
            return None
        report: dict[str, Any] = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
        return (file, report) if report["sha256"] == self.sha256 else None

    def stale(self) -> list[Path]:
        """Files of the same engine, built of other weights or by another version."""
        name = re.escape(self.network) + r"-[0-9a-f]{8}-" + re.escape(self.backend) + r"[^-]*-"
        pattern = re.compile(name + re.escape(f"{self.device}-{self.precision}") + r"\.[a-z]+")
        files = engines_dir().glob(f"{self.network}-*")
        return sorted(file for file in files if pattern.fullmatch(file.name) and file.stem != self.name)


def key_of(source: Path, backend: str, device: str, precision: str) -> EngineKey:
    """Names an engine of a network's file, for the installed version of the backend.

    Errors: the backend's own if it is missing.
    """
    sha = sha256_of(source)
    return EngineKey(source.stem, sha, backend, _version(backend), device, precision)


def _version(backend: str) -> str:
    # By name, as `load_backend` does: nothing here needs torch.
    return str(import_module(f"rtpose.networks.backends.{backend}").version())


@dataclass(frozen=True)
class Choice:
    """What a run uses for a network."""

    file: Path
    precision: str
    reason: str
    """One line for people: "pose_landmark_full: int8 (2.1 x fp32 ...)"."""


def choose_engine(source: Path, options: LoadOptions = DEFAULT_OPTIONS) -> Choice:
    """The file to run for a network's file, and in which precision.

    The precision `auto` takes the fastest engine that was built here and accepted, else one that is shipped, else fp32.
    Any other but fp32 takes that engine, built here or shipped; if it was built and refused, or no recipe builds one,
    fp32.
    Errors: `ConfigError` for an unknown precision, or if there is no engine: it names the command that builds it.
    """
    backend, precision = options.backend, options.precision
    if precision not in (*PRECISIONS, AUTO):
        raise ConfigError(f"no precision '{precision}': choose one of {', '.join((*PRECISIONS, AUTO))}")
    plain = Choice(source, "fp32", f"{source.stem}: fp32")
    if backend not in SUFFIXES:
        return plain if precision == AUTO else Choice(source, precision, f"{source.stem}: {precision}")
    if precision == "fp32" and backend == "openvino":
        return plain
    device = options.device or ("cuda" if backend == "tensorrt" else "cpu")
    if precision == AUTO:
        return _fastest(source, backend, device) or plain
    key = key_of(source, backend, device, precision)
    report = key.report()
    if report is None and (shipped := key.shipped()) is not None:
        return _as_shipped(key, *shipped)
    if report is None:
        if backend == "openvino" and recipe_for(key.network, backend, device, precision) is None:
            return Choice(source, "fp32", f"{source.stem}: fp32, no recipe builds a {precision} engine of it")
        raise ConfigError(_how_to_build(key))
    if not report["accepted"]:
        return Choice(source, "fp32", f"{source.stem}: fp32, because {precision} was refused: {report['reason']}")
    return _accepted(key, report)


def _fastest(source: Path, backend: str, device: str) -> Choice | None:
    keys = [key_of(source, backend, device, precision) for precision in PRECISIONS]
    found = [(key, report) for key in keys if (report := key.report()) is not None]
    accepted = [(key, report) for key, report in found if report["accepted"]]
    if accepted:
        return _accepted(*max(accepted, key=lambda pair: float(pair[1]["figures"]["speedup"])))
    refused = {key.precision for key, _ in found}
    for key in keys:
        if key.precision not in refused and (shipped := key.shipped()) is not None:
            return _as_shipped(key, *shipped)
    return None


def _accepted(key: EngineKey, report: dict[str, Any]) -> Choice:
    return Choice(key.file, key.precision, f"{key.network}: {key.precision} engine, {report['reason']}")


def _as_shipped(key: EngineKey, file: Path, report: dict[str, Any]) -> Choice:
    return Choice(file, key.precision, f"{key.network}: {key.precision} engine as shipped, {report['reason']}")


def _how_to_build(key: EngineKey) -> str:
    recipe = recipe_for(key.network, key.backend, key.device, key.precision)
    what = f"no {key.precision} engine of {key.network} for {key.backend} {key.version} on {key.device}"
    if key.stale():
        what += " (one exists for other weights or another version)"
    if recipe is None:
        return f"{what}, and no recipe builds one: write one (docs/engines.md), or use --backend openvino"
    return (
        f"{what}: build it with `rtpose export --recipe {recipe}` (--all builds all of them), or use --precision auto"
    )
