"""`rtpose.train.cascaded.open_pictures`."""

from pathlib import Path
from typing import Any

import pytest
from posenet_files import write_mupots
from stick_people import StickPeople, write_rendered

from rtpose.errors import InputError
from rtpose.train.cascaded import open_pictures as module
from rtpose.train.cascaded.open_pictures import SplitName, open_pictures
from rtpose.train.data.readers.posenet_release import PictureSet


def test_rendered_people_with_and_without_their_name(tmp_path: Path) -> None:
    write_rendered(tmp_path / "people", StickPeople(2))
    for text in (f"rendered:{tmp_path / 'people'}", str(tmp_path / "people")):
        pictures, about = open_pictures(text, "test")
        assert len(pictures) == 2
        assert about["rendered"]["split"] == "train"


def test_a_data_set_by_name_and_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_mupots(tmp_path, {"TS1": 2})
    pictures, about = open_pictures(f"mupots:{tmp_path}", "test")
    assert (len(pictures), about) == (2, {"data_set": "MuPoTS-3D", "pictures": 2})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="mupots:FOLDER"):
        open_pictures("mupots", "test")


def test_human36m_never_chooses_weights_by_its_test_subjects(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def noted(name: str, folder: Path, **options: Any) -> PictureSet:
        asked.append(options)
        return PictureSet([])

    monkeypatch.setattr(module, "open_picture_set", noted)
    parts: tuple[SplitName, ...] = ("train", "validation", "test")
    for part in parts:
        open_pictures("human36m:somewhere", part)
    assert asked == [
        {"subjects": (1, 5, 6, 7), "every": 5}, {"subjects": (8,), "every": 64}, {"subjects": (9, 11), "every": 64},
    ]  # fmt: skip


def test_protocol_2_tests_on_s11_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, Any]] = []

    def noted(name: str, folder: Path, **options: Any) -> PictureSet:
        asked.append((name, options["subjects"]))
        return PictureSet([])

    monkeypatch.setattr(module, "open_picture_set", noted)
    for part in ("train", "validation", "test"):
        open_pictures("human36m-protocol2:somewhere", part)
    assert asked == [("human36m", (1, 5, 6, 7, 9)), ("human36m", (8,)), ("human36m", (11,))]
