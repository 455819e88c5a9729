"""The rooms of rtpose and their arrows, drawn from the imports in the sources."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import rtpose

ROOT = Path(rtpose.__file__).parent
ASSEMBLE = {"cli", "session"}
"""The only rooms that may import a source, an estimator and an output: they put parts together."""
PARTS = ({"capture"}, {"pose"}, {"outputs", "server"})


def imported_names(source: Path) -> set[str]:
    """Dotted names of everything that a file imports, in functions too, but for `if TYPE_CHECKING:`."""
    names: set[str] = set()
    todo: list[ast.AST] = [ast.parse(source.read_text(encoding="utf-8"))]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            todo += node.orelse
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        todo += ast.iter_child_nodes(node)
    return names


def rooms() -> set[str]:
    """Packages and modules directly below rtpose."""
    return {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}


def arrows() -> dict[str, set[str]]:
    """Room -> the other rooms that it imports."""
    known = rooms()
    graph: dict[str, set[str]] = {room: set() for room in known}
    for source in ROOT.rglob("*.py"):
        room = source.relative_to(ROOT).parts[0].removesuffix(".py")
        for name in imported_names(source):
            first, *rest = name.split(".")
            if first == "rtpose" and rest and rest[0] in known and rest[0] != room:
                graph[room].add(rest[0])
    return graph


def test_the_rooms_form_no_circle() -> None:
    graph = arrows()
    assert {"capture", "pose", "types"} <= set(graph)
    assert "types" in graph["capture"]
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_only_the_session_and_the_command_line_put_parts_together() -> None:
    assemblers = {room for room, imported in arrows().items() if all(imported & part for part in PARTS)}
    assert assemblers <= ASSEMBLE
    assert assemblers
