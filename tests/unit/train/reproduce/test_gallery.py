"""`rtpose reproduce svmac-figure6` and its like on tiny folders."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from dataset_files import write_lsp, write_mpii

from rtpose.errors import ConfigError, InputError
from rtpose.train.reproduce import gallery
from rtpose.train.reproduce.gallery import write_gallery


@pytest.fixture
def no_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery, "image_element", lambda figure: "<img>")


def _pictures(folder: Path, *names: str) -> None:
    (folder / "images").mkdir()
    for name in names:
        cv2.imwrite(str(folder / "images" / name), np.zeros((40, 40, 3), np.uint8))


def test_people_whose_pictures_are_there_are_shown(tmp_path: Path, no_drawing: None) -> None:
    lsp = write_lsp(tmp_path / "lsp", people=6)
    _pictures(lsp, "im0002.jpg", "im0005.jpg")
    write_gallery(tmp_path / "page.html", "svmac-figure6", lsp)
    text = (tmp_path / "page.html").read_text()
    assert text.count("<img>") == 2
    assert "Figure 6" in text

    mpii = write_mpii(tmp_path / "mpii", people=6)
    _pictures(mpii, "0.jpg", "3.jpg")  # the first one has no label of a foot
    write_gallery(tmp_path / "page.html", "consistency-figure8", mpii, lifter="svmac")
    assert (tmp_path / "page.html").read_text().count("<img>") == 1


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    lsp = write_lsp(tmp_path / "lsp", people=2)
    with pytest.raises(InputError, match="pictures there"):
        write_gallery(tmp_path / "page.html", "svmac-figure6", lsp)
    with pytest.raises(ConfigError, match="svmac-figure5"):
        write_gallery(tmp_path / "page.html", "svmac-figure9", lsp)
