"""Which network `auto` takes, with made-up speeds."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtpose.errors import ModelError
from rtpose.networks import downloads
from rtpose.pose.detect import choose
from rtpose.pose.detect.choose import choose_network


class Machine:
    """How fast the networks are, and which are there."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ms = {"full": 7.0, "heavy": 40.0}
        self.missing: set[str] = set()
        self.measured: list[str] = []
        monkeypatch.setattr(choose, "_measure_ms", self.measure)
        monkeypatch.setattr(downloads, "ensure", self.ensure)

    def measure(self, network: str, *args: object) -> float:
        self.measured.append(network)
        return self.ms[network]

    def ensure(self, name: str) -> Path:
        if any(network in name for network in self.missing):
            raise ModelError("no connection: check it")
        return Path(name)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


def test_files_get_the_best(machine: Machine) -> None:
    chosen = choose_network(live=False)
    assert chosen.network == "heavy"
    assert "a file need not keep up" in chosen.reason
    assert machine.measured == []


@pytest.mark.parametrize(
    ("full_ms", "heavy_ms", "persons", "expected", "measured"),
    [
        (30.0, None, 1, "lite", ["full"]),
        (7.0, None, 1, "full", ["full"]),  # heavy would need more than 4 x 7 ms: it is not even tried
        (4.0, 22.0, 1, "full", ["full", "heavy"]),
        (3.0, 16.0, 1, "heavy", ["full", "heavy"]),
        (3.0, None, 2, "full", ["full"]),
        (7.0, None, 4, "lite", ["full"]),
    ],
)
def test_live_takes_the_best_that_keeps_up(
    machine: Machine, full_ms: float, heavy_ms: float | None, persons: int, expected: str, measured: list[str]
) -> None:
    machine.ms = {"full": full_ms} | ({} if heavy_ms is None else {"heavy": heavy_ms})
    chosen = choose_network(live=True, persons=persons)
    assert chosen.network == expected
    assert machine.measured == measured
    assert f"{heavy_ms if expected == 'heavy' else full_ms:.0f} of the {20 / persons:.0f} ms" in chosen.reason
    assert "\n" not in chosen.reason


@pytest.mark.parametrize("missing", ["lite", "heavy"])
def test_what_cannot_be_fetched_leaves_full(machine: Machine, missing: str) -> None:
    machine.missing = {missing}
    machine.ms = {"full": 30.0 if missing == "lite" else 3.0}
    chosen = choose_network(live=True)
    assert chosen.network == "full"
    assert chosen.reason == f"{missing} is not there: no connection: check it"
    if missing == "heavy":
        assert choose_network(live=False).network == "full"


def test_the_real_full_network_is_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RTPOSE_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(choose, "HEAVY_OVER_FULL", 1e9)  # or a fast machine would fetch heavy
    monkeypatch.setattr(choose, "LIVE_FPS", 0.01)
    chosen = choose_network(live=True)
    assert chosen.network == "full"
    assert chosen.reason.endswith("heavy would take longer")
