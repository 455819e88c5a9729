"""Settings from YAML files and `name=value` overrides, checked against their types. No part of rtpose needs a file."""

from __future__ import annotations

import copy
import datetime
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

import msgspec
import yaml

from rtpose.errors import ConfigError
from rtpose.printable import printable

Settings = TypeVar("Settings", bound=msgspec.Struct)

Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]


class OneEuroSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Suited to bodies in metres: a still joint is smoothed over about 0.1 s, one at 2 m/s over about 20 ms."""

    min_cutoff_hz: Positive = 1.5
    """Cut-off frequency of a joint at rest."""
    beta_per_m: NotNegative = 4.0
    """How much the cut-off frequency rises with speed: Hz per m/s."""
    speed_cutoff_hz: Positive = 2.0
    """Cut-off frequency of the speed itself."""
    root_min_cutoff_hz: Positive = 1.0
    """The same for the root position, whose depth is less certain."""
    root_beta_per_m: NotNegative = 1.0


class CorrectionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the body fit does besides keeping bones constant; each can be switched off separately, to measure it."""

    rays: bool = True
    """Joints are pulled to their positions in the picture."""
    last_pose: bool = True
    """The body does not jump from its last pose."""
    sizes: bool = True
    """People who share a floor are scaled so that all of them stand on it."""
    lean: bool = True
    """People who stand upright are aligned with gravity, as far as the picture allows."""


class RunSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings of a run: options or a file (`--config`) for `rtpose webcam|video`, keywords for
    `rtpose.open_estimator`."""

    estimator: Literal["two-stage", "cascaded"] = "two-stage"
    """two-stage: detector and lifter. cascaded: from the picture straight to 3D."""
    detector: str = "blazepose"
    network: str | None = None
    """Size of BlazePose's landmark network: lite, full, heavy, or auto; None: full, which is shipped."""
    lifter: str = "fusion"
    """Name of a shipped lifter, or the path of an .onnx file."""
    cascaded: str | None = None
    """Path of the estimator cascaded's .onnx file; None: the shipped one."""
    backend: str = "openvino"
    """Runtime of the lifter or of cascaded, or auto; the detector always runs on openvino."""
    precision: str = "fp32"
    """For all networks: fp32, bf16, fp16, int8, or auto for the fastest accepted engines."""
    device: str | None = None
    """Where the backend runs (cpu, gpu, npu, cuda); None: its first choice. The detector is on the cpu."""
    persons: Count = 1
    height_m: float | None = None
    """Standing height of the person; None: 1.70 m is assumed."""
    fov_deg: float | None = None
    """Field of view across the longer side; None: 60 degrees are assumed."""
    calibration: str | None = None
    """A YAML file with `image_size: [width, height]` and `camera: [fx, fy, cx, cy]`, px; wins over `fov_deg`."""
    pitch_deg: float | None = None
    """How far the camera looks down; None: estimated from people."""
    roll_deg: float | None = None
    """How far the camera is turned clockwise, seen from behind; None: estimated from people."""
    camera_height_m: Positive | None = None
    """Height above the floor, which sets people's sizes; None: the floor is where feet stand."""
    level: bool = False
    """Gravity is the axis of a person who stands upright and still at the beginning."""
    smooth: Literal["auto", "one-euro", "root", "off"] = "auto"
    """root: only the root position is smoothed. auto: root for a lifter with memory, whose joints are already
    smooth, one-euro for the others."""
    one_euro: OneEuroSettings = OneEuroSettings()
    body: Literal["on", "off"] = "on"
    """on: a kinematic body is fitted to every person. off: the lifter's joints, unchanged."""
    feet: Literal["planted", "free"] = "planted"
    """planted: a foot in contact stays where it stands. free: feet follow the joints."""
    quality: Literal["live", "best"] = "live"
    """best: recordings of files are fitted again over their whole length. live: each frame uses only earlier ones."""
    corrections: CorrectionSettings = CorrectionSettings()
    lookahead_s: NotNegative = 0.0
    """A lifter with memory also uses this many seconds of later frames: more accurate, with as much delay."""
    threads: Count | None = None


class CalibrationSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A calibrated camera."""

    image_size: tuple[Count, Count]
    camera: tuple[Positive, Positive, float, float]


def make_settings(file: Path | None = None, **given: Any) -> RunSettings:
    """Defaults, changed by a YAML file, changed by what is given; None leaves a setting as it is.

    Errors: `ConfigError` as of `load_settings`, and for a network of an estimator that is not the chosen one.
    """
    overrides = [
        f"{name}={json.dumps(str(value) if isinstance(value, Path) else value)}"
        for name, value in given.items()
        if value is not None
    ]
    settings = load_settings(RunSettings, file, overrides)
    for name, estimator in {"lifter": "two-stage", "network": "two-stage", "cascaded": "cascaded"}.items():
        if given.get(name) is not None and settings.estimator != estimator:
            raise ConfigError(
                f"{name} is a setting of the estimator {estimator}, but the estimator is {settings.estimator}: "
                "leave one out"
            )
    return settings


def load_settings(
    kind: type[Settings],
    file: Path | None = None,
    overrides: Sequence[str] = (),
    *,
    base: Mapping[str, Any] | None = None,
) -> Settings:
    """Defaults of `kind`, changed by `base`, changed by a YAML file, changed by overrides such as `noise.sigma=0.02`.

    Errors: `ConfigError` that names the file or override, the setting and what it expects.
    """
    values: dict[str, Any] = copy.deepcopy(dict(base or {}))
    if file is not None:
        values |= _read_yaml(file)
    for override in overrides:
        name, equals, text = override.partition("=")
        if not equals or not name:
            raise ConfigError(f"'{override}' is not a setting: write name=value, for example steps=2000")
        try:
            value = _plain(yaml.safe_load(text))
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise ConfigError(f"'{override[:80]}' is not a setting: {' '.join(str(error).split())}") from None
        _put(values, name.split("."), value, override)
    for name in ("smooth", "body"):  # YAML 1.1 reads on and off as true and false
        if isinstance(values.get(name), bool):
            values[name] = "on" if values[name] else "off"
    try:
        # strict=False: YAML 1.1 reads 1e-4 as text
        return msgspec.convert(values, kind, strict=False)
    except UnicodeEncodeError:
        raise ConfigError((f"{file}: " if file is not None else "") + "a setting is text that is not Unicode") from None
    except msgspec.ValidationError as error:
        where = f"{file}: " if file is not None else ""
        raise ConfigError(where + explained(str(error), kind, values)) from None


def explained(problem: str, kind: type[msgspec.Struct], values: Any) -> str:
    """A msgspec error about `values` (e.g. "Expected `int` >= 1 - at `$.persons`") reworded for users."""
    what, _, place = problem.partition(" - at `$")
    steps = re.findall(r"[^.\[\]]+", place.rstrip("`"))
    name = ".".join(steps)
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    field = fields.get(steps[0]) if steps else None
    if unknown := re.match(r"Object contains unknown field `(.*)`", what):
        group: Any = kind if field is None else field.type
        known = ", ".join(f.name for f in msgspec.structs.fields(group)) if _is_struct(group) else ""
        return f"there is no setting '{'.'.join([*steps, unknown[1]])}'" + (f": choose one of {known}" if known else "")
    if missing := re.match(r"Object missing required field `(.*)`", what):
        return f"the setting '{'.'.join([*steps, missing[1]])}' is missing"
    value: Any = values
    for step in steps:
        value = value.get(step) if isinstance(value, dict) else value
    if what.startswith("Invalid enum value") and field is not None:
        return f"{name}: '{value}' is not allowed: choose one of {', '.join(map(str, get_args(field.type)))}"
    expected = re.sub(r"^Expected |, got .*$", "", what)
    expected = re.sub(r"`([^`]*)`", lambda found: " or ".join(map(_in_words, found[1].split(" | "))), expected)
    expected = re.sub(r">= (\S+)", r"of \1 or more", expected)
    for sign, words in (("<=", "up to"), (">", "above"), ("<", "below")):
        expected = expected.replace(sign, words)
    return f"{name or 'the settings'}: {value!r} is not allowed: give {expected}"


def _in_words(type_name: str) -> str:
    words = {"int": "a whole number", "float": "a number", "str": "text", "bool": "true or false", "null": "nothing"}
    return {**words, "array": "a list", "object": "a group of settings"}.get(type_name, type_name)


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def dump_settings(settings: msgspec.Struct) -> str:
    """YAML text that `load_settings` reads back to the same settings."""
    return yaml.safe_dump(msgspec.to_builtins(settings), sort_keys=False)


def _read_yaml(file: Path) -> dict[str, Any]:
    try:
        values = _plain(yaml.safe_load(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror or error}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: also of impossible dates and numbers
        problem = " ".join(str(error).split())
        raise ConfigError(f"{file} is not valid YAML: {problem}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{file} must hold name: value lines")
    return values


def _plain(value: Any) -> Any:
    """YAML's dates as the text that they were. Errors: `ValueError` for numbers that are not finite."""
    if isinstance(value, dict):
        return {printable(str(name)): _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is not a number that a setting can have")
    return value.isoformat() if isinstance(value, datetime.date) else value


def _put(values: dict[str, Any], path: list[str], value: Any, override: str) -> None:
    for part in path[:-1]:
        values = values.setdefault(part, {})
        if not isinstance(values, dict):
            raise ConfigError(f"'{override}': {part} is a single value, not a group of settings")
    values[path[-1]] = value
