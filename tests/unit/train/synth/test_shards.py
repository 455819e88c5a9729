"""Pictures on disk: what is written is read, and a stopped run goes on."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from rtpose.errors import InputError
from rtpose.train.synth.people import RenderedPerson, RenderedPicture
from rtpose.train.synth.shards import FORMAT, RenderedFolder, write_shard
from rtpose.train.synth.sheet import contact_sheet, write_picture
from rtpose.types import Camera


def made_up(seed: int, people: int) -> RenderedPicture:
    rng = np.random.default_rng(seed)
    image = np.full((48, 64, 3), rng.integers(0, 255, 3), np.uint8)
    persons = tuple(
        RenderedPerson(
            rng.uniform(0, 48, (17, 2)).astype(np.float32), rng.uniform(1, 3, (17, 3)).astype(np.float32),
            rng.random(17) < 0.5, np.array([1, 2, 30, 40], np.float32),
        )
        for _ in range(people)
    )  # fmt: skip
    return RenderedPicture(image, persons, Camera(50.0 + seed, 50.0 + seed, 32.0, 24.0))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pictures.json").write_text(json.dumps({"format": FORMAT}), encoding="utf-8")
    write_shard(tmp_path, 0, [made_up(0, 1), made_up(1, 3)])
    write_shard(tmp_path, 2, [made_up(2, 2)])
    return tmp_path


def test_what_is_written_is_read(folder: Path) -> None:
    (folder / "shard-00003.jpegs").write_bytes(b"a stopped run's")
    pictures = RenderedFolder(folder)
    assert len(pictures) == 3
    for read in (pictures, pickle.loads(pickle.dumps(pictures))):
        for i, people in enumerate((1, 3, 2)):
            picture, expected = read[i], made_up(i, people)
            assert picture.camera == expected.camera
            assert np.abs(picture.image.astype(int) - expected.image).max() <= 4  # JPEG
            assert len(picture.people) == people
            for person, other in zip(picture.people, expected.people, strict=True):
                assert np.array_equal(person.joints_px, other.joints_px)
                assert np.array_equal(person.joints_m, other.joints_m)
                assert np.array_equal(person.visible, other.visible)
                assert np.array_equal(person.box_px, other.box_px)
    with pytest.raises(IndexError):
        pictures[3]


def test_missing_and_foreign_folders_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="rtpose data render"):
        RenderedFolder(tmp_path / "nothing")
    (folder / "pictures.json").write_text(json.dumps({"format": 99}), encoding="utf-8")
    with pytest.raises(InputError, match="99"):
        RenderedFolder(folder)


def test_a_sheet_shows_joints(folder: Path, tmp_path: Path) -> None:
    pictures = [made_up(0, 1), made_up(1, 2), made_up(2, 0)]
    sheet = contact_sheet(pictures, columns=2)
    assert sheet.shape == (96, 128, 3)
    assert not np.array_equal(sheet[:48, :64], pictures[0].image)
    assert np.array_equal(sheet[48:, :64], pictures[2].image)
    write_picture(tmp_path / "sheet.png", sheet)
    assert (tmp_path / "sheet.png").stat().st_size > 100
