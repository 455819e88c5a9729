"""Room that gets short, with a disk and a clock made up."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rtpose.recordings.disk_space import LOW_BYTES, RESERVE_BYTES, DiskWatch, free_bytes

MB = 2**20


class Disk:
    def __init__(self, free: int) -> None:
        self.free = free
        self.now_s = 100.0

    def watch(self) -> DiskWatch:
        return DiskWatch(Path("folder"), free_bytes=lambda folder: self.free, clock=lambda: self.now_s)


def test_room_by_bytes() -> None:
    disk = Disk(LOW_BYTES + MB)
    watch = disk.watch()
    watch.check(0)
    assert (watch.warning, watch.full) == ("", False)
    disk.free, disk.now_s = LOW_BYTES - MB, 101
    watch.check(1000)
    assert watch.warning == "disk nearly full: 199 MB free"
    assert not watch.full
    disk.free, disk.now_s = RESERVE_BYTES, 102
    watch.check(2000)
    assert watch.full
    assert watch.warning == "disk nearly full: 32 MB free"


def test_room_by_time() -> None:
    """10 MB a second: 1.2 GB are two minutes."""
    disk = Disk(1200 * MB + RESERVE_BYTES)
    watch = disk.watch()
    disk.now_s += 10
    watch.check(100 * MB)
    assert watch.warning == "disk nearly full: 1232 MB free, enough for 2 minutes"
    disk.free, disk.now_s = 4000 * MB, 111
    watch.check(110 * MB)
    assert watch.warning == "", "someone made room"


def test_it_looks_once_a_second() -> None:
    disk = Disk(10**12)
    watch = disk.watch()
    watch.check(0)
    disk.free, disk.now_s = 0, 100.9
    watch.check(0)
    assert not watch.full
    disk.now_s = 101.0
    watch.check(0)
    assert watch.full


def test_a_disk_that_does_not_say(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(folder: Path) -> int:
        raise OSError("gone")

    watch = DiskWatch(Path("folder"), free_bytes=fail)
    watch.check(0)
    assert (watch.warning, watch.full) == ("", False)


def test_the_real_disk(tmp_path: Path) -> None:
    look: Callable[[Path], int] = free_bytes
    assert 0 < look(tmp_path) < 2**60
