"""rtpose: 3D human poses from one camera or video, live, on an ordinary laptop."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("rtpose")
except PackageNotFoundError:  # a source tree on the path that was never installed
    __version__ = "0+unknown"
