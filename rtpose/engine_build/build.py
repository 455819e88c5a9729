"""Builds an engine from its recipe: calibrate, quantise or compile, check, then keep or refuse it."""

from __future__ import annotations

import contextlib
import io
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from rtpose import __version__
from rtpose.engine_build.accuracy import (
    Distances,
    Figures,
    Recorder,
    compare_motions,
    compare_pictures,
    figures_of,
    is_for_pictures,
    record_motions,
    record_pictures,
    time_both,
)
from rtpose.engine_build.calibration import footage
from rtpose.errors import OutputError
from rtpose.networks.backends import load_backend
from rtpose.networks.backends import openvino as openvino_backend
from rtpose.networks.engines import FORMAT, EngineKey, key_of
from rtpose.networks.options import LoadOptions
from rtpose.networks.recipes import Recipe
from rtpose.types import Backend

Report = Callable[[str, int, int], None]
"""Called with the current step, how much of it is done and its total; 0 and 0 if unknown."""


@dataclass(frozen=True)
class Built:
    """The result of building a recipe."""

    key: EngineKey
    fresh: bool
    """Whether an earlier build was kept."""
    accepted: bool
    reason: str
    """The figures, or why it was refused."""


def build_engine(
    recipe: Recipe,
    *,
    source: Path | None = None,
    rendered: Sequence[Path] = (),
    clips: Sequence[str] = (),
    threads: int | None = None,
    force: bool = False,
    report: Report = lambda step, done, total: None,
) -> Built:
    """Build a recipe's engine into `engines_dir()`, with its report and log next to it.

    An engine with the same weights, version, recipe and calibration is kept, unless `force`. Other engines of
    the same network, backend, device and precision are removed. A refused engine leaves only its report and log.
    source: a file to use instead of the recipe's network.
    Errors: those of the backend if it, its device or an extra is missing; `ModelError`, `InputError`; `OutputError`.
    """
    if recipe.backend == "openvino":
        openvino_backend.check_device(recipe.device, recipe.precision)
    source = source or recipe.source()
    key = key_of(source, recipe.backend, recipe.device, recipe.precision)
    asked = {
        "recipe": msgspec.to_builtins(recipe),
        "calibrated_on": sorted([*(folder.name for folder in rendered), *(Path(clip).name for clip in clips)]),
    }
    known = key.report()
    if known is not None and not force and all(known[name] == value for name, value in _as_json(asked).items()):
        return Built(key, True, bool(known["accepted"]), str(known["reason"]))
    log = _Log(key.report_file.with_suffix(".log"), report)
    with log:
        figures, interface = _Build(recipe, source, key, rendered, clips, threads, log).run()
        refusal = figures.refusal(recipe.limits)
        reason = refusal or str(figures)
        log.say(f"{'refused' if refusal else 'accepted'}: {reason}")
        _publish(key, accepted=refusal is None)
        facts = {
            "format": FORMAT, "sha256": key.sha256, "rtpose": __version__, **asked,
            "accepted": refusal is None, "reason": reason, "figures": figures.as_dict(), "interface": interface,
        }  # fmt: skip
        _write(key.report_file, msgspec.json.format(msgspec.json.encode(facts), indent=2))
        for file in key.stale():
            log.say(f"removed {file.name}: built from other weights or by another version")
            file.unlink(missing_ok=True)
    return Built(key, False, refusal is None, reason)


