"""Loads networks once, and shares each among all users."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtpose.networks.backends import load_backend
from rtpose.networks.engines import choose_engine
from rtpose.networks.options import DEFAULT_OPTIONS, LoadOptions
from rtpose.turns import others_turn
from rtpose.types import Backend

Substitute = Callable[[Callable[[], Backend]], Backend]
"""Takes the function that would load a network, and returns what to run instead."""


class NetworkPool:
    """Loads each network once. Pass one pool to all that may share networks; `load` itself is for one thread."""

    def __init__(self) -> None:
        self._loaded: dict[tuple[Path, LoadOptions], Backend] = {}
        self._substitutes: dict[Path, Substitute] = {}

    def substitute(self, source: Path, by: Substitute) -> None:
        """From now on `load` returns the result of `by` for this file's network: to record its inputs, or to try an
        engine inside the estimator that uses it."""
        self._substitutes[source.resolve()] = by

    def load(self, source: Path, options: LoadOptions = DEFAULT_OPTIONS) -> Backend:
        """A network's file, or the engine that was built of it. Several threads may run what this returns.

        Errors: those of `choose_engine` and `load_backend`.
        """
        key = (source.resolve(), options)
        if key not in self._loaded:

            def load() -> Backend:
                return _load(source, options)

            by = self._substitutes.get(key[0])
            self._loaded[key] = _OneAtATime(load() if by is None else by(load))
        return self._loaded[key]


class _OneAtATime:
    """A loaded network that several threads may run. See `rtpose.types.Backend`."""

    def __init__(self, backend: Backend) -> None:
        self.input_shapes = backend.input_shapes
        self.output_names = backend.output_names
        self.metadata = backend.metadata
        self._backend = backend
        self._lock = threading.Lock()

    def run(self, inputs: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        """One forward pass; waits while another thread's is running."""
        with others_turn(), self._lock:
            return self._backend.run(inputs)


def _load(source: Path, options: LoadOptions) -> Backend:
    choice = choose_engine(source, options)
    chosen = replace(options, precision=choice.precision)
    if options.backend == "tensorrt" and choice.file == source:  # refused: another backend runs its fp32
        chosen = replace(chosen, backend="openvino", device=None)
    return load_backend(choice.file, chosen)
