"""rtpose: 3D human poses from one camera or video, live, on an ordinary laptop.

with rtpose.open_source("in.mp4") as frames, rtpose.open_estimator() as estimator:
    for frame in frames:
        for person in estimator(frame):
            print(frame.pts_s, person.track_id, person.joint("right_wrist"))  # (3,) metres, camera space

recording = rtpose.load_recording("poses.npz")
"""

import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtpose.api import load_recording, open_estimator, open_source
    from rtpose.session import Session

__all__ = ["Session", "__version__", "load_recording", "open_estimator", "open_source"]

_LAZY = {
    "load_recording": "rtpose.api",
    "open_estimator": "rtpose.api",
    "open_source": "rtpose.api",
    "Session": "rtpose.session",
}
"""Name -> module. Loaded when first used, so that `import rtpose` is fast and needs no numpy."""

# OpenVINO reports its use to its makers when it is imported, unless it cannot find the package that does so. rtpose
# sends nothing about anybody.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

try:
    __version__ = version("rtpose")
except PackageNotFoundError:  # a source tree on the path that was never installed
    __version__ = "0+unknown"


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module 'rtpose' has no attribute '{name}'")
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
