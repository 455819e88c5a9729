"""A set of footage whose truth is known."""

from pathlib import Path

import pytest
from footage_files import write_set

from rtpose.footage.sets import FootageSet, load_set


@pytest.fixture
def footage(tmp_path: Path) -> FootageSet:
    return load_set(write_set(tmp_path / "room"))
