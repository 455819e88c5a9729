import numpy as np
import pytest

from rtpose.footage.identity import idf1

FRAMES = 10


def of(ids: list[list[int]], columns: list[list[int]] | None = None) -> float:
    numbers = np.array(ids)
    matched = np.where(numbers >= 0, np.arange(numbers.shape[1]), -1) if columns is None else np.array(columns)
    return idf1(matched, numbers, np.ones(matched.shape, bool), np.ones(numbers.shape, bool))


def test_ids_that_hold_are_perfect() -> None:
    assert of([[0, 1]] * FRAMES) == 1.0
    assert of([[7, 3]] * FRAMES) == 1.0


def test_an_exchange_in_the_middle_costs_half() -> None:
    assert of([[0, 1]] * 5 + [[1, 0]] * 5) == pytest.approx(0.5)


def test_a_new_id_costs_the_shorter_part() -> None:
    assert of([[0]] * 8 + [[1]] * 2) == pytest.approx(0.8)


def test_frames_without_the_person_and_bodies_without_a_person_count() -> None:
    assert of([[0]] * 8 + [[-1]] * 2) == pytest.approx(2 * 8 / 18)
    assert of([[0, 1]] * FRAMES, [[0]] * FRAMES) == pytest.approx(2 * 10 / 30)


def test_hidden_people_need_not_be_found_but_may() -> None:
    ids, columns = np.zeros((FRAMES, 1), int), np.zeros((FRAMES, 1), int)
    counted = np.arange(FRAMES)[:, None] < 6
    assert idf1(columns, ids, counted, counted) == 1.0
