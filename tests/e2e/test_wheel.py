"""The built wheel: what is in it, and that it runs outside the checkout without Node."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from command import environment

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built without Node on the path: the page is there already, or the build brings its own Node."""
    if not (ROOT / "rtpose/server/static/index.html").is_file():
        pytest.skip("the page is not built: `pip install -e .` builds it")
    out = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "-q", "--wheel", "--no-isolation", "--skip-dependency-check", "-o", out, ROOT],
        check=True,
        capture_output=True,
        env=environment(PATH=os.path.dirname(sys.executable)),
    )
    (path,) = out.glob("*.whl")
    return path


@pytest.mark.slow
def test_the_wheel_holds_the_page_the_weights_and_the_sample(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        page = archive.read("rtpose/server/static/index.html").decode()
    assert {
        "rtpose/assets/sample.mp4",
        "rtpose/assets/sample_truth.npz",
        "rtpose/assets/cmu17_small.npz",
        "rtpose/networks/weights/svmac.onnx",
        "rtpose/networks/weights/svmac.md",
        "rtpose/networks/weights/pose_detection.tflite",
        "rtpose/networks/weights/pose_landmark_full.tflite",
    } <= names
    assert "<canvas" in page or "three" in page.lower()
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {"rtpose"}
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert any(name.endswith("licenses/NOTICE") for name in names)
    assert wheel.stat().st_size < 48_000_000  # the networks are 41 MB of it


@pytest.mark.slow
def test_the_wheel_runs_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    """In an environment of its own; the libraries that it needs are lent by this one."""
    venv.create(tmp_path / "env", with_pip=False)
    home = tmp_path / "env" / ("Scripts" if os.name == "nt" else "bin")
    site = Path(sysconfig.get_path("purelib", vars={"base": str(tmp_path / "env")}))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (site / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    run = subprocess.run(
        [home / "python", "-m", "rtpose", "demo", "--once", "--no-browser", "--port", "0"],
        cwd=tmp_path, env=environment(PATH=str(home), PYTHONPATH=""), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert "error against the ground truth: MPJPE" in run.stdout
    where = subprocess.run(
        [home / "python", "-c", "import rtpose; print(rtpose.__file__)"],
        cwd=tmp_path, env=environment(PYTHONPATH=""), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert Path(where.stdout.strip()).is_relative_to(tmp_path)
