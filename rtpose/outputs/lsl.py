"""One person over the lab streaming layer (LSL), in which all devices share one clock."""

from __future__ import annotations

import socket
import time

import numpy as np

from rtpose.bones import BONE_NAMES
from rtpose.errors import ConfigError, MissingExtraError
from rtpose.outputs.send import ChosenPerson, StreamAddress, Warn
from rtpose.skeleton import RTPOSE28
from rtpose.types import Result

try:
    import pylsl
except ModuleNotFoundError as error:
    raise MissingExtraError("lsl", "a stream over LSL") from error
except Exception as error:  # RuntimeError without the library, OSError or AttributeError if it does not match
    raise ConfigError(
        "pylsl is installed, but its library liblsl cannot be loaded: install liblsl "
        "(https://github.com/sccn/liblsl/releases), or give its path in PYLSL_LIB"
    ) from error

COLUMNS = (
    ("x", "PositionX", "meters"),
    ("y", "PositionY", "meters"),
    ("z", "PositionZ", "meters"),
    ("confidence", "Confidence", "normalized"),
)
"""(name, type, unit) of each joint's channels, as LSL's content type MoCap names them."""
BONE_COLUMNS = tuple((f"q{axis}", f"Orientation{axis.upper()}", "quaternion") for axis in "wxyz")
"""The same for each bone: its rotation relative to its parent, the hips' to camera space."""
CHANNELS = tuple(
    (name, *column)
    for names, columns in ((RTPOSE28.joints, COLUMNS), (BONE_NAMES, BONE_COLUMNS))
    for name in names
    for column in columns
)


class LslStream:
    """One sample per result: 188 channels "root.x", "root.y", "root.z", "root.confidence", "right_hip.x", … for the
    joints, then "hips.qw", "hips.qx", "hips.qy", "hips.qz", "spine.qw", … for the bones' rotations.

    Metres in camera space: x right, y down, z away from the camera. A sample has the capture time of its frame on
    LSL's clock. While the person is not seen, positions and rotations are NaN and confidences 0. The rate is declared
    irregular, because frames may be dropped and a receiver that spaced samples evenly would shift them in time.
    """

    def __init__(self, address: StreamAddress, warn: Warn) -> None:
        """Errors: `ConfigError` for an invalid name."""
        name = address.target
        if not name.isprintable() or not name.strip() or {'"', "'"} & set(name):
            raise ConfigError(f"'{address.text}': give the stream a name without quotes, as in lsl://rtpose")
        self._choice = ChosenPerson(address)
        self._outlet: pylsl.StreamOutlet | None = pylsl.StreamOutlet(_describe(name))

    def write(self, result: Result) -> None:
        """Push a sample."""
        if self._outlet is None:
            return
        joints = np.full((len(RTPOSE28.joints), len(COLUMNS)), (np.nan, np.nan, np.nan, 0), np.float32)
        rotations = np.full((len(BONE_NAMES), len(BONE_COLUMNS)), np.nan, np.float32)
        if (person := self._choice.of(result)) is not None:
            joints[:, :3] = person.pose_3d + person.root_3d
            joints[:, 3] = person.confidence
            if person.body is not None:
                rotations[:] = person.body.rotations
        age_s = (time.monotonic_ns() - result.frame.t_ns) / 1e9
        sample = [*joints.ravel().tolist(), *rotations.ravel().tolist()]
        self._outlet.push_sample(sample, pylsl.local_clock() - age_s)

    def close(self) -> None:
        """Take the outlet off the network."""
        self._outlet = None  # pylsl has no other way to close it


def _describe(name: str) -> pylsl.StreamInfo:
    # A recorder can reconnect after a restart: the same name on the same machine is the same stream.
    source_id = f"rtpose {socket.gethostname()} {name}"
    info = pylsl.StreamInfo(name, "MoCap", len(CHANNELS), pylsl.IRREGULAR_RATE, pylsl.cf_float32, source_id)
    channels = info.desc().append_child("channels")
    for marker, column, kind, unit in CHANNELS:
        channel = channels.append_child("channel")
        for key, value in (("label", f"{marker}.{column}"), ("marker", marker), ("type", kind), ("unit", unit)):
            channel.append_child_value(key, value)
    acquisition = info.desc().append_child("acquisition")
    acquisition.append_child_value("model", "rtpose")
    acquisition.append_child_value("axes", "camera space: x right, y down, z away from the camera")
    return info


def library() -> str:
    """Versions of pylsl and of liblsl, for the user."""
    version = pylsl.library_version()
    return f"pylsl {pylsl.__version__}, liblsl {version // 100}.{version % 100}"
