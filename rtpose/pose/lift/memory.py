"""What a temporal lifter remembers of each person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rtpose.types import Float32

MAX_GAP_S = 0.5
"""After a longer gap a person counts as new."""


class Memory:
    """State tensors by track id."""

    def __init__(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """shapes: of one person's state, by the names of the network's inputs."""
        self.shapes = dict(shapes)
        self._people: dict[int, tuple[float, dict[str, Float32]]] = {}

    def reset(self) -> None:
        """Forget everybody."""
        self._people = {}

    def recall(self, track_ids: Sequence[int], t_s: float) -> dict[str, Float32]:
        """State (P, ...) of the people in a frame at `t_s`: zeros for new ones, after a gap, and if time went back."""
        self._people = {i: entry for i, entry in self._people.items() if 0 < t_s - entry[0] <= MAX_GAP_S}
        state = {name: np.zeros((len(track_ids), *shape), np.float32) for name, shape in self.shapes.items()}
        for row, track_id in enumerate(track_ids):
            if track_id in self._people:
                for name, values in self._people[track_id][1].items():
                    state[name][row] = values
        return state

    def keep(self, track_ids: Sequence[int], t_s: float, state: Mapping[str, Float32]) -> None:
        """Remember the state after the frame at `t_s`."""
        for row, track_id in enumerate(track_ids):
            self._people[track_id] = (t_s, {name: state[name][row] for name in self.shapes})
