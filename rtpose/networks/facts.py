"""The facts in a network file's metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rtpose.errors import ModelError
from rtpose.skeleton import H36M17


def read_facts(file: Path, metadata: Mapping[str, str], kind: str) -> dict[str, Any]:
    """A network's facts, checked against what this version can run. kind: what it should be, for the message.

    Errors: `ModelError` for a file that lacks them, or is of another skeleton or version.
    """
    facts: dict[str, Any] = {}
    for key, text in metadata.items():
        try:
            facts[key] = json.loads(text)
        except (ValueError, RecursionError):
            facts[key] = text
    missing = [key for key in ("name", "skeleton", "format", "normalisation") if key not in facts]
    if missing:
        raise ModelError(
            f"{file} is not an rtpose {kind}: its metadata lacks {', '.join(missing)} (expected a file that "
            "`rtpose train` exported)"
        )
    if facts["skeleton"] != H36M17.name:
        raise ModelError(f"{file} is a {kind} for the skeleton {facts['skeleton']}, expected {H36M17.name}")
    if facts["format"] != 1:
        raise ModelError(f"{file} is a {kind} of format {facts['format']}, this rtpose runs format 1: update rtpose")
    return facts
