from itertools import permutations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rtpose.assignment import assign

FORBIDDEN = 1e6
costs = st.lists(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0, 3.0, FORBIDDEN]), min_size=4, max_size=4), max_size=4)


@given(costs, st.integers(0, 4))
def test_as_many_pairs_as_possible_and_the_cheapest_of_these(rows: list[list[float]], columns: int) -> None:
    cost = np.array(rows).reshape(-1, 4)[:, :columns]
    taken = assign(cost, FORBIDDEN)
    pairs = [(row, column) for row, column in enumerate(taken) if column >= 0]
    assert len(taken) == len(cost)
    assert len({column for _, column in pairs}) == len(pairs)
    assert all(cost[pair] < FORBIDDEN for pair in pairs)
    size = max(cost.shape)
    square = np.full((size, size), FORBIDDEN)
    square[: cost.shape[0], : cost.shape[1]] = cost
    best = min(square[range(size), order].sum() for order in permutations(range(size)))
    assert sum(cost[pair] for pair in pairs) + FORBIDDEN * (size - len(pairs)) == best
