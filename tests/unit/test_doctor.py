"""The doctor never fails: whatever is missing or broken is a line that says what to do."""

import errno
import os
import socket
import sys
import webbrowser
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

from rtpose import doctor
from rtpose.capture import webcam
from rtpose.doctor import Line, Speed
from rtpose.errors import InputError, MissingExtraError, RtposeError
from rtpose.installation import extra_command
from rtpose.networks import model_files
from rtpose.networks.engines import ENGINES_DIR_VARIABLE


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv(model_files.CACHE_DIR_VARIABLE, str(folder))
    return folder


def only(lines: Iterator[Line]) -> Line:
    (line,) = lines
    return line


def test_a_check_that_breaks_is_a_line_and_the_others_go_on() -> None:
    def broken() -> Iterator[Line]:
        yield Line("first", "ok", "there")
        raise RuntimeError("driver 3.1 [wrong]")

    def refused() -> Iterator[Line]:
        raise InputError("no such thing; get one")
        yield

    lines = list(doctor.examine([("a", broken), ("b", refused), ("c", lambda: [Line("c", "ok", "fine")])]))
    assert [(line.what, line.state) for line in lines] == [
        ("first", "ok"), ("a", "problem"), ("b", "problem"), ("c", "ok"),
    ]  # fmt: skip
    assert "driver 3.1 [wrong]" in lines[1].found
    assert doctor.health_table(lines).row_count == 4


def test_no_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webcam, "list_webcams", dict)
    line = only(doctor.check_cameras())
    assert (line.state, line.found) == ("optional", "none found")
    assert "plug one in" in line.do


def test_cameras_with_modes_and_one_without_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    def modes(number: int) -> list[tuple[int, int, float | None]]:
        if number == 2:
            raise InputError("no permission to use camera 2 (/dev/video2); add yourself to the group 'video'")
        return [(640, 480, 30.0), (1280, 720, None)]

    monkeypatch.setattr(webcam, "list_webcams", lambda: {0: "Front", 2: "Desk"})
    monkeypatch.setattr(webcam, "camera_modes", modes)
    front, desk = doctor.check_cameras()
    assert front == Line("camera 0", "ok", "Front: 640x480 at 30 fps, 1280x720")
    assert desk.state == "problem"
    assert desk.found == "Desk: no permission to use camera 2 (/dev/video2)"
    assert desk.do == "add yourself to the group 'video'"


def test_backends_there_missing_and_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str) -> None:
        if name == "absent":
            raise MissingExtraError("tensorrt", "the backend 'absent'")
        if name == "broken":
            raise OSError("libcuda.so.1: wrong ELF class")

    monkeypatch.setattr(doctor, "REGISTRY", {"openvino": "there:A", "absent": "absent:B", "broken": "broken:C"})
    monkeypatch.setattr(doctor, "import_module", load)
    monkeypatch.setattr(doctor, "DEVICES_OF", {"openvino": lambda: "1.2: CPU"})
    there, absent, broken = doctor.check_backends()
    assert there == Line("backend openvino", "ok", "1.2: CPU")
    assert (absent.state, absent.do) == ("optional", extra_command("tensorrt"))
    assert broken.state == "problem"
    assert "libcuda" in broken.found


def test_tensorrt_without_its_library_is_optional_though_torch_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "REGISTRY", {"tensorrt": "rtpose.networks.backends:X"})
    monkeypatch.setitem(sys.modules, "torch_tensorrt", None)
    assert only(doctor.check_backends()).state == "optional"


def test_openvino_is_there_with_its_devices() -> None:
    line = next(line for line in doctor.check_backends() if line.what == "backend openvino")
    assert line.state == "ok"
    assert "cpu (" in line.found
    assert "fp32" in line.found


