"""What may reach what, in a fresh interpreter. import-linter checks the sources; this checks what is really loaded."""

import subprocess
import sys
from importlib import resources

import pytest


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}; import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "module",
    [
        "rtpose.server.server",
        "rtpose.outputs.page",
        "rtpose.recordings.npz_recorder",
        "rtpose.outputs.vmc",
        "rtpose.capture",
        "rtpose.pose.detect.blazepose",
        "rtpose.pose.lift.lifter",
        "rtpose.pipeline",
        "rtpose.session",
        "rtpose.api",
        "rtpose.cli",
    ],
)
def test_torch_is_not_loaded_to_run(module: str) -> None:
    assert not {"torch", "rtpose.modules", "rtpose.train"} & loaded_by(f"import {module}")


def test_openvino_reports_nothing() -> None:
    """What would send is not loaded, and OpenVINO's own stand-in is."""
    loaded = loaded_by("import rtpose.networks.backends.openvino")
    assert "openvino.tools.ovc.telemetry_stub" in loaded
    assert not [name for name in loaded if name.startswith("openvino_telemetry.")]


def test_the_command_line_imports_lazily() -> None:
    assert not {"cv2", "av", "openvino", "websockets", "numpy"} & loaded_by("import rtpose.cli")


def test_rtpose_itself_imports_lazily_and_fast() -> None:
    """The fastest of five, for a busy machine; what importing takes, without the start of Python."""
    heavy = {"cv2", "av", "openvino", "websockets", "numpy", "msgspec", "yaml", "typer", "rich"}
    assert not heavy & loaded_by("import rtpose")
    measure = "import time; begin = time.perf_counter(); import rtpose; print(time.perf_counter() - begin)"
    times_s = [
        float(subprocess.run([sys.executable, "-c", measure], capture_output=True, text=True, check=True).stdout)
        for _ in range(5)
    ]
    assert min(times_s) < 0.3


def test_what_rtpose_offers() -> None:
    import rtpose

    assert set(rtpose.__all__) <= set(dir(rtpose))
    for name in rtpose.__all__:
        assert getattr(rtpose, name)
    with pytest.raises(AttributeError, match="has no attribute 'open_sauce'"):
        _ = rtpose.open_sauce
    assert resources.files("rtpose").joinpath("py.typed").is_file()
