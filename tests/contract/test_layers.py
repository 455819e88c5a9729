"""The rooms of rtpose in their order: no import leads up, none in a circle, and no module grows too long.

How imports are read, and which count, is said in `package_sources`.
"""

from collections.abc import Iterator

import package_sources as sources

# From the lowest to the highest. A room imports rooms below it only. Rooms of one row do not know each other.
ROOMS = (
    ("wording", "printable", "installation", "child_processes", "cores"),
    ("errors",),
    ("skeleton", "stages", "turns", "config", "interrupts", "npz_files"),
    ("types",),
    ("geometry", "rotations", "metrics", "warp", "assignment"),
    ("bones", "camera"),
    ("assets", "modules"),
    ("networks",),
    ("capture", "recordings"),
    ("pose", "server"),
    ("outputs", "pipeline", "board", "live_settings"),
    ("session",),
    ("api",),
    ("footage",),
    ("train",),
    ("engine_build",),
    ("batch", "bench", "doctor", "lens", "report"),
    ("cli",),
    ("rtpose", "__main__"),  # the Python face, which loads everything on demand
)
LEVEL = {room: level for level, rooms in enumerate(ROOMS) for room in rooms}
MAX_LINES = 400


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else module


def test_every_room_has_its_place() -> None:
    assert {room_of(module) for module in sources.modules()} - set(LEVEL) == set()


def test_no_import_leads_up_or_to_a_neighbour() -> None:
    wrong = [
        f"{module} imports {imported}"
        for module, found in sources.imports().items()
        for imported in sorted(found)
        if room_of(module) != room_of(imported) and LEVEL[room_of(module)] <= LEVEL[room_of(imported)]
    ]
    assert not wrong, "\n" + "\n".join(wrong)


def test_only_the_session_and_the_command_line_put_parts_together() -> None:
    """No other module imports both an estimator's parts and what happens to its results."""
    parts = ({"pose"}, {"outputs", "server"})
    assemblers = {
        room_of(module)
        for module, found in sources.imports().items()
        if all(part & {room_of(imported) for imported in found} for part in parts)
    }
    assert "session" in assemblers
    assert assemblers <= {"cli", "session"}


def circles(graph: dict[str, set[str]]) -> Iterator[list[str]]:
    """Groups of modules that reach each other (Tarjan's strongly connected components of more than one module)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []

    def visit(module: str) -> Iterator[list[str]]:
        order[module] = low[module] = len(order)
        stack.append(module)
        for imported in sorted(graph[module]):
            if imported not in order:
                yield from visit(imported)
                low[module] = min(low[module], low[imported])
            elif imported in stack:
                low[module] = min(low[module], order[imported])
        if low[module] == order[module]:
            group = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(group) > 1:
                yield sorted(group)

    for module in sorted(graph):
        if module not in order:
            yield from visit(module)


def test_circles_are_found() -> None:
    assert list(circles({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()})) == [["b", "c"]]


def test_no_imports_in_a_circle() -> None:
    found = [" <-> ".join(group) for group in circles(sources.imports())]
    assert not found, "\n" + "\n".join(found)


def test_no_module_is_too_long() -> None:
    lines = {
        str(path.relative_to(sources.PACKAGE)): len(path.read_text(encoding="utf-8").splitlines())
        for path in sources.PACKAGE.rglob("*.py")
    }
    assert len(lines) > 100
    assert {name: count for name, count in lines.items() if count > MAX_LINES} == {}
