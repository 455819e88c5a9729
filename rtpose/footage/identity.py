"""Whether ids hold: IDF1 (Ristani et al. 2016, "Performance Measures and a Data Set for Multi-Target, Multi-Camera
Tracking")."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtpose.assignment import assign


def idf1(
    columns: NDArray[np.int64], ids: NDArray[np.int64], counted: NDArray[np.bool_], surplus: NDArray[np.bool_]
) -> float:
    """The share of frames, 0..1, in which people have the one id that fits them best over the whole clip.

    columns: (T, Q) the column of `ids` that each true person was matched with, -1 for none (`measure.follow`). ids:
    (T, P), -1 for no one. counted: (T, Q) the person is visible. surplus: (T, P) the estimate counts: all except those
    matched with hidden people.
    """
    people = columns.shape[1]
    known = np.unique(ids[ids >= 0])
    together = np.zeros((people, len(known)))
    for person in range(people):
        rows = np.flatnonzero(counted[:, person] & (columns[:, person] >= 0))
        of_frames = ids[rows, columns[rows, person]]
        together[person] = [(of_frames == number).sum() for number in known]
    true_frames, estimates = int(counted.sum()), int((surplus & (ids >= 0)).sum())
    if true_frames + estimates == 0:
        return 1.0
    most = together.max(initial=0.0)
    best = assign(most - together, 1e3 * (most + 1))
    right = sum(together[person, column] for person, column in enumerate(best) if column >= 0)
    return float(2 * right / (true_frames + estimates))
