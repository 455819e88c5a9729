"""Getting files into the cache: by npm, from the web, and brought by the user."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest

from rtpose.errors import ConfigError, ModelError
from rtpose.networks import downloads, model_files
from rtpose.networks.model_files import ModelFile

WEB = "http://127.0.0.1:9/networks"
SHIPPED = b"shipped network " * 50
ON_THE_WEB = {"finder.onnx": b"finder " * 50, "joints.onnx": b"joints " * 50}
IN_THE_PACKAGE = {"lite.tflite": b"first network " * 50, "heavy.tflite": b"second network " * 50}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and small files in place of the real ones."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("RTPOSE_CACHE_DIR", str(folder))
    monkeypatch.setattr(model_files, "FOLDER", tmp_path / "shipped")
    (tmp_path / "shipped").mkdir()
    (tmp_path / "shipped" / "full.tflite").write_bytes(SHIPPED)
    files = [ModelFile("full.tflite", "for the test", hashlib.sha256(SHIPPED).hexdigest(), "none")]
    for name, data in IN_THE_PACKAGE.items():
        digest = hashlib.sha256(data).hexdigest()
        files.append(
            ModelFile(name, "for the test", digest, "none", npm_package="@some/package@1.0.0", member=f"package/{name}")
        )
    for i, (name, data) in enumerate(ON_THE_WEB.items()):
        digest = hashlib.sha256(data).hexdigest()
        files.append(ModelFile(name, "for the test", digest, "none", "web", url=f"{WEB}/{i}.zip", member="end.onnx"))
    # The same object in both modules.
    monkeypatch.setattr(model_files, "FILES", known := {file.name: file for file in files})
    monkeypatch.setattr(downloads, "FILES", known)
    return folder


def make_package(path: Path, contents: dict[str, bytes] | None = None) -> Path:
    """As npm packs it."""
    with tarfile.open(path, "w:gz") as archive:
        for name, data in ({"full.tflite": SHIPPED} | IN_THE_PACKAGE if contents is None else contents).items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return make_package(tmp_path / "some-package-1.0.0.tgz")


def by_npm(monkeypatch: pytest.MonkeyPatch, package: Path | OSError) -> list[str]:
    """What `fetch_npm` finds. Returns the names that it is asked for."""
    asked: list[str] = []

    def fetch(name: str, folder: Path, expected_bytes: int, progress: downloads.Progress) -> Path:
        asked.append(name)
        if isinstance(package, OSError):
            raise package
        progress(expected_bytes, expected_bytes)
        target = folder / package.name
        target.write_bytes(package.read_bytes())
        return target

    monkeypatch.setattr(downloads, "fetch_npm", fetch)
    return asked


def nothing_in(cache: Path) -> bool:
    return not cache.exists() or not list(cache.iterdir())


def test_pull_takes_what_is_not_shipped(monkeypatch: pytest.MonkeyPatch, cache: Path, package: Path) -> None:
    asked = by_npm(monkeypatch, package)
    seen: list[tuple[int, int]] = []
    paths = downloads.pull(progress=lambda done, total: seen.append((done, total)))
    assert asked == ["@some/package@1.0.0"]
    assert [path.name for path in paths] == list(IN_THE_PACKAGE)
    assert {path.name: path.read_bytes() for path in cache.iterdir()} == IN_THE_PACKAGE
    assert [status.state for status in model_files.list_files()] == ["ready"] * 3
    assert seen[-1][0] == seen[-1][1] > 0


def test_ensure_downloads_only_what_is_not_there(monkeypatch: pytest.MonkeyPatch, cache: Path, package: Path) -> None:
    asked = by_npm(monkeypatch, package)
    assert downloads.ensure("full.tflite").read_bytes() == SHIPPED
    assert asked == []
    assert downloads.ensure("lite.tflite").read_bytes() == IN_THE_PACKAGE["lite.tflite"]
    assert downloads.ensure("heavy.tflite") == cache / "heavy.tflite"
    assert len(asked) == 1


def test_ensure_replaces_a_damaged_file(monkeypatch: pytest.MonkeyPatch, cache: Path, package: Path) -> None:
    cache.mkdir()
    (cache / "lite.tflite").write_bytes(b"half")
    assert [status.state for status in model_files.list_files()] == ["ready", "damaged", "missing"]
    by_npm(monkeypatch, package)
    assert downloads.ensure("lite.tflite").read_bytes() == IN_THE_PACKAGE["lite.tflite"]


def test_a_damaged_shipped_file_is_not_downloaded(tmp_path: Path) -> None:
    (tmp_path / "shipped" / "full.tflite").write_bytes(b"half")
    with pytest.raises(ModelError, match=r"full\.tflite, a part of rtpose, is damaged: reinstall rtpose"):
        downloads.ensure("full.tflite")


def test_a_failed_npm_is_one_line_with_the_way_out(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    by_npm(monkeypatch, OSError("npm: connect ECONNREFUSED"))
    with pytest.raises(
        ModelError,
        match=r"^cannot download @some/package@1.0.0 \(npm: connect ECONNREFUSED\): check the connection, or get the "
        r"file that `npm pack @some/package@1.0.0` saves and run 'rtpose models import FILE'$",
    ):
        downloads.pull()
    assert nothing_in(cache)


def test_an_incomplete_download(monkeypatch: pytest.MonkeyPatch, cache: Path, package: Path) -> None:
    package.write_bytes(package.read_bytes()[:60])
    by_npm(monkeypatch, package)
    with pytest.raises(ModelError, match=r"damaged or incomplete.*rtpose models pull"):
        downloads.pull()
    assert nothing_in(cache)


@pytest.mark.parametrize(
    ("contents", "words"), [({"heavy.tflite": b"another"}, "sha256"), ({"heavy.tflite": None}, "does not contain")]
)
def test_a_wrong_package_stores_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path, contents: dict[str, bytes | None], words: str
) -> None:
    changed = {name: data for name, data in (IN_THE_PACKAGE | contents).items() if data is not None}
    by_npm(monkeypatch, make_package(tmp_path / "wrong.tgz", changed))
    with pytest.raises(ModelError, match=words):
        downloads.pull()
    assert nothing_in(cache)


def test_no_temporary_files_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    by_npm(monkeypatch, package)

    def interrupted(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        downloads.pull(progress=interrupted)
    assert not list(scratch.iterdir())


def test_import_of_the_package(cache: Path, package: Path, tmp_path: Path) -> None:
    renamed = package.rename(tmp_path / "download (1)")
    assert downloads.import_file(renamed) == [cache / name for name in IN_THE_PACKAGE]
    assert {path.name: path.read_bytes() for path in cache.iterdir()} == IN_THE_PACKAGE


def test_import_of_a_shipped_file_changes_nothing(tmp_path: Path, cache: Path) -> None:
    brought = tmp_path / "brought.tflite"
    brought.write_bytes(SHIPPED)
    assert downloads.import_file(brought) == [tmp_path / "shipped" / "full.tflite"]
    assert nothing_in(cache)


def test_full_disk_leaves_the_older_file(cache: Path, package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    downloads.import_file(package)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ModelError, match="disk is full"):
        downloads.import_file(package)
    assert {path.name: path.read_bytes() for path in cache.iterdir()} == IN_THE_PACKAGE


def test_import_knows_a_single_file_by_its_content(tmp_path: Path, cache: Path) -> None:
    renamed = tmp_path / "download (1).bin"
    renamed.write_bytes(IN_THE_PACKAGE["heavy.tflite"])
    assert downloads.import_file(renamed) == [cache / "heavy.tflite"]
    assert [status.state for status in model_files.list_files()] == ["ready", "missing", "ready"]


def test_import_of_a_file_that_carries_a_zip(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TFLite files keep their labels in a zip at their end."""
    with zipfile.ZipFile(tmp_path / "labels.zip", "w") as archive:
        archive.writestr("labels.txt", b"person")
    data = b"network" + (tmp_path / "labels.zip").read_bytes()
    known = ModelFile("labelled.tflite", "", hashlib.sha256(data).hexdigest(), "none", npm_package="a@1", member="a")
    monkeypatch.setattr(model_files, "FILES", {known.name: known})
    monkeypatch.setattr(downloads, "FILES", {known.name: known})
    path = tmp_path / "brought.tflite"
    path.write_bytes(data)
    assert zipfile.is_zipfile(path)
    assert downloads.import_file(path) == [cache / "labelled.tflite"]


