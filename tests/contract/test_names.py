"""One name, one meaning: a public class or function of a module has no namesake in another module."""

import ast
from collections import defaultdict

import package_sources as sources

# Names that several modules define because they all play the same part, and the folder whose modules play it.
SAME_ROLE = {
    "write": "rtpose.recordings.export.",  # writes one format; looked up in a table of formats
    "PersonFinder": "rtpose.pose.detect.",  # finds the people of a picture with one family of networks
    "check_device": "rtpose.networks.backends.",  # the backends answer the same questions
    "devices": "rtpose.networks.backends.",
    "version": "rtpose.networks.backends.",
}

FACE = {"open_source", "load_recording"}
"""Names that the Python face (`rtpose.api`) offers as wrappers of the room's functions with the same names."""


def definitions() -> dict[str, list[str]]:
    """Public class or function -> the modules that define it at their top level."""
    found = defaultdict(list)
    for module in sources.modules():
        for node in sources.tree(module).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name[0] != "_":
                found[node.name].append(module)
    return found


def test_no_public_name_has_two_meanings() -> None:
    twins = []
    for name, modules in definitions().items():
        role = SAME_ROLE.get(name)
        others = [m for m in modules if role is None or not m.startswith(role)]
        if name in FACE:
            modules = [m for m in modules if m != "rtpose.api"]
        if len(modules) > 1 and others:
            twins.append(f"{name}: {', '.join(modules)}")
    assert not twins, "\n" + "\n".join(sorted(twins))


def test_the_exceptions_are_needed() -> None:
    found = definitions()
    needed = {name: [m for m in found[name] if m.startswith(role)] for name, role in SAME_ROLE.items()}
    assert all(len(modules) > 1 for modules in needed.values()), needed
