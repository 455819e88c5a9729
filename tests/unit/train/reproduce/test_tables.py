"""`rtpose reproduce` with tiny settings, whole."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from dataset_files import write_human36m, write_lsp, write_mpi_inf_3dhp

from rtpose.assets import small_val_pack
from rtpose.errors import ConfigError, InputError
from rtpose.train.data.data_sets import MOTIONS, TEST_SUBJECT, BuiltInDataSet, DataSet, open_data_set
from rtpose.train.data.motion_pack import load_motion_pack, of_subjects
from rtpose.train.data.pack_evaluation import PackEvaluationSet
from rtpose.train.data.pack_training import PackTrainingSet
from rtpose.train.data.readers.human36m import ACTIONS
from rtpose.train.data.sets import EvaluationSet, TrainingSet
from rtpose.train.reproduce import lifter_tables, page
from rtpose.train.reproduce.lifter_tables import reproduce_lifter_table, shared_settings
from rtpose.train.reproduce.page import write_page
from rtpose.train.reproduce.results import compared, difference, table_note, table_rows
from rtpose.train.reproduce.tables import TABLES

TINY = ["width=8", "batch_size=8", "steps=2", "validate_every=1"]
ONE_STEP = ["width=8", "batch_size=8", "steps=1"]


class FewMotions:
    """One short clip for each part."""

    kind = MOTIONS
    exact_joints = False

    def __init__(self) -> None:
        whole = load_motion_pack(small_val_pack())
        self.packs = []
        for subject in whole.subjects:
            part = of_subjects(whole, [subject])
            poses = part.poses_m[::60]
            starts = np.array([0, len(poses)])
            self.packs.append(dataclasses.replace(part, poses_m=poses, starts=starts, clips=part.clips[:1]))

    def training(self) -> TrainingSet:
        return PackTrainingSet(self.packs[0])

    def validation(self) -> EvaluationSet:
        return PackEvaluationSet(self.packs[1])

    def test(self) -> EvaluationSet:
        return PackEvaluationSet(self.packs[2])

    def with_joints(self, source: str) -> DataSet:
        return self


@pytest.fixture
def no_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages without drawn figures, which take seconds. One test draws them."""
    monkeypatch.setattr(page, "image_element", lambda figure: '<img src="data:image/png;base64,">')


