"""What all tests share: helpers on the path, skips for extras that are not installed, and the real clips."""

import os
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

# Two test processes on few cores: more threads in each would mostly wait for each other. Read when torch is loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")

sys.path.insert(0, str(Path(__file__).parent / "helpers"))

from extras import IN_CI, ModuleThatMayLackAnExtra, extra_of

# No test depends on how fast the machine is just now.
settings.register_profile("rtpose", deadline=None)
settings.load_profile("rtpose")
SHARED = Path(__file__).parents[2] / "shared"


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module:
    """Skip a test file whose imports need an extra that is not installed."""
    return ModuleThatMayLackAnExtra.from_parent(parent, path=module_path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, None, None]:
    """Skip a test that comes to import such a module while it runs."""
    try:
        return (yield)
    except ModuleNotFoundError as error:
        extra = extra_of(error)
        if extra is None or IN_CI:
            raise
    pytest.skip(f"the extra {extra} is not installed")


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
