"""Python in other processes, which never imports from the user's current folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

PYTHON = (sys.executable, "-P")
"""The command that starts it."""


@contextmanager
def safe_path() -> Iterator[None]:
    """Processes of `multiprocessing` that are started in the block do not import from the current folder either."""
    name = "PYTHONSAFEPATH"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
