"""An estimator that can be replaced while it runs."""

from __future__ import annotations

from collections.abc import Callable

from rtpose.types import Camera, Estimator, Frame, Person3D


class ReplaceableEstimator:
    """Passes everything on to the newest estimator. A frame that is begun is finished by the one that began it."""

    def __init__(self, estimator: Estimator) -> None:
        self._current = estimator

    def replace(self, estimator: Estimator) -> None:
        """Use this one from the next frame on. Any thread."""
        self._current = estimator

    def begin(self, frame: Frame, camera: Camera) -> Callable[[], list[Person3D]]:
        """See `Estimator`."""
        return self._current.begin(frame, camera)

    def estimate(self, frame: Frame, camera: Camera) -> list[Person3D]:
        """See `Estimator`."""
        return self._current.estimate(frame, camera)

    def reset(self) -> None:
        """See `Estimator`."""
        self._current.reset()

    def describe(self) -> dict[str, object]:
        """See `Estimator`."""
        return self._current.describe()
