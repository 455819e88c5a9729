"""The page's sources: their own unit tests, their rooms, when they are built, a lock file for every platform."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "web" / "src"
IMPORT = re.compile(r'^(?:import|export)\b[^;"]*?"(\.[^"?]+)', re.MULTILINE)
ROOMS = {"net": set[str](), "recording": set[str](), "scene": set[str](), "panels": {"net", "recording", "scene"}}
"""Each room of the page, and the other rooms that it may import from."""
SHARED = {"device", "dom", "pose", "settings", "skeleton", "theme"}
"""Files at the root that every room may import."""


@pytest.fixture(scope="module")
def hatch_build() -> ModuleType:
    pytest.importorskip("hatchling", reason="the build backend is not installed beside the tests")
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def lock() -> dict[str, Any]:
    packages: dict[str, Any] = json.loads((ROOT / "web" / "package-lock.json").read_text("utf-8"))["packages"]
    return packages


def write(path: Path, time_s: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x", "utf-8")
    os.utime(path, (time_s, time_s))


def test_page_is_built_only_when_it_is_missing_or_old(hatch_build: ModuleType, tmp_path: Path) -> None:
    source, page = tmp_path / "web" / "src" / "main.ts", hatch_build.page_path(tmp_path)
    write(source, 1000)
    assert hatch_build.page_is_stale(tmp_path)
    write(page, 1000)
    assert not hatch_build.page_is_stale(tmp_path)  # an sdist gives all its files one time
    write(tmp_path / "web" / "node_modules" / "three" / "index.js", 3000)
    assert not hatch_build.page_is_stale(tmp_path)
    write(source, 2000)
    assert hatch_build.page_is_stale(tmp_path)


def test_node_is_asked_for_only_where_the_page_is_built(hatch_build: ModuleType, tmp_path: Path) -> None:
    hook = hatch_build.PageBuildHook(str(tmp_path), {}, None, None, str(tmp_path), "wheel")
    write(tmp_path / "web" / "index.html", 1000)
    assert hook.dependencies() == [hatch_build.NODE_REQUIREMENT]
    write(hatch_build.page_path(tmp_path), 2000)
    assert hook.dependencies() == []


def test_lock_names_the_binaries_of_every_platform(lock: dict[str, Any]) -> None:
    wanted = {name for package in lock.values() for name in package.get("optionalDependencies", {})}
    assert wanted
    locked = {path.rpartition("node_modules/")[2] for path in lock}
    assert not wanted - locked


def test_lock_names_no_registry_and_pins_every_package(lock: dict[str, Any]) -> None:
    packages = {path: package for path, package in lock.items() if path and not package.get("inBundle")}
    assert [path for path, package in packages.items() if "resolved" in package] == []
    assert [path for path, package in packages.items() if "integrity" not in package] == []


@pytest.fixture(scope="module")
def imports() -> dict[str, set[str]]:
    """Each source file of the page and those that it imports: "scene/lane" -> {"pose", "scene/floor", ...}."""
    found = {}
    for path in SOURCES.rglob("*.ts"):
        targets = ((path.parent / name).resolve() for name in IMPORT.findall(path.read_text("utf-8")))
        found[path.relative_to(SOURCES).with_suffix("").as_posix()] = {
            target.relative_to(SOURCES).as_posix() for target in targets if target.suffix != ".css"
        }
    return found


def test_no_two_files_of_the_page_import_each_other(imports: dict[str, set[str]]) -> None:
    assert "scene/figures" in imports["scene/mannequins"], "the imports were not read"
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' -> '.join(error.args[1])}")


def test_rooms_of_the_page_import_only_what_lies_below(imports: dict[str, set[str]]) -> None:
    wrong = []
    for name, targets in imports.items():
        room, inside, _ = name.partition("/")
        for target in targets:
            there, below, _ = target.partition("/")
            if inside and there != room and (there not in ROOMS[room] if below else there not in SHARED):
                wrong.append(f"{name} imports {target}")
            if not inside and room in SHARED and (below or there not in SHARED):
                wrong.append(f"{name} imports {target}")
    assert wrong == []


@pytest.mark.parametrize(
    "tool", [("vitest/vitest.mjs", "run"), ("typescript/bin/tsc", "--noEmit")], ids=["unit tests", "types"]
)
@pytest.mark.slow
def test_page_passes_its_own_checks(tool: tuple[str, str]) -> None:
    script = ROOT / "web" / "node_modules" / tool[0]
    node = shutil.which("node")
    if node is None or not script.is_file():
        pytest.skip("node or web/node_modules is missing: run `npm ci` in web/")
    run = subprocess.run(
        [node, script, tool[1]], cwd=ROOT / "web", capture_output=True, text=True, encoding="utf-8", timeout=300
    )
    assert run.returncode == 0, run.stdout + run.stderr
