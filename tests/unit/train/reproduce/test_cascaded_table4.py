"""`rtpose reproduce cascaded-table4` with tiny settings, whole."""

from pathlib import Path

import numpy as np
import pytest
from stick_people import StickPeople, write_rendered

from rtpose.errors import ConfigError, InputError
from rtpose.train.reproduce.cascaded_table4 import reproduce_cascaded_table
from rtpose.train.reproduce.lifter_tables import reproduce_lifter_table
from rtpose.train.reproduce.page import write_page
from rtpose.train.reproduce.results import table_note, table_rows
from rtpose.train.reproduce.tables import TABLES

NAME = "cascaded-table4"
TINY = [
    "network.input_px=64", "network.depth_channels=16", "network.trunk=resnet18", "network.trunk_width=0.125",
    "network.width=8", "network.lift_width=16", "trunk_learns=all", "batch_size=4", "validate_every=2", "device=cpu",
    "stage_one.epochs=1", "stage_one.steps_per_epoch=2", "stage_two.epochs=1", "stage_two.steps_per_epoch=2",
]  # fmt: skip


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    write_rendered(tmp_path / "train", StickPeople(6))
    write_rendered(tmp_path / "test", StickPeople(8), split="test")
    return [tmp_path / "train", tmp_path / "test"]


@pytest.mark.slow
def test_the_table_is_trained_resumed_and_written(folders: list[Path], tmp_path: Path) -> None:
    cells = reproduce_cascaded_table(NAME, folders, tmp_path / "runs", overrides=TINY)
    assert [cell.row.label for cell in cells] == ["Baseline", "w/ JH", "w/ BJ", "Full"]
    assert len({cell.value for cell in cells}) == 4  # four different networks
    assert all(len(cell.per_pose) == 4 for cell in cells)  # the second half of the test people
    assert all(cell.value == pytest.approx(cell.per_pose.mean()) for cell in cells)
    head, *rows = table_rows(NAME, cells)
    assert head[1] == "ours: MPJPE in mm on rendered people, subjects 05, 17, 131"
    assert [row[2] for row in rows] == ["54.1", "52.0", "50.8", "48.7"]
    assert rows[0][1] == f"{cells[0].value:.1f}"
    example = cells[0].example_of(2)
    assert example.truth_mm.shape == example.aligned_mm.shape == (17, 3)
    assert np.abs(example.truth_mm[0]).max() == pytest.approx(0, abs=1e-3)
    steps: list[int] = []
    again = reproduce_cascaded_table(
        NAME, folders, tmp_path / "runs", overrides=TINY, report=lambda label, step: steps.append(step.step)
    )
    assert [cell.value for cell in again] == [cell.value for cell in cells]
    assert steps == []  # finished trainings are taken as they are
    note = table_note(cells, TINY)
    assert "the weights that were best on other pictures of the subjects tested on;" in note
    write_page(tmp_path / "index.html", NAME, cells, note=note)
    page = (tmp_path / "index.html").read_text()
    assert all(row.label in page for row in TABLES[NAME].rows)


def test_wrong_folders(folders: list[Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="twice"):
        reproduce_cascaded_table(NAME, folders[:1], tmp_path)
    with pytest.raises(ConfigError, match="--test"):
        reproduce_cascaded_table(NAME, folders[::-1], tmp_path)
    with pytest.raises(InputError, match="no rendered pictures"):
        reproduce_cascaded_table(NAME, [folders[0], tmp_path / "gone"], tmp_path)


def test_it_is_no_table_of_lifters(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="rendered people"):
        reproduce_lifter_table(NAME, [], tmp_path)
