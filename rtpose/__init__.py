"""rtpose: 3D human poses from one camera or video, live, on an ordinary laptop."""

import sys
from importlib.metadata import PackageNotFoundError, version

# OpenVINO reports its use to its makers when it is imported, unless it cannot find the package that does so. rtpose
# sends nothing about anybody.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

try:
    __version__ = version("rtpose")
except PackageNotFoundError:  # a source tree on the path that was never installed
    __version__ = "0+unknown"
