"""The backends that run on this machine."""

from rtpose.errors import RtposeError
from rtpose.networks.backends import REGISTRY
from rtpose.networks.backends.tensorrt import check_gpu


def _runs(name: str) -> bool:
    if name == "tensorrt":  # runs engines, not network files
        return False
    try:
        __import__(REGISTRY[name].split(":")[0])
    except RtposeError:
        return False
    return True


def has_tensorrt() -> bool:
    """Whether torch_tensorrt and a GPU are there."""
    try:
        check_gpu()
    except RtposeError:
        return False
    return True


RUNNABLE = [name for name in REGISTRY if _runs(name)]