@pytest.mark.parametrize("content", [b"", b"something else"])
def test_import_of_something_else(tmp_path: Path, cache: Path, content: bytes) -> None:
    other = tmp_path / "other.tflite"
    other.write_bytes(content)
    with pytest.raises(ModelError, match=r"not one of the expected files.*package@1\.0\.0, or lite\.tflite or heavy"):
        downloads.import_file(other)
    assert nothing_in(cache)


def test_import_of_another_package(tmp_path: Path, cache: Path) -> None:
    other = make_package(tmp_path / "other.tgz", {"lite.tflite": b"a newer network"})
    with pytest.raises(ModelError, match="not one of the expected files"):
        downloads.import_file(other)
    assert nothing_in(cache)


def test_import_of_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no file"):
        downloads.import_file(tmp_path / "none.tgz")


def test_cache_that_cannot_be_made(tmp_path: Path, package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("RTPOSE_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(ModelError, match=r"cannot write.*RTPOSE_CACHE_DIR"):
        downloads.import_file(package)


def zip_of(name: str, folder: Path, data: bytes | None = None) -> Path:
    """As it is on the web, in folders of its own."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{list(ON_THE_WEB).index(name)}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("2023/some_name/deploy.json", "{}")
        archive.writestr("2023/some_name/end.onnx", ON_THE_WEB[name] if data is None else data)
    return path


def on_the_web(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """What `fetch_http` finds: the files of a folder."""

    def fetch(url: str, target: Path, progress: downloads.Progress) -> Path:
        path = folder / url.rpartition("/")[2]
        if not path.exists():
            raise OSError("the server answered 404 Not Found")
        data = path.read_bytes()
        progress(len(data), len(data))
        (target / path.name).write_bytes(data)
        return target / path.name

    monkeypatch.setattr(downloads, "fetch_http", fetch)


def test_pull_from_the_web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    for name in ON_THE_WEB:
        zip_of(name, tmp_path / "web")
    on_the_web(monkeypatch, tmp_path / "web")
    seen: list[tuple[int, int]] = []
    paths = downloads.pull("web", lambda done, total: seen.append((done, total)))
    assert paths == [cache / name for name in ON_THE_WEB]
    assert {path.name: path.read_bytes() for path in cache.iterdir()} == ON_THE_WEB
    assert [status.state for status in model_files.list_files("web")] == ["ready", "ready"]
    assert [status.state for status in model_files.list_files()] == ["ready", "missing", "missing"]
    assert len(seen) == 2


def test_ensure_pulls_only_the_archive_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    zip_of("joints.onnx", tmp_path / "web")  # the other cannot be downloaded
    on_the_web(monkeypatch, tmp_path / "web")
    assert downloads.ensure("joints.onnx").read_bytes() == ON_THE_WEB["joints.onnx"]
    assert [path.name for path in cache.iterdir()] == ["joints.onnx"]


@pytest.mark.parametrize(
    ("data", "words"),
    [(None, r"download http://127.0.0.1:9/networks/0.zip \(.*404 Not Found\).*that file and run 'rtpose models import"),
     (b"another", "finder.onnx in 0.zip has sha256 .*run 'rtpose models pull web' again")],
)  # fmt: skip
def test_the_web_has_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path, data: bytes | None, words: str
) -> None:
    if data is not None:
        zip_of("finder.onnx", tmp_path / "web", data)
    on_the_web(monkeypatch, tmp_path / "web")
    with pytest.raises(ModelError, match=words):
        downloads.pull("web")
    assert nothing_in(cache)


def test_import_knows_a_zip_by_its_content(tmp_path: Path, cache: Path) -> None:
    renamed = zip_of("joints.onnx", tmp_path / "web").rename(tmp_path / "download (1)")
    assert downloads.import_file(renamed) == [cache / "joints.onnx"]
    assert (cache / "joints.onnx").read_bytes() == ON_THE_WEB["joints.onnx"]


def test_import_of_one_zip_that_holds_both(tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "both.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in ON_THE_WEB.items():
            archive.writestr(f"{name}/end.onnx", data)
    assert downloads.import_file(path) == [cache / name for name in ON_THE_WEB]
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
        downloads.import_file(path)
    assert nothing_in(cache)


def test_full_disk_while_downloading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(url: str, target: Path, progress: downloads.Progress) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(downloads, "fetch_http", full)
    with pytest.raises(ModelError, match=r"\(the disk is full\): make room$"):
        downloads.pull("web")


def test_import_of_another_zip(tmp_path: Path, cache: Path) -> None:
    other = zip_of("joints.onnx", tmp_path / "web", b"a larger network")
    with pytest.raises(ModelError, match=r"not one of the expected.*web's 0\.zip and 1\.zip, or end\.onnx out of each"):
        downloads.import_file(other)
    assert nothing_in(cache)


def test_import_of_a_damaged_zip(tmp_path: Path, cache: Path) -> None:
    path = zip_of("joints.onnx", tmp_path / "web")
    data = path.read_bytes()
    place = data.index(b"joints joints")
    path.write_bytes(data[:place] + b"JOINTS" + data[place + 6 :])
    with pytest.raises(ModelError, match="damaged or incomplete"):
        downloads.import_file(path)
    assert nothing_in(cache)


def test_no_such_detector() -> None:
    with pytest.raises(ConfigError, match="no detector 'openpose' has files to fetch: choose one of blazepose, web"):
        downloads.pull("openpose")