@pytest.fixture(scope="module")
def motions() -> FewMotions:
    return FewMotions()


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, table in TABLES.items() if not table.needs])
def test_a_table_is_trained_resumed_and_written(
    name: str, motions: FewMotions, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if name != "svmac-table4":
        request.getfixturevalue("no_drawing")
    rows = TABLES[name].rows
    seeds = (0, 1) if any(r.decisive for r in rows) else (0,)
    cells = reproduce_lifter_table(name, [motions], tmp_path, seeds=seeds, overrides=TINY)
    assert [(c.row.label, c.seed) for c in cells] == [(r.label, s) for r in rows for s in seeds[: 1 + r.decisive]]
    in_mm = [c.value for c in cells if c.metric.endswith("_mm")]
    assert len(set(in_mm)) == len(in_mm)  # every row is another training or another test
    assert set(tmp_path.iterdir()) == {c.folder for c in cells}  # the seeds of a row are one training
    head, *lines = table_rows(name, cells)
    assert [line[0] for line in lines] == [r.label for r in rows]
    assert [line[2] for line in lines] == [r.paper for r in rows]
    assert head[1].endswith(f"on cmu17_small_val.npz, subjects {motions.packs[2].subjects[0]}")
    assert head[2].endswith("on Human3.6M")
    of_first = [c.value for c in cells if c.row is rows[0]]
    assert lines[0][1].startswith(f"{np.mean(of_first):.1f}{' (' if len(seeds) > 1 else ''}")
    assert len(compared(cells)) == len({r.metric for r in rows if r.decisive})

    steps: list[int] = []
    again = reproduce_lifter_table(
        name, [motions], tmp_path, seeds=seeds, overrides=TINY, report=lambda label, p: steps.append(p.step)
    )
    assert steps == []  # finished runs are taken
    assert [c.value for c in again] == [c.value for c in cells]

    file = tmp_path / "page.html"
    write_page(file, name, cells[:1], note="tiny & <quick>")
    text = file.read_text()
    assert text.count("data:image/png;base64,") == 2
    assert "tiny &amp; &lt;quick&gt;" in text
    assert text.count("not run") == len(rows) - 1


def test_the_example_is_the_pose_of_the_figure(motions: FewMotions, tmp_path: Path) -> None:
    cells = reproduce_lifter_table("consistency-table3", [motions], tmp_path, overrides=TINY)
    row = len(motions.packs[2].poses_m) + 3  # second camera
    for cell in (c for c in cells if c.metric == "p_mpjpe_mm"):
        example = cell.example_of(row)
        error = np.linalg.norm(example.aligned_mm - example.truth_mm, axis=1).mean()
        assert error == pytest.approx(cell.per_pose[row], rel=1e-3)


def test_tables_of_human36m(tmp_path: Path, no_drawing: None) -> None:
    """GT and SH, trained on S1, S5, S6, S7; every action and their mean."""
    data = open_data_set(write_human36m(tmp_path / "h36m", sources=("gt", "sh")))
    cells = reproduce_lifter_table("svmac-table1", [data], tmp_path / "runs", overrides=ONE_STEP)
    assert [c.folder.name for c in cells] == ["gt-seed0", "sh-seed0", "sh-seed0"]
    assert [c.training.name for c in cells] == [f"Human3.6M, 2D joints: {joints}" for joints in ("gt", "sh", "sh")]
    assert [c.tested.joints_2d for c in cells] == ["gt", "sh", "gt"]
    assert cells[1].value != cells[2].value
    head, *lines = table_rows("svmac-table1", cells)
    assert head[1:3] == ["ours: P-MPJPE in mm on Human3.6M, subjects S11, S9", "paper: P-MPJPE in mm on Human3.6M"]
    assert [line[2] for line in lines] == ["56.5", "98.3", "64.8"]
    note = table_note(cells, ONE_STEP)
    for words in ("subjects S1, S5, S6, S7", "mean of the actions", "flip averaging: no", "scaled to", "S11's first"):
        assert words in note

    cells = reproduce_lifter_table("consistency-table2", [data], tmp_path / "runs2", overrides=ONE_STEP)
    assert len(cells) == 2 * 16
    gt = {cell.row.action: cell.value for cell in cells[:16]}
    assert list(gt) == [*ACTIONS, ""]
    assert gt[""] == pytest.approx((gt["Walking"] + gt["Sitting"]) / 2)  # the actions in the files
    assert np.isnan(gt["Eating"])
    write_page(tmp_path / "page.html", "consistency-table2", cells, note=note)
    text = (tmp_path / "page.html").read_text()
    assert text.count("data:image/png;base64,") == 2 * 2  # of the two trainings
    lines = table_rows("consistency-table2", cells)[1:]
    assert [line[2] for line in lines if "mean" in line[0]] == ["34.4", "51.6"]


def test_tables_of_mpi_inf_3dhp(tmp_path: Path, no_drawing: None) -> None:
    """One data set gives its rows, both give all; figures in per cent."""
    dhp = open_data_set(write_mpi_inf_3dhp(tmp_path / "3dhp"))
    h36m = open_data_set(write_human36m(tmp_path / "h36m"))
    cells = reproduce_lifter_table("svmac-table3", [dhp], tmp_path / "one", overrides=ONE_STEP)
    assert [c.row.trained_on for c in cells] == ["MPI-INF-3DHP"] * 3
    lines = table_rows("svmac-table3", cells)[1:]
    assert [line[1] for line in lines[:3]] == ["not run"] * 3
    assert [line[2] for line in lines] == ["86.9", "51.7", "80.3", "86.6", "53.1", "79.8"]
    assert float(lines[3][1]) == pytest.approx(100 * cells[0].value, abs=0.051)
    write_page(tmp_path / "page.html", "svmac-table3", cells, note="")
    cells = reproduce_lifter_table("svmac-table3", [h36m, dhp], tmp_path / "both", overrides=ONE_STEP)
    assert len(cells) == 6
    assert {c.tested.name for c in cells} == {"MPI-INF-3DHP"}
    assert {c.training.name for c in cells[:3]} == {"Human3.6M, 2D joints: gt"}
    assert "valid frames" in table_note(cells, ONE_STEP)

    cells = reproduce_lifter_table("consistency-table4", [dhp], tmp_path / "table4", overrides=ONE_STEP)
    assert [c.metric for c in cells] == ["pck_150", "mpjpe_mm"]
    cells = reproduce_lifter_table("svmac-table4", [dhp], tmp_path / "ablation", overrides=ONE_STEP)
    head, *lines = table_rows("svmac-table4", cells)
    assert head[2] == "paper: P-MPJPE in mm on MPI-INF-3DHP"
    assert [line[2] for line in lines] == ["134.2", "98.7", "", "79.8", "78.5", "51.0"]


def test_a_table_says_what_data_it_needs(tmp_path: Path) -> None:
    built_in = BuiltInDataSet(keep_test_subject=True)
    with pytest.raises(ConfigError, match=r"svmac-table1 needs Human3\.6M: give its folder as --data"):
        reproduce_lifter_table("svmac-table1", [built_in], tmp_path)
    dhp = open_data_set(write_mpi_inf_3dhp(tmp_path / "3dhp"))
    with pytest.raises(ConfigError, match="svmac-table4 takes one data set, not motion packs and MPI-INF-3DHP"):
        reproduce_lifter_table("svmac-table4", [built_in, dhp], tmp_path)
    with pytest.raises(ConfigError, match="consistency-table4 takes MPI-INF-3DHP, not"):
        reproduce_lifter_table("consistency-table4", [built_in, dhp], tmp_path)
    with pytest.raises(ConfigError, match="only 2D joints, so it cannot test"):
        reproduce_lifter_table(
            "svmac-table4", [open_data_set(write_lsp(tmp_path / "lsp"))], tmp_path / "run", overrides=TINY
        )
    with pytest.raises(ConfigError, match="svmac-table4"):
        reproduce_lifter_table("table9", [built_in], tmp_path)


def test_trainings_are_of_a_sensible_length_unless_told(motions: FewMotions, tmp_path: Path) -> None:
    built_in = shared_settings([BuiltInDataSet(keep_test_subject=True)], [])
    assert built_in == ["width=128", "steps=1000", "validate_every=100"]
    settings = shared_settings([motions], ["steps=2", "batch_size=8", "width=8"])
    assert settings == ["validate_every=250", "steps=2", "batch_size=8", "width=8"]
    cells = reproduce_lifter_table("consistency-table5", [motions], tmp_path, overrides=settings)
    text = (cells[0].folder / "settings.yaml").read_text()
    for line in ("width: 8", "steps: 2", "validate_every: 250", "learning_rate: 0.001", "final_learning_rate: 1.0e-05"):
        assert f"\n{line}\n" in f"\n{text}"
    assert "settings of all rows: validate_every=250 steps=2 batch_size=8 width=8;" in table_note(cells, settings)
    assert "flip averaging: no;" in table_note(cells, settings)
    averaged = reproduce_lifter_table(
        "consistency-table5", [motions], tmp_path / "flip", overrides=[*settings, "flip_averaging=true"]
    )
    assert "flip averaging: yes, in the network;" in table_note(averaged, settings)


def test_the_papers_means_are_those_of_their_actions() -> None:
    """The figures were copied rightly."""
    for name in ("consistency-table1", "consistency-table2"):
        figures = np.array([float(row.paper) for row in TABLES[name].rows]).reshape(2, 16)
        assert np.abs(figures[:, :15].mean(1) - figures[:, 15]).max() < 0.06


def test_subjects_are_told_apart() -> None:
    whole = load_motion_pack(small_val_pack())
    test = of_subjects(whole, [TEST_SUBJECT])
    assert test.subjects == [TEST_SUBJECT]
    assert 0 < len(test.poses_m) < len(whole.poses_m)
    assert test.starts[-1] == len(test.poses_m)
    with pytest.raises(InputError, match="no subject 99"):
        of_subjects(whole, ["99"])
    built_in = BuiltInDataSet(keep_test_subject=True)
    assert set(built_in.validation().subjects) | set(built_in.test().subjects) == set(whole.subjects)
    assert not set(built_in.validation().subjects) & set(built_in.test().subjects)


def test_the_difference_of_paired_seeds_has_students_interval() -> None:
    def cells(*values: float) -> list[SimpleNamespace]:
        return [SimpleNamespace(value=value, per_pose=np.full(5, value)) for value in values]

    low, mean, high = difference(cells(50, 52, 54), cells(49, 50, 51))  # -1, -2, -3
    assert mean == -2
    assert (low, high) == (pytest.approx(-2 - 4.303 / 3**0.5, abs=1e-3), pytest.approx(-2 + 4.303 / 3**0.5, abs=1e-3))
    assert difference(cells(50), cells(49)) == (-1, -1, -1)


@pytest.mark.slow
def test_more_seeds_are_trained_beside_those_that_are_there(
    motions: FewMotions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table of two seeds becomes one of three: the first two are taken as they are."""
    monkeypatch.setattr(lifter_tables, "SEEDS_AT_ONCE", 2)
    few = reproduce_lifter_table("consistency-noise", [motions], tmp_path, seeds=range(2), overrides=TINY)
    steps: list[int] = []
    more = reproduce_lifter_table(
        "consistency-noise",
        [motions],
        tmp_path,
        seeds=range(3),
        overrides=TINY,
        report=lambda _, p: steps.append(p.step),
    )
    assert [c.seed for c in more] == [0, 1, 2, 0, 1, 2]
    assert steps == [1, 2, 1, 2]  # the third seed of both rows
    assert [c.value for c in more if c.seed < 2] == [c.value for c in few]
    assert len({c.value for c in more}) == 6
    assert {c.folder.name[-6:] for c in more if c.seed == 2} == {"-seed2"}
