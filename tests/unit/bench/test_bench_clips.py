"""Clips made for measuring."""

from pathlib import Path

import numpy as np
import pytest
from clips import read_clip, write_clip

from rtpose.bench.clips import copied_box, make_1080p, make_crowd


def test_the_box_holds_the_person_of_all_frames_and_stays_in_the_picture() -> None:
    joints = np.full((3, 2, 2), np.nan, np.float32)
    joints[0] = [[21, 40], [31, 60]]
    joints[2] = [[25, 50], [41, 141]]  # from 21 to 41 and from 40 to 141: a margin of 10.1
    assert copied_box(joints, (640, 480)) == (10, 28, 50, 150)
    assert copied_box(joints, (46, 145)) == (10, 28, 46, 144)


@pytest.mark.parametrize("people", [1, 3])
def test_places_are_filled_one_by_one(tmp_path: Path, people: int) -> None:
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[16:48, 32:64] = 250
    clip = write_clip(tmp_path / "clip.mp4", [picture] * 3)
    make_crowd(clip, tmp_path / "crowd.mp4", people, (32, 16, 64, 48))
    made = read_clip(tmp_path / "crowd.mp4")
    assert len(made) == 3
    assert made[0].shape == (64, 64, 3)
    places = [made[0][y : y + 32, x : x + 32].mean() for y in (0, 32) for x in (0, 32)]
    assert places == pytest.approx([250] * people + [128] * (4 - people), abs=4)


def test_a_clip_is_scaled_into_1080p(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", [np.full((48, 48, 3), 200, np.uint8)] * 2)
    make_1080p(clip, tmp_path / "large.mp4")
    made = read_clip(tmp_path / "large.mp4")
    assert [picture.shape for picture in made] == [(1080, 1920, 3)] * 2
    assert made[0][500, 960].mean() == pytest.approx(200, abs=4)
    assert made[0][500, 400].mean() < 8  # black beside a square
    assert made[0][500, 430].mean() == pytest.approx(200, abs=8)
