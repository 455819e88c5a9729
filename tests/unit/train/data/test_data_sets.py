"""Folders are recognised by their files and split as the papers split them."""

from pathlib import Path
from typing import Any

import pytest
import torch
from dataset_files import write_human36m, write_lsp, write_mpi_inf_3dhp, write_mpii

from rtpose.errors import ConfigError, InputError
from rtpose.pose.lift.codec import DepthCodec
from rtpose.train.data.data_sets import open_data_set
from rtpose.train.data.input_kind import InputKind
from rtpose.train.data.settings import EXACT
from rtpose.train.lifters.catalogue import METHODS
from rtpose.train.lifters.evaluate import evaluate_depth
from rtpose.train.lifters.loop import train

TINY: dict[str, Any] = {"width": 8, "batch_size": 8, "steps": 1, "validate_every": 1, "noise": EXACT}


def train_on(folder: Path, name: str, out: Path) -> dict[str, float]:
    """One step. Returns the figures on the validation subjects."""
    data = open_data_set(folder)
    settings, method = METHODS[name].settings(**TINY), METHODS[name].method
    validation = data.validation()
    trained = train(method, settings, data.training(), validation, out)
    return evaluate_depth(trained.lifter, validation, DepthCodec(), every=9).means()


def test_the_splits_of_human36m(tmp_path: Path) -> None:
    data = open_data_set(write_human36m(tmp_path / "data", sources=("gt", "sh")), "sh")
    assert data.kind == "Human3.6M"
    assert data.training().subjects == ["S1", "S5", "S6", "S7"]
    assert data.validation().subjects == ["S8"]
    test = data.test()
    assert test.subjects == ["S11", "S9"]
    assert test.joints_2d == "sh"
    assert len(test) == 2 * 2 * 4 * 8  # subjects, takes, cameras, frames
    assert {clip.action for clip in test.clips} == {"Walking", "Sitting"}
    assert data.exact_joints
    with pytest.raises(ConfigError, match="choose gt, sh, cpn"):
        data.with_joints("hrnet")


@pytest.mark.parametrize("name", ["svmac", "consistency"])
def test_mpi_inf_3dhp_is_trained_on_and_tested(name: str, tmp_path: Path) -> None:
    folder = write_mpi_inf_3dhp(tmp_path / "data")
    data = open_data_set(folder)
    assert data.training().subjects == [f"S{i}" for i in range(1, 8)]
    assert data.validation().subjects == ["S8"]
    test = data.test()
    assert test.subjects == [f"TS{i}" for i in range(1, 7)]
    assert len(test) == 6 * 5
    assert test.exclusions == "all but the test set's 2,929 valid frames, of which this folder has 30"
    assert open_data_set(folder / "mpi_inf_3dhp_test_set").test().subjects == test.subjects
    assert 20 < train_on(folder, name, tmp_path / "run")["p_mpjpe_mm"] < 300


def test_the_true_size_of_the_test_poses_is_the_universal_one(tmp_path: Path) -> None:
    """The protocol of MPI-INF-3DHP; in the tiny files everybody is half as large there."""
    data = open_data_set(write_mpi_inf_3dhp(tmp_path / "data"))

    def height_mm(part: Any) -> float:
        (view, *_) = part.views(DepthCodec(), InputKind.parse("gt"), torch.Generator())
        return float((view.truth_mm[..., 1].amax(1) - view.truth_mm[..., 1].amin(1)).max())

    assert 600 < height_mm(data.test()) < 1100


@pytest.mark.parametrize(("kind", "write"), [("MPII Human Pose", write_mpii), ("Leeds Sports Pose", write_lsp)])
def test_pictures_train_svmac_alone(kind: str, write: Any, tmp_path: Path) -> None:
    folder = write(tmp_path / "data")
    data = open_data_set(folder)
    assert data.kind == kind
    assert 20 < train_on(folder, "svmac", tmp_path / "run")["p_mpjpe_mm"] < 300
    with pytest.raises(ConfigError, match=f"{kind} has only 2D joints, and this training needs 3D poses"):
        train_on(folder, "consistency", tmp_path / "other")
    assert not (tmp_path / "other").exists()
    supervised = METHODS["svmac"].settings(**TINY, supervised_share=0.05)
    with pytest.raises(ConfigError, match="only 2D joints"):
        METHODS["svmac"].method(supervised, data.training())
    with pytest.raises(ConfigError, match="cannot test 3D poses"):
        data.test()
    with pytest.raises(ConfigError, match="no 2D joints 'sh'"):
        open_data_set(folder, "sh")


def test_people_without_a_foot_are_left_out(tmp_path: Path) -> None:
    assert open_data_set(write_mpii(tmp_path / "data")).training().size == "19 people with all joints of 20"


def test_unknown_and_mixed_folders(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no data set that rtpose knows") as told:
        open_data_set(tmp_path)
    for words in ("cmu17_*.npz", "data_3d_h36m.npz", "S*/Seq*/annot.mat", "TS*/annot_data.mat", "annot/trainval.json",
                  "joints.mat"):  # fmt: skip
        assert words in str(told.value)
    write_lsp(tmp_path / "both")
    (tmp_path / "both" / "data_3d_h36m.npz").touch()
    with pytest.raises(InputError, match=r"has several data sets, Human3\.6M and Leeds Sports Pose"):
        open_data_set(tmp_path / "both")


def test_missing_subjects_and_files_are_named(tmp_path: Path) -> None:
    write_human36m(tmp_path / "h36m", subjects=["S1", "S9"])
    with pytest.raises(InputError, match="has no subject S5"):
        open_data_set(tmp_path / "h36m").training()
    with pytest.raises(InputError, match=r"has no data_2d_h36m_cpn_ft_h36m_dbb\.npz"):
        open_data_set(tmp_path / "h36m", "cpn").test()
    write_mpi_inf_3dhp(tmp_path / "3dhp")
    (tmp_path / "3dhp" / "S3" / "Seq2" / "annot.mat").unlink()
    with pytest.raises(InputError, match=r"has no S3/Seq2/annot\.mat"):
        open_data_set(tmp_path / "3dhp").training()


def test_recorded_joints_get_no_errors_of_an_imagined_detector(tmp_path: Path) -> None:
    test = open_data_set(write_human36m(tmp_path)).test()
    with pytest.raises(ConfigError, match="choose gt or noise:PX"):
        evaluate_depth(lambda points: points[:, :17], test, DepthCodec(), kind=InputKind.parse("detected-video"))


@pytest.mark.parametrize("name", ["svmac", "consistency"])
def test_recorded_data_is_drawn_from_where_the_networks_are(name: str, tmp_path: Path) -> None:
    """The device "meta" stands in for a GPU, as in the tests of the loop."""
    training = open_data_set(write_human36m(tmp_path)).training()
    with torch.device("meta"):
        terms = METHODS[name].method(METHODS[name].settings(**TINY), training).step(1, torch.Generator())
    assert {term.device.type for term in terms.values()} == {"meta"}