class _Build:
    """One build, from the network's file to the accuracy figures."""

    def __init__(
        self,
        recipe: Recipe,
        source: Path,
        key: EngineKey,
        rendered: Sequence[Path],
        clips: Sequence[str],
        threads: int | None,
        log: _Log,
    ) -> None:
        self.recipe, self.source, self.key, self.threads, self.log = recipe, source, key, threads, log
        self.pictures = is_for_pictures(source)
        self.places = footage(recipe.calibration.sets, rendered=rendered, clips=clips) if self.pictures else []

    def run(self) -> tuple[Figures, dict[str, Any]]:
        """Writes the engine under its temporary name. Returns its figures, and its interface for the report."""
        recorder = self._record()
        self.log.say(f"building {self.key.name}")
        engine = part_of(self.key)
        if self.recipe.backend == "openvino":
            self._openvino(recorder, engine)
        else:
            from rtpose.engine_build.tensorrt import build_tensorrt

            build_tensorrt(self.recipe, self.source, recorder.inputs, engine, self.log.say)
        interface = {
            "inputs": {name: list(shape) for name, shape in recorder.input_shapes.items()},
            "outputs": list(recorder.output_names),
            "metadata": dict(recorder.metadata),
        }
        if self.recipe.backend == "tensorrt":  # its backend reads the interface from the file next to the engine
            _write(engine.with_suffix(".json"), msgspec.json.encode({"interface": interface}))

        def load() -> Backend:
            recipe = self.recipe
            return load_backend(engine, LoadOptions(recipe.backend, recipe.precision, recipe.device, self.threads))

        distances = self._compare(load)
        self.log.say("timing both")
        fp32_ms, engine_ms = time_both(recorder.backend, load(), recorder.inputs)
        return figures_of(distances, fp32_ms, engine_ms), interface

    def _record(self) -> Recorder:
        calibration = self.recipe.calibration
        if not self.pictures:
            self.log.say("calibration: the built-in motions")
            return record_motions(self.source, calibration.count, self.threads)
        self.log.say(f"calibration: {', '.join(place.name for place in self.places)}")
        return record_pictures(self.source, self.places, calibration.count, self.threads, self.log.step)

    def _openvino(self, recorder: Recorder, engine: Path) -> None:
        import openvino as ov

        network = openvino_backend.read_network(self.source)
        network = openvino_backend.only_outputs(network, recorder.output_names, self.source)
        if self.recipe.precision == "int8":
            from rtpose.engine_build.int8 import quantise

            with self.log.catching():
                network = quantise(
                    network,
                    recorder.inputs,
                    first=self.recipe.keep_float_first,
                    small_px=self.recipe.keep_float_px,
                    convolutions_only=self.recipe.convolutions_only,
                )
        try:
            ov.save_model(network, engine, compress_to_fp16=False)
        except RuntimeError as error:
            raise OutputError(f"cannot write {engine}: check the free space and the folder's permissions") from error

    def _compare(self, load: Callable[[], Backend]) -> Distances:
        self.log.say("comparing with fp32")
        count = self.recipe.calibration.count
        if self.pictures:
            return compare_pictures(self.source, lambda usual: load(), self.places, count, self.threads, self.log.step)
        return compare_motions(self.source, lambda usual: load(), count, self.threads)


def part_of(key: EngineKey) -> Path:
    """The temporary file of an engine until it is accepted."""
    return key.file.with_name(f"part-{key.file.name}")


def _publish(key: EngineKey, *, accepted: bool) -> None:
    """Move the engine's files into place, the main one last, or remove them."""
    for suffix in (".json", ".bin", key.file.suffix):
        part = part_of(key).with_suffix(suffix)
        target = key.file.with_suffix(suffix)
        if not accepted:
            part.unlink(missing_ok=True)
            target.unlink(missing_ok=True)
        elif part.exists():
            os.replace(part, target)


def _write(file: Path, content: bytes) -> None:
    part = file.with_name(f"part-{file.name}.tmp")
    try:
        part.write_bytes(content)
        os.replace(part, file)
    except OSError as error:
        raise OutputError(f"cannot write {file}: {error.strerror or error}") from error


def _as_json(value: dict[str, Any]) -> dict[str, Any]:
    """The value as it would be read back from a report."""
    read: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(value))
    return read


class _Log:
    """Writes the log file of a build and passes its steps on to `report`."""

    def __init__(self, file: Path, report: Report) -> None:
        self._file, self._report, self._now = file, report, ""
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._stream = file.open("w", encoding="utf-8")
        except OSError as error:
            raise OutputError(f"cannot write {file}: {error.strerror or error}") from error

    def __enter__(self) -> _Log:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is not None:
            self.say(f"failed: {error}")
        self._stream.close()

    def say(self, text: str) -> None:
        """Start the next step."""
        self._now = text
        self._stream.write(f"{time.strftime('%H:%M:%S')} {text}\n")
        self._stream.flush()
        self._report(text, 0, 0)

    def step(self, done: int, total: int) -> None:
        """Report progress within the current step."""
        self._report(self._now, done, total)

    @contextlib.contextmanager
    def catching(self) -> Any:
        """Redirects stdout into the file: NNCF prints its own progress bars."""
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                yield
        finally:
            self._stream.write(printed.getvalue())
