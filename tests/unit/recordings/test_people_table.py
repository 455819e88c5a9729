"""The columns of a recording's people."""

from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from rtpose.recordings.people_table import assign_columns

Frames = list[set[int]]


def columns_of(frames: Frames) -> tuple[list[dict[int, int]], int]:
    """Per frame id -> column, and the number of columns."""
    seen = [(i, track_id) for i, ids in enumerate(frames) for track_id in sorted(ids)]
    columns, count = assign_columns(seen)
    table: list[dict[int, int]] = [{} for _ in frames]
    for (frame, track_id), column in zip(seen, columns, strict=True):
        table[frame][track_id] = int(column)
    return table, count


@given(st.lists(st.sets(st.integers(0, 6), max_size=4), max_size=40))
def test_columns_are_as_many_as_people_at_once_and_nobody_shares(frames: Frames) -> None:
    table, count = columns_of(frames)
    assert count == max(map(len, frames), default=0)
    for row in table:
        assert len(set(row.values())) == len(row)
        assert all(0 <= column < count for column in row.values())
    for before, after in pairwise(table):
        assert all(after[who] == column for who, column in before.items() if who in after), "moved while seen"


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(0, 2**20)), max_size=12))
def test_one_column_for_life_where_that_is_possible(lives: list[tuple[int, int, int]]) -> None:
    """If never more people are between their first and last frame than are seen at once, nobody moves."""
    frames: Frames = [set() for _ in range(21)]
    spans = {}
    for who, (a, b, holes) in enumerate(lives):
        first, last = min(a, b), max(a, b)
        spans[who] = (first, last)
        for t in range(first, last + 1):
            if t in (first, last) or not holes >> t & 1:
                frames[t].add(who)
    alive = max((sum(a <= t <= b for a, b in spans.values()) for t in range(21)), default=0)
    table, count = columns_of(frames)
    if alive == count:
        for who in spans:
            assert len({row[who] for row in table if who in row}) == 1


def test_a_newcomer_leaves_alone_who_only_blinks() -> None:
    table, count = columns_of([{1, 2}, {1}, {1}, {1, 3}, {3}, {2, 3}])
    # 1 leaves for good later than 3 comes, 2 comes back: there are only two columns, and 3 must take one.
    assert count == 2
    assert table[0] == {1: 0, 2: 1}
    table, _ = columns_of([{1, 2}, {2}, {2, 3}, {2, 3}, {3}, {2, 3}])
    assert [row.get(3) for row in table[2:]] == [0] * 4, "1 has left for good: its column is the free one"
    assert table[5][2] == 1


@given(st.lists(st.sets(st.integers(0, 6), max_size=4), max_size=20), st.randoms())
def test_the_order_in_which_a_frame_names_its_people_does_not_matter(frames: Frames, random: Random) -> None:
    seen = [(i, track_id) for i, ids in enumerate(frames) for track_id in sorted(ids)]
    columns, _ = assign_columns(seen)
    expected = dict(zip(seen, columns.tolist(), strict=True))
    shuffled = sorted(seen, key=lambda cell: (cell[0], random.random()))
    columns, _ = assign_columns(shuffled)
    assert dict(zip(shuffled, columns.tolist(), strict=True)) == expected
