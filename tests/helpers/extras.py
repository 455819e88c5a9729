"""Tests that need an extra which is not installed: skipped, with a reason that names the extra. In CI they fail."""

from __future__ import annotations

import os
from collections.abc import Iterable

import pytest

IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}
"""Every extra and every program has to be there: nothing is skipped for want of one."""

EXTRA_OF = {
    "torch": "train", "lightning_fabric": "train", "onnxscript": "train", "safetensors": "train", "scipy": "train",
    "h5py": "train", "matplotlib": "train", "tensorboard": "train", "anny": "synth", "moderngl": "synth",
    "onnx": "onnx", "onnxruntime": "onnx", "nncf": "int8", "ezc3d": "c3d", "ray": "cluster", "open3d": "open3d",
    "cryptography": "tls", "segno": "tls", "pillow_heif": "heif", "pythonosc": "osc", "pylsl": "lsl",
    "playwright": "test", "axe_playwright_python": "test", "hypothesis": "test", "bvhio": "test", "pygltflib": "test",
    "c3d": "test", "trc": "test", "hatchling": "dev", "build": "dev",
}  # fmt: skip
"""Top-level module -> the extra that installs it."""


def extra_of(error: BaseException | None) -> str | None:
    """The extra whose absence an import error is about; None for any other error."""
    while error is not None:
        if isinstance(error, ModuleNotFoundError) and error.name is not None:
            return EXTRA_OF.get(error.name.partition(".")[0])
        error = error.__cause__
    return None


class ModuleThatMayLackAnExtra(pytest.Module):
    """A test file. Its tests are skipped if it, or a helper that it imports, needs an extra that is not installed."""

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        try:
            return super().collect()
        except self.CollectError as error:
            extra = extra_of(error)
            if extra is None or IN_CI:
                raise
        pytest.skip(f"the extra {extra} is not installed", allow_module_level=True)
