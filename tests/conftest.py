"""What all tests share: helpers on the path, and the real clips beside the project."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "helpers"))

SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def media() -> Path:
    """Folder of real clips; the test is skipped without it."""
    folder = SHARED / "media"
    if not folder.is_dir():
        pytest.skip("no real clips beside the project (../shared/media)")
    return folder


@pytest.fixture(scope="session")
def motion() -> Path:
    """Folder of the full motion packs; the test is skipped without it."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip("no motion data beside the project (../shared/data)")
    return folder
