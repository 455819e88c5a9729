"""Sharing and substituting networks."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from lifter_files import write_lifter

from rtpose.networks import pool as pool_module
from rtpose.networks.options import LoadOptions
from rtpose.networks.pool import NetworkPool
from rtpose.types import Backend


def test_a_network_can_be_substituted(tmp_path: Path) -> None:
    class Doubled:
        def __init__(self, inner: Backend) -> None:
            self.inner = inner
            self.input_shapes = inner.input_shapes
            self.output_names = inner.output_names
            self.metadata = inner.metadata

        def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            return {name: 2 * values for name, values in self.inner.run(inputs).items()}

    lifter = write_lifter(tmp_path / "svmac.onnx", width=8)
    points = {"points": np.ones((1, 34), np.float32)}
    plain = NetworkPool().load(lifter).run(points)["depth"]
    other = NetworkPool()
    other.substitute(lifter, lambda load: Doubled(load()))
    assert np.array_equal(other.load(lifter).run(points)["depth"], 2 * plain)
    assert np.array_equal(NetworkPool().load(lifter).run(points)["depth"], plain)


def test_a_pool_shares_networks_and_two_pools_do_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One is loaded for each file and way to run it, and one thread at a time is let into it."""
    loaded: list[tuple[Path, int | None]] = []
    inside, most = 0, 0

    class Network:
        input_shapes: ClassVar = {"points": (-1, 34)}
        output_names = ("depth",)
        metadata: ClassVar = {"name": "made up"}

        def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            time.sleep(0.02)
            inside -= 1
            return {"depth": inputs["points"] + 1}

    def load(file: Path, options: LoadOptions) -> Network:
        loaded.append((file, options.threads))
        return Network()

    monkeypatch.setattr(pool_module, "load_backend", load)
    one, two = tmp_path / "one.onnx", tmp_path / "two.onnx"
    shared, options = NetworkPool(), LoadOptions(threads=1)
    first = shared.load(one, options)
    assert shared.load(one, LoadOptions(threads=1)) is first
    assert shared.load(two, options) is not first
    assert shared.load(one, LoadOptions(threads=2)) is not first
    assert shared.load(one, LoadOptions(threads=1, outputs=("depth",))) is not first
    assert len(loaded) == 4
    assert NetworkPool().load(one, options) is not first
    assert (first.input_shapes, first.output_names) == ({"points": (-1, 34)}, ("depth",))
    assert first.metadata == {"name": "made up"}

    with ThreadPoolExecutor(4) as pool:
        given = [np.full(2, i, np.float32) for i in range(8)]
        results = list(pool.map(lambda points: first.run({"points": points})["depth"], given))
    assert most == 1
    np.testing.assert_array_equal(results, np.stack(given) + 1)
