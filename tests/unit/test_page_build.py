"""The page's packaging: when it is built anew, and a lock file that works on every platform."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


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
