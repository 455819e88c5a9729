"""The 2D joints of a recording are in pixels of its first picture, even if the size changes later."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rtpose.types import Person3D, Result


class FirstSize:
    """Converts people to the size of the first picture: scaled to fit and centred, like the run's videos."""

    def __init__(self) -> None:
        self._size: tuple[int, int] | None = None

    def people(self, result: Result) -> tuple[Person3D, ...]:
        """The people with their boxes and 2D joints in pixels of the first result's picture."""
        size = result.frame.size
        self._size = self._size or size
        if size == self._size:
            return result.persons
        scale = min(self._size[0] / size[0], self._size[1] / size[1])
        edge = (np.array(self._size) - scale * np.array(size)) / 2
        moved = []
        for person in result.persons:
            keypoints = person.keypoints_2d.copy()
            keypoints[:, :2] = scale * keypoints[:, :2] + edge
            box = (scale * person.bbox + np.tile(edge, 2)).astype(np.float32)
            moved.append(replace(person, keypoints_2d=keypoints, bbox=box))
        return tuple(moved)
