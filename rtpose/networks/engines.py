"""Built engines: where they lie, which one a run takes, and why.

An engine `NETWORK-SHA-BACKENDVERSION-DEVICE-PRECISION` carries the first 8 digits of its weights' sha256 and the
backend's version in its name, so that one of other weights or another version is never taken. Beside it lies
`NAME.json`: what it was built from, how far its results are from fp32's, how fast it is, and whether it was accepted.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtpose.errors import ConfigError
from rtpose.networks.backends import PRECISIONS, load_backend
from rtpose.networks.model_files import cache_dir
from rtpose.networks.recipes import ROOT, recipe_for
from rtpose.types import Backend

ENGINES_DIR_VARIABLE = "RTPOSE_ENGINES_DIR"
SUFFIXES = {"openvino": ".xml", "tensorrt": ".ep"}
"""Of the engine's main file, by backend. The other backends run the network's own file in every precision."""
FORMAT = 1
AUTO = "auto"


def engines_dir() -> Path:
    """`RTPOSE_ENGINES_DIR`, else `engines/build` of a checkout, else the user's cache."""
    if override := os.environ.get(ENGINES_DIR_VARIABLE):
        return Path(override)
    if (ROOT / "engines" / "recipes").is_dir():
        return ROOT / "engines" / "build"
    return cache_dir() / "engines"


