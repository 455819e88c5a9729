"""A poses.npz, read as any user would: with numpy alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Recording:
    """The arrays as attributes' values, and questions about the first person."""

    def __init__(self, path: Path) -> None:
        with np.load(path, allow_pickle=False) as file:
            self.arrays: dict[str, NDArray[Any]] = {key: file[key] for key in file.files}
        self.meta: dict[str, Any] = json.loads(str(self.arrays["meta"]))
        self._names = [str(name) for name in self.arrays["joint_names"]]

    def __len__(self) -> int:
        return len(self.arrays["poses_3d"])

    @property
    def seen(self) -> NDArray[np.bool_]:
        """(T,) whether a whole pose of anybody is there."""
        return np.isfinite(self.arrays["poses_3d"]).all((2, 3)).any(1)

    def joint(self, name: str, key: str = "poses_3d") -> NDArray[np.float32]:
        """(T, …) of one joint of the first column."""
        return self.arrays[key][:, 0, self._names.index(name)]

    def median(self, upper: str, lower: str, axis: int, key: str = "poses_3d") -> float:
        """Median over the frames of (first joint - second joint) along an axis."""
        return float(np.nanmedian(self.joint(upper, key)[:, axis] - self.joint(lower, key)[:, axis]))