def test_the_cache_folder(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert only(doctor.check_cache()).found == f"{cache}, not created yet"
    assert not cache.exists()  # nothing is changed
    cache.mkdir()
    assert only(doctor.check_cache()) == Line("cache", "ok", str(cache))

    def refuse(right: int) -> None:  # a test may run as root, who may do everything
        monkeypatch.setattr(os, "access", lambda path, mode: not mode & right)

    for right, found in ((os.R_OK, "is not readable"), (os.W_OK, "is not writable")):
        refuse(right)
        line = only(doctor.check_cache())
        assert (line.state, line.found) == ("problem", f"{cache} {found}")
        assert model_files.CACHE_DIR_VARIABLE in line.do
    cache.rmdir()
    assert only(doctor.check_cache()).found.startswith(f"{cache} cannot be created")
    cache.touch()
    assert only(doctor.check_cache()).found == f"{cache} is not a folder"


def test_model_files_missing_and_damaged(cache: Path) -> None:
    cache.mkdir()
    (cache / "pose_landmark_lite.tflite").write_bytes(b"half a file")
    states = {line.what: line for line in doctor.check_model_files()}
    assert states["pose_detection.tflite"].state == states["pose_landmark_full.tflite"].state == "ok"
    assert states["pose_landmark_lite.tflite"].state == "problem"
    assert states["pose_landmark_lite.tflite"].do == "run `rtpose models pull blazepose`"
    assert states["pose_landmark_heavy.tflite"].state == "optional"
    assert (
        states["pose_landmark_heavy.tflite"].do
        == "run `rtpose models pull blazepose` (or just use it: the first use downloads it)"
    )
    rtmpose = states["rtmpose_s_body7.onnx"]
    assert (rtmpose.state, rtmpose.found) == ("optional", "not downloaded (rtmpose: 17 joints of one person)")
    assert rtmpose.do.startswith("run `rtpose models pull rtmpose`")
    assert "consistency" in states["lifters"].found


def test_a_shipped_network_that_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_files, "FOLDER", tmp_path)
    (tmp_path / "pose_detection.tflite").write_bytes(b"half a file")
    states = {line.what: line for line in doctor.check_model_files()}
    for name, found in (("pose_detection.tflite", "damaged"), ("pose_landmark_full.tflite", "missing")):
        assert (states[name].state, states[name].do) == ("problem", "reinstall rtpose")
        assert states[name].found.startswith(found)


def test_engines_accepted_refused_and_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENGINES_DIR_VARIABLE, str(tmp_path))
    assert only(doctor.check_engines()).state == "optional"
    (tmp_path / "a.json").write_text('{"accepted": true, "reason": "2.1 times as fast"}')
    (tmp_path / "b.json").write_text('{"accepted": false, "reason": "1.8 % of the height off"}')
    (tmp_path / "c.json").write_text("{")
    accepted, refused, broken = doctor.check_engines()
    assert accepted == Line("engine a", "ok", "2.1 times as fast")
    assert refused.found == "refused, fp32 runs instead: 1.8 % of the height off"
    assert (broken.what, broken.state) == ("engine c", "problem")


def test_a_port_that_is_taken_and_one_that_is_free() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        line = only(doctor.check_port(port))
        assert (line.what, line.state) == (f"port {port}", "problem")
        assert "--port 0" in line.do
    assert only(doctor.check_port(port)).state == "ok"


def test_a_port_that_is_not_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: socket.socket, address: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(doctor.socket.socket, "bind", refuse)
    assert only(doctor.check_port(80)).found == "Permission denied"


def test_the_page_built_and_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "files", lambda package: tmp_path)
    line = only(doctor.check_page())
    assert (line.state, line.do) == ("problem", "in a checkout: cd web && npm ci && npm run build")
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "index.html").touch()
    assert only(doctor.check_page()).state == "ok"


def test_no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> None:
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr(webbrowser, "get", none)
    assert only(doctor.check_browser()).state == "optional"


@pytest.mark.parametrize(
    ("error", "state", "found", "do"),
    [
        (MissingExtraError("open3d", "the window"), "optional", "not installed", extra_command("open3d")),
        (RtposeError("Open3D needs libusb, which this system lacks: install it"), "problem",
         "Open3D needs libusb, which this system lacks", "install it"),
        (RtposeError("there is no display: use the page"), "optional", "there is no display", "use the page"),
    ],
)  # fmt: skip
def test_what_the_window_lacks(
    error: RtposeError, state: str, found: str, do: str, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    def fail() -> None:
        raise error

    monkeypatch.setattr("rtpose.outputs.open3d_window.import_open3d", fail)
    line = only(doctor.check_window())
    assert (line.what, line.state, line.found, line.do) == ("open3d window", state, found, do)


def test_the_benchmark_in_words() -> None:
    asked: list[float] = []

    def benchmark(seconds: float) -> Speed:
        asked.append(seconds)
        return Speed(frames=200, wall_s=5.0, cpu_s=4.0)

    line = only(doctor.check_speed(benchmark))
    assert asked == [5.0]
    assert line.found.startswith("40 fps, 20.0 ms of CPU time per frame")


def test_what_is_optional_is_told_apart_from_what_is_wrong() -> None:
    fine, optional = Line("page", "ok", "built in"), Line("backend torch", "optional", "not installed", "install it")
    wrong = Line("cache", "problem", "is not writable", "change its permissions")
    assert doctor.verdict([fine]) == "No problems."
    assert doctor.verdict([fine, optional]) == "No problems. 1 optional part not in use, which is fine."
    assert doctor.verdict([optional, wrong, optional]).startswith("1 problem. 2 optional parts")
    cells = list(doctor.health_table([optional, wrong, fine]).columns[0].cells)
    assert [str(cell) for cell in cells] == ["cache", "page", "backend torch"]


def test_the_system_line_names_what_matters() -> None:
    found = only(doctor.check_system()).found
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in found
    assert "openvino" in found
