"""The modules of rtpose and what they import, read from the sources without importing anything.

Imports inside functions count like any other: they are arrows, too, only drawn later. Imports under
`if TYPE_CHECKING:` do not count, because nothing is loaded for them. Modules that a registry names in a string
("rtpose.outputs.vmc:VmcStream") are not seen.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "rtpose"


@cache
def modules() -> dict[str, Path]:
    """Dotted name -> file; a package goes by its own name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def tree(module: str) -> ast.Module:
    """The module's syntax."""
    return ast.parse(modules()[module].read_text(encoding="utf-8"))


@cache
def imports() -> dict[str, set[str]]:
    """Module -> the modules of rtpose that it imports. `from rtpose import __version__` is left out: a constant."""
    return {module: set(_imported(module, tree(module))) - {module} for module in modules()}


def _imported(module: str, node: ast.AST) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names if alias.name in modules())
        elif isinstance(child, ast.ImportFrom):
            yield from _imported_from(module, child)
        else:
            yield from _imported(module, child)


def _imported_from(module: str, statement: ast.ImportFrom) -> Iterator[str]:
    origin = statement.module or ""
    if statement.level:
        is_package = modules()[module].name == "__init__.py"
        base = module.split(".")[: None if is_package and statement.level == 1 else -(statement.level - is_package)]
        origin = ".".join([*base, *([origin] if origin else [])])
    for alias in statement.names:
        inner = f"{origin}.{alias.name}"
        if inner in modules():
            yield inner
        elif origin in modules() and (origin, alias.name) != ("rtpose", "__version__"):
            yield origin
