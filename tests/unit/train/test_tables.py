"""`rtpose reproduce` with tiny settings, whole."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from rtpose.assets import small_val_pack
from rtpose.errors import ConfigError, InputError
from rtpose.train.motion_pack import MotionPack, load_motion_pack, of_subjects
from rtpose.train.tables import TABLES, TEST_SUBJECT, reproduce, table_rows
from rtpose.train.tables_page import write_page

TINY = ["width=8", "batch_size=8", "steps=2", "validate_every=1"]


@pytest.fixture(scope="module")
def packs() -> tuple[MotionPack, MotionPack, MotionPack]:
    whole = load_motion_pack(small_val_pack())
    parts = []
    for subject in whole.subjects:
        part = of_subjects(whole, [subject])
        poses = part.poses_m[::60]
        parts.append(dataclasses.replace(part, poses_m=poses, starts=np.array([0, len(poses)]), clips=part.clips[:1]))
    return tuple(parts)  # type: ignore[return-value]


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_trained_resumed_and_written(
    name: str, packs: tuple[MotionPack, MotionPack, MotionPack], tmp_path: Path
) -> None:
    cells = reproduce(name, packs, tmp_path, seeds=(0, 1), overrides=TINY)
    rows = TABLES[name].rows
    assert [(c.row.label, c.seed) for c in cells] == [(r.label, s) for r in rows for s in (0, 1)]
    assert len({c.value for c in cells}) == len(cells)  # every row is another training or another test
    runs = {(c.row.run or c.row.label, c.seed) for c in cells}
    assert len(list(tmp_path.iterdir())) == len(runs)
    head, *lines = table_rows(name, cells, data="the test")
    assert [line[0] for line in lines] == [r.label for r in rows]
    assert [line[2] for line in lines] == [r.paper for r in rows]
    assert "the test" in head[1]
    assert lines[0][1].startswith(f"{np.mean([c.value for c in cells[:2]]):.1f} (")

    steps: list[int] = []
    again = reproduce(name, packs, tmp_path, seeds=(0, 1), overrides=TINY, report=lambda label, p: steps.append(p.step))
    assert steps == []  # finished runs are taken
    assert [c.value for c in again] == [c.value for c in cells]

    page = tmp_path / "page.html"
    write_page(page, name, cells[:1], data="the test", note="tiny & <quick>")
    text = page.read_text()
    assert text.count("data:image/png;base64,") == 2
    assert "tiny &amp; &lt;quick&gt;" in text
    assert text.count("not run") == len(rows) - 1


def test_the_example_is_the_pose_of_the_figure(
    packs: tuple[MotionPack, MotionPack, MotionPack], tmp_path: Path
) -> None:
    (cell, *_) = reproduce("svmac-table4", packs, tmp_path, overrides=TINY)
    row = len(packs[2].poses_m) + 3  # second camera
    example = cell.example_of(row)
    error = np.linalg.norm(example.aligned_mm - example.truth_mm, axis=1).mean()
    assert error == pytest.approx(cell.per_pose[row], rel=1e-3)


def test_subjects_are_told_apart() -> None:
    whole = load_motion_pack(small_val_pack())
    test = of_subjects(whole, [TEST_SUBJECT])
    assert test.subjects == [TEST_SUBJECT]
    assert 0 < len(test.poses_m) < len(whole.poses_m)
    assert test.starts[-1] == len(test.poses_m)
    with pytest.raises(InputError, match="no subject 99"):
        of_subjects(whole, ["99"])


def test_unknown_table(packs: tuple[MotionPack, MotionPack, MotionPack], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="svmac-table4"):
        reproduce("table9", packs, tmp_path)
