"""One-to-one assignment of least total cost (Kuhn 1955, by shortest augmenting paths); for a few rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def assign(cost: NDArray[np.float64], forbidden: float) -> list[int]:
    """The column of each row, -1 for none: as many pairs as possible, and of these the cheapest.

    cost: (rows, columns), finite; entries from `forbidden` on are no pairs, all others must be far below it.
    """
    rows, columns = cost.shape
    if not rows or not columns:
        return [-1] * rows
    if rows == columns == 1:
        return [0 if cost[0, 0] < forbidden else -1]
    size = max(rows, columns)
    square = np.full((size + 1, size + 1), forbidden)
    square[1 : rows + 1, 1 : columns + 1] = np.minimum(cost, forbidden)
    of_row, of_column = np.zeros(size + 1), np.zeros(size + 1)  # prices
    row_at = np.zeros(size + 1, int)  # column -> row; 0: none
    for row in range(1, size + 1):
        row_at[0] = row
        least = np.full(size + 1, np.inf)
        came_from = np.zeros(size + 1, int)
        done = np.zeros(size + 1, bool)
        column = 0
        while row_at[column]:
            done[column] = True
            here = row_at[column]
            rest = square[here] - of_row[here] - of_column
            better = ~done & (rest < least)
            least[better], came_from[better] = rest[better], column
            nearest = int(np.where(done, np.inf, least).argmin())
            step = least[nearest]
            of_row[row_at[done]] += step
            of_column[done] -= step
            least[~done] -= step
            column = nearest
        while column:
            row_at[column] = row_at[came_from[column]]
            column = came_from[column]
    taken = [-1] * rows
    for column in range(1, columns + 1):
        row = row_at[column]
        if 1 <= row <= rows and square[row, column] < forbidden:
            taken[row - 1] = column - 1
    return taken
