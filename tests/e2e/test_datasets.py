"""The commands on tiny data sets in their true formats."""

import json
from pathlib import Path

import pytest
from asf_files import write_walker
from command import rtpose, rtpose_process
from dataset_files import write_human36m, write_lsp, write_mpi_inf_3dhp

from rtpose.train.data.motion_pack import load_motion_pack
from rtpose.train.synth.motion import JointAnglePack

pytestmark = pytest.mark.slow

TINY = ("width=16", "batch_size=16", "steps=4", "validate_every=2", "--quiet")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Human3.6M in `h36m`, and a lifter trained on its hourglass joints in `run`."""
    folder = tmp_path_factory.mktemp("datasets")
    write_human36m(folder / "h36m", sources=("gt", "sh"))
    run = rtpose("train", "consistency", *TINY, "--data", "h36m", "--joints", "sh", "--out", "run", cwd=folder)
    assert run.returncode == 0, run.stderr
    assert "trained on Human3.6M, 2D joints: sh, subjects S1, S5, S6, S7; best weights by Human3.6M, subjects S8" in (
        run.stdout
    )
    return folder


def test_human36m_is_trained_on_as_it_is(place: Path) -> None:
    """Without noise, unless it is asked for."""
    settings = (place / "run" / "settings.yaml").read_text()
    assert "sigma: 0\n" in settings.replace("0.0\n", "0\n")
    run = rtpose("train", "svmac", *TINY, "noise.sigma_px=5", "--data", "h36m", "--out", "noisy", cwd=place)
    assert run.returncode == 0, run.stderr
    settings = (place / "noisy" / "settings.yaml").read_text()
    assert "sigma_px: 5" in settings
    assert "outlier_share: 0" in settings


def test_a_lifter_is_judged_on_the_test_subjects(place: Path) -> None:
    """By both files of it, with and without flip averaging; the report says what was done."""
    figures = {}
    for name, options in (
        ("onnx", ("run/consistency.onnx",)),
        ("weights", ("run/consistency.safetensors",)),
        ("flip", ("run/consistency.safetensors", "--flip")),
        ("sh", ("run/consistency.safetensors", "--joints", "sh")),
    ):
        run = rtpose("eval", *options, "--data", "h36m", "--json", f"{name}.json", cwd=place)
        assert run.returncode == 0, run.stderr
        figures[name] = json.loads((place / f"{name}.json").read_text())
        assert f"{figures[name]['p_mpjpe_mm']:.1f}" in run.stdout
        one_line = " ".join(run.stdout.split())
        flip = "flip averaging: yes" if name == "flip" else "flip averaging: no"
        for words in ("protocol 1", "protocol 2", "left out: S11's first take of Directions", "true size", flip):
            assert words in one_line
        for row in ("Sitting", "mean of actions", "subject S9"):
            assert row in run.stdout
    assert figures["onnx"]["p_mpjpe_mm"] == pytest.approx(figures["weights"]["p_mpjpe_mm"], abs=0.2)
    assert (figures["onnx"]["backend"], figures["weights"]["backend"]) == ("openvino", "torch")
    assert figures["flip"]["p_mpjpe_mm"] != figures["weights"]["p_mpjpe_mm"] != figures["sh"]["p_mpjpe_mm"]
    assert (figures["sh"]["input"], figures["sh"]["pack"]) == ("sh", "Human3.6M")
    assert set(figures["sh"]["per_action"]) == {"Walking", "Sitting"}
    assert set(figures["sh"]["per_subject"]) == {"S9", "S11"}
    assert figures["sh"]["poses"] == 2 * 2 * 4 * 8


def test_mpi_inf_3dhp_is_tested_on(tmp_path: Path) -> None:
    write_mpi_inf_3dhp(tmp_path / "3dhp")
    run = rtpose("eval", "consistency", "--data", "3dhp", "--json", "out.json", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    figures = json.loads((tmp_path / "out.json").read_text())
    assert figures["poses"] == 30
    assert "Exercising" in figures["per_action"]
    assert "valid frames" in figures["exclusions"]


def test_what_is_wrong_is_said_in_one_line(place: Path, tmp_path: Path) -> None:
    write_human36m(tmp_path / "few", subjects=["S1", "S9"])
    write_lsp(tmp_path / "lsp")
    (tmp_path / "empty").mkdir()
    h36m = str(place / "h36m")
    for arguments, words in (
        (("train", "svmac", "--data", "empty"), "looked for cmu17_*.npz"),
        (("train", "svmac", "--data", "few"), "has no subject S5"),
        (("train", "svmac", "--data", h36m, "--joints", "cpn"), "has no data_2d_h36m_cpn_ft_h36m_dbb.npz"),
        (("train", "svmac", "--data", h36m, "--joints", "hrnet"), "choose gt, sh, cpn"),
        (("train", "svmac", "--joints", "sh"), "give a folder of Human3.6M"),
        (("train", "consistency", "--data", "lsp"), "Leeds Sports Pose has only 2D joints"),
        (("eval", "consistency", "--data", "lsp"), "Leeds Sports Pose has only 2D joints"),
        (("eval", "consistency", "--data", "few"), "has no subject S11"),
        (("eval", "consistency", "--data", h36m, "--input", "detected"), "choose gt or noise:PX"),
        (("eval", "consistency", "--data", h36m, "--pack", "x.npz"), "give one of them"),
        (("eval", "consistency", "--joints", "sh"), "name its folder with --data"),
        (("eval", "gone.safetensors"), "gone.safetensors does not exist"),
        (("reproduce", "svmac-table1"), "svmac-table1 needs Human3.6M"),
        (("reproduce", "svmac-table2", "--data", h36m), "svmac-table2 needs MPI-INF-3DHP"),
    ):
        run = rtpose(*arguments, cwd=tmp_path)
        assert run.returncode == 2, arguments
        assert run.stderr.startswith("rtpose: "), run.stderr
        assert len(run.stderr.splitlines()) == 1
        assert words in run.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"few", "lsp", "empty"}


def test_a_table_is_reproduced_whole(tmp_path: Path) -> None:
    """On the embedded packs: six rows beside the paper's, a page with curves and poses of each."""
    settings = ("width=16", "batch_size=16", "steps=4", "validate_every=4")
    run = rtpose("reproduce", "svmac-table4", *settings, "--quiet", "--out", "tables", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    page = tmp_path / "tables" / "svmac-table4" / "index.html"
    assert page.relative_to(tmp_path).as_posix() in run.stdout.replace("\\", "/")
    text = page.read_text(encoding="utf-8")
    for shown in (text, run.stdout):
        for words in ("w/o Disc", "n = 1", "n = 2", "n = 3", "5% 3D Sup", "90.0", "70.9", "56.8", "56.5", "35.4"):
            assert words in shown
        assert "cmu17_small_val.npz" in shown
        assert "Human3.6M" in shown
    assert "flip averaging: no" in text
    assert text.count("data:image/png;base64,") == 2 * 6
    logs = list((tmp_path / "tables").glob("*/*/log.csv"))
    assert len(logs) == 6


def test_a_pack_is_prepared_from_asf_and_amc(tmp_path: Path) -> None:
    write_walker(tmp_path / "cmu")
    run = rtpose("data", "prepare", "cmu", "cmu", "--out", "cmu17_train.npz", "--quiet", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    pack = load_motion_pack(tmp_path / "cmu17_train.npz")
    assert pack.subjects == ["07"]
    assert run.stdout.startswith(f"{len(pack.poses_m)} frames -> ")
    run = rtpose("data", "prepare", "cmu", "cmu", "--angles", "--quiet", cwd=tmp_path)
    assert (run.returncode, run.stdout) == (0, f"{len(pack.poses_m)} frames -> cmu_amc30_train.npz\n"), run.stderr
    assert len(JointAnglePack(tmp_path / "cmu_amc30_train.npz")) == len(pack.clips)
    run = rtpose_process("data", "prepare", "cmu", "gone", cwd=tmp_path)
    assert run.returncode == 2
    assert run.stderr.startswith("rtpose: ")