@dataclass(frozen=True)
class EngineKey:
    """All that an engine's name says."""

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
        """What is known of the engine."""
        return engines_dir() / f"{self.name}.json"

    def report(self) -> dict[str, Any] | None:
        """What the engine's build wrote, None if there is no such engine, also none of these very weights."""
        try:
            report = json.loads(self.report_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        same = isinstance(report, dict) and (report.get("format"), report.get("sha256")) == (FORMAT, self.sha256)
        if not same or (report["accepted"] and not self.file.is_file()):
            return None
        found: dict[str, Any] = report
        return found

    def stale(self) -> list[Path]:
        """Files of the same engine for other weights or of another version."""
        name = re.escape(self.network) + r"-[0-9a-f]{8}-" + re.escape(self.backend) + r"[^-]*-"
        pattern = re.compile(name + re.escape(f"{self.device}-{self.precision}") + r"\.[a-z]+")
        files = engines_dir().glob(f"{self.network}-*")
        return sorted(file for file in files if pattern.fullmatch(file.name) and file.stem != self.name)


def key_of(source: Path, backend: str, device: str, precision: str) -> EngineKey:
    """Of a network's file, for the installed version of the backend. Errors: those of the backend if it is missing."""
    sha = sha256_of(source)
    return EngineKey(source.stem, sha, backend, _version(backend), device, precision)


def sha256_of(file: Path) -> str:
    """Of a file's bytes; computed once for each state of the file."""
    status = file.stat()
    return _sha256(file, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=64)
def _sha256(file: Path, mtime_ns: int, size: int) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _version(backend: str) -> str:
    # By name, as `load_backend` does: nothing here needs torch.
    return str(import_module(f"rtpose.networks.backends.{backend}").version())


@dataclass(frozen=True)
class Choice:
    """What a run takes for a network."""

    file: Path
    precision: str
    reason: str
    """One line for people: "pose_landmark_full: int8 (2.1 x fp32 ...)"."""


def choose_engine(
    source: Path, backend: str = "openvino", precision: str = "fp32", device: str | None = None
) -> Choice:
    """The file to run for a network's file, and in which precision.

    precision: `auto` takes the fastest engine that was accepted, else fp32. Any other but fp32 takes that engine; if it
    was built and refused, or no recipe builds one, fp32.
    Errors: `ConfigError` for an unknown precision, or if there is no engine: it names the command that builds it.
    """
    if precision not in (*PRECISIONS, AUTO):
        raise ConfigError(f"no precision '{precision}': choose one of {', '.join((*PRECISIONS, AUTO))}")
    plain = Choice(source, "fp32", f"{source.stem}: fp32")
    if backend not in SUFFIXES:
        return plain if precision == AUTO else Choice(source, precision, f"{source.stem}: {precision}")
    if precision == "fp32" and backend == "openvino":
        return plain
    where = device or ("cuda" if backend == "tensorrt" else "cpu")
    if precision == AUTO:
        return _fastest(source, backend, where) or plain
    key = key_of(source, backend, where, precision)
    report = key.report()
    if report is None:
        if backend == "openvino" and recipe_for(key.network, backend, where, precision) is None:
            return Choice(source, "fp32", f"{source.stem}: fp32, no recipe builds a {precision} engine of it")
        raise ConfigError(_how_to_build(key))
    if not report["accepted"]:
        return Choice(source, "fp32", f"{source.stem}: fp32, because {precision} was refused: {report['reason']}")
    return _accepted(key, report)


def _fastest(source: Path, backend: str, device: str) -> Choice | None:
    keys = [key_of(source, backend, device, precision) for precision in PRECISIONS]
    found = [(key, report) for key in keys if (report := key.report()) is not None and report["accepted"]]
    if not found:
        return None
    return _accepted(*max(found, key=lambda pair: float(pair[1]["figures"]["speedup"])))


def _accepted(key: EngineKey, report: dict[str, Any]) -> Choice:
    return Choice(key.file, key.precision, f"{key.network}: {key.precision} engine, {report['reason']}")


def _how_to_build(key: EngineKey) -> str:
    recipe = recipe_for(key.network, key.backend, key.device, key.precision)
    what = f"no {key.precision} engine of {key.network} for {key.backend} {key.version} on {key.device}"
    if key.stale():
        what += " (there is one of other weights or another version)"
    if recipe is None:
        return f"{what}, and no recipe builds one: write one (docs/engines.md), or use --backend openvino"
    return f"{what}: build it with `rtpose export --recipe {recipe}` (--all builds every one), or use --precision auto"


_REPLACED: dict[Path, Callable[[Callable[[], Backend]], Backend]] = {}


@contextmanager
def replaced(source: Path, by: Callable[[Callable[[], Backend]], Backend]) -> Iterator[None]:
    """In the block, `load_network` of this file gives what `by` makes of the usual way to load it.

    For looking into a network inside its estimator, and for trying an engine there. Not for several threads.
    """
    _REPLACED[source.resolve()] = by
    try:
        yield
    finally:
        del _REPLACED[source.resolve()]


class OneAtATime:
    """A loaded network that several threads may run. See `rtpose.types.Backend`."""

    def __init__(self, backend: Backend) -> None:
        self.input_shapes = backend.input_shapes
        self.output_names = backend.output_names
        self.metadata = backend.metadata
        self._backend = backend
        self._lock = threading.Lock()

    def run(self, inputs: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        """One forward pass; waits while another thread's is at work."""
        with self._lock:
            return self._backend.run(inputs)


_SHARED: dict[tuple[object, ...], Backend] | None = None


@contextmanager
def shared_networks() -> Iterator[None]:
    """In the block, `load_network` loads each network once, and whoever asks for it gets that one, which several
    threads may run. Not for several threads itself."""
    global _SHARED
    before, _SHARED = _SHARED, {}
    try:
        yield
    finally:
        _SHARED = before


def load_network(
    source: Path,
    *,
    backend: str = "openvino",
    precision: str = "fp32",
    device: str | None = None,
    outputs: Sequence[str] | None = None,
    threads: int | None = None,
) -> Backend:
    """A network's file, or the engine that was built of it. Errors: those of `choose_engine` and `load_backend`."""
    if _SHARED is not None:
        key = (source.resolve(), backend, precision, device, tuple(outputs or ()), threads)
        if key not in _SHARED:
            _SHARED[key] = OneAtATime(
                _load_network(
                    source, backend=backend, precision=precision, device=device, outputs=outputs, threads=threads
                )
            )
        return _SHARED[key]
    return _load_network(source, backend=backend, precision=precision, device=device, outputs=outputs, threads=threads)


def _load_network(
    source: Path,
    *,
    backend: str,
    precision: str,
    device: str | None,
    outputs: Sequence[str] | None,
    threads: int | None,
) -> Backend:
    def load() -> Backend:
        choice = choose_engine(source, backend, precision, device)
        runtime = backend
        if backend == "tensorrt" and choice.file == source:  # refused: its fp32 is another backend's
            runtime = "openvino"
        return load_backend(
            runtime, choice.file, outputs=outputs, threads=threads,
            device=device if runtime == backend else None, precision=choice.precision,
        )  # fmt: skip

    by = _REPLACED.get(source.resolve())
    return load() if by is None else by(load)
