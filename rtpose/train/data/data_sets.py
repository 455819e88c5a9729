"""Data sets in folders (`--data FOLDER`), split as in the papers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from rtpose.assets import small_pack, small_val_pack
from rtpose.errors import ConfigError, InputError
from rtpose.train.data.annotated import AnnotatedEvaluationSet, AnnotatedTrainingSet, TrainingSet2D
from rtpose.train.data.motion_pack import find_pack, load_motion_pack, of_subjects
from rtpose.train.data.pack_evaluation import PackEvaluationSet
from rtpose.train.data.pack_training import PackTrainingSet
from rtpose.train.data.readers import human36m, lsp, mpi_inf_3dhp, mpii
from rtpose.train.data.sets import EvaluationSet, TrainingSet

MOTIONS = "motion packs"
TEST_SUBJECT = "39"
"""Subject of the built-in validation pack that is kept for testing if no data is given."""


class DataSet(Protocol):
    """A data set with its three splits. Each split is read on demand."""

    @property
    def kind(self) -> str:
        """Name of the data set; `MOTIONS` for motion packs."""
        ...

    @property
    def exact_joints(self) -> bool:
        """Whether the 2D joints come with the data set. Training then uses them unchanged, unless noise is set."""
        ...

    def training(self) -> TrainingSet: ...

    def validation(self) -> EvaluationSet:
        """People who are in neither the training nor the test set."""
        ...

    def test(self) -> EvaluationSet:
        """Errors: `ConfigError` if the data set has no 3D poses to test on."""
        ...

    def with_joints(self, source: str) -> DataSet:
        """The same data set with another source of 2D joints. Errors: `ConfigError` if it does not have it."""
        ...


def _only_gt(kind: str, source: str) -> None:
    if source != "gt":
        raise ConfigError(f"{kind} has no 2D joints '{source}': leave out --joints, or give a folder of Human3.6M")


class PackDataSet:
    """Motion packs: `cmu17_train.npz`, `cmu17_val.npz`, `cmu17_test.npz`, or one pack for all."""

    kind = MOTIONS
    exact_joints = False

    def __init__(self, path: Path) -> None:
        self._path = path

    def training(self) -> TrainingSet:
        """See `DataSet`."""
        return PackTrainingSet(load_motion_pack(find_pack(self._path, "train")))

    def validation(self) -> EvaluationSet:
        """See `DataSet`."""
        return PackEvaluationSet(load_motion_pack(find_pack(self._path, "val")))

    def test(self) -> EvaluationSet:
        """See `DataSet`."""
        return PackEvaluationSet(load_motion_pack(find_pack(self._path, "test")))

    def with_joints(self, source: str) -> DataSet:
        """See `DataSet`."""
        _only_gt("a motion pack", source)
        return self


class BuiltInDataSet:
    """The small packs that come with rtpose."""

    kind = MOTIONS
    exact_joints = False

    def __init__(self, *, keep_test_subject: bool) -> None:
        """keep_test_subject: leave `TEST_SUBJECT` out of the validation set."""
        self._keep = keep_test_subject

    def training(self) -> TrainingSet:
        """See `DataSet`."""
        return PackTrainingSet(load_motion_pack(small_pack()))

    def validation(self) -> EvaluationSet:
        """See `DataSet`."""
        pack = load_motion_pack(small_val_pack())
        others = [s for s in pack.subjects if s != TEST_SUBJECT]
        return PackEvaluationSet(of_subjects(pack, others) if self._keep else pack)

    def test(self) -> EvaluationSet:
        """See `DataSet`."""
        return PackEvaluationSet(of_subjects(load_motion_pack(small_val_pack()), [TEST_SUBJECT]))

    def with_joints(self, source: str) -> DataSet:
        """See `DataSet`."""
        _only_gt("a motion pack", source)
        return self


class Human36mDataSet:
    """Training: S1, S5, S6, S7. Validation: S8. Test: all frames of S9 and S11."""

    kind = human36m.INFO.name
    exact_joints = True
    VALIDATION = "S8"

    def __init__(self, path: Path, source: str = "gt") -> None:
        self._path, self._source = path, source

    def training(self) -> TrainingSet:
        """See `DataSet`."""
        subjects = [s for s in human36m.TRAIN_SUBJECTS if s != self.VALIDATION]
        poses = human36m.load_human36m(self._path, subjects=subjects, input_2d=self._source)
        return AnnotatedTrainingSet(poses, human36m.INFO, self._source)

    def validation(self) -> EvaluationSet:
        """See `DataSet`."""
        return self._evaluation([self.VALIDATION], "")

    def test(self) -> EvaluationSet:
        """See `DataSet`."""
        return self._evaluation(human36m.TEST_SUBJECTS, "S11's first take of Directions (damaged video)")

    def _evaluation(self, subjects: Sequence[str], exclusions: str) -> EvaluationSet:
        poses = human36m.load_human36m(self._path, subjects=subjects, input_2d=self._source)
        return AnnotatedEvaluationSet(poses, human36m.INFO, self._source, exclusions)

    def with_joints(self, source: str) -> DataSet:
        """See `DataSet`."""
        if source not in human36m.SOURCES_2D:
            raise ConfigError(f"no 2D joints '{source}' of {self.kind}: choose {', '.join(human36m.SOURCES_2D)}")
        return Human36mDataSet(self._path, source)


class Mpi3dhpDataSet:
    """Training: S1 to S7, chest cameras. Validation: S8. Test: the valid frames of TS1 to TS6."""

    kind = mpi_inf_3dhp.INFO.name
    exact_joints = True
    VALIDATION = "S8"
    TEST_FOLDER = "mpi_inf_3dhp_test_set"

    def __init__(self, path: Path) -> None:
        self._path = path

    def training(self) -> TrainingSet:
        """See `DataSet`. Uses the true poses: the 2D joints are not projections of the "universal" ones."""
        subjects = [s for s in mpi_inf_3dhp.TRAIN_SUBJECTS if s != self.VALIDATION]
        return AnnotatedTrainingSet(
            mpi_inf_3dhp.load_mpi_inf_3dhp_train(self._path, subjects=subjects, annotation="annot3"), mpi_inf_3dhp.INFO
        )

    def validation(self) -> EvaluationSet:
        """See `DataSet`."""
        poses = mpi_inf_3dhp.load_mpi_inf_3dhp_train(self._path, subjects=[self.VALIDATION])
        return AnnotatedEvaluationSet(poses, mpi_inf_3dhp.INFO)

    def test(self) -> EvaluationSet:
        """See `DataSet`."""
        inner = self._path / self.TEST_FOLDER
        poses = mpi_inf_3dhp.load_mpi_inf_3dhp_test(inner if inner.is_dir() else self._path)
        expected = sum(mpi_inf_3dhp.TEST_FRAMES.values())
        found = sum(map(len, poses))
        found_here = "" if found == expected else f", of which this folder has {found:,}"
        return AnnotatedEvaluationSet(
            poses, mpi_inf_3dhp.INFO, exclusions=f"all but the test set's {expected:,} valid frames{found_here}"
        )

    def with_joints(self, source: str) -> DataSet:
        """See `DataSet`."""
        _only_gt(self.kind, source)
        return self


class Joints2DDataSet:
    """A data set with 2D joints only, all for training. Validation uses the built-in motion pack."""

    exact_joints = True

    def __init__(self, kind: str, training: Callable[[], TrainingSet]) -> None:
        self.kind = kind
        self._training = training

    def training(self) -> TrainingSet:
        """See `DataSet`."""
        return self._training()

    def validation(self) -> EvaluationSet:
        """See `DataSet`."""
        return PackEvaluationSet(load_motion_pack(small_val_pack()))

    def test(self) -> EvaluationSet:
        """See `DataSet`."""
        raise ConfigError(f"{self.kind} has only 2D joints, so it cannot test 3D poses: choose another data set")

    def with_joints(self, source: str) -> DataSet:
        """See `DataSet`."""
        _only_gt(self.kind, source)
        return self


def _mpii_folder(path: Path) -> DataSet:
    return Joints2DDataSet(mpii.INFO.name, lambda: TrainingSet2D(mpii.load_mpii(path), mpii.INFO))


def _lsp_folder(path: Path) -> DataSet:
    """Without the test half of LSP."""
    return Joints2DDataSet(lsp.INFO.name, lambda: TrainingSet2D(lsp.load_lsp(path, split="train"), lsp.INFO))


_KNOWN: tuple[tuple[str, tuple[str, ...], Callable[[Path], DataSet]], ...] = (
    (MOTIONS, ("cmu17_*.npz",), PackDataSet),
    (human36m.INFO.name, ("data_3d_h36m.npz", "data_2d_h36m_*.npz"), Human36mDataSet),
    (
        mpi_inf_3dhp.INFO.name,
        ("S*/Seq*/annot.mat", "TS*/annot_data.mat", f"{Mpi3dhpDataSet.TEST_FOLDER}/TS*/annot_data.mat"),
        Mpi3dhpDataSet,
    ),
    (mpii.INFO.name, mpii.INFO.files, _mpii_folder),
    (lsp.INFO.name, lsp.INFO.files, _lsp_folder),
)
"""Name, file patterns that identify it, and constructor."""


def open_data_set(path: Path, joints: str = "gt") -> DataSet:
    """Open the data set in a folder, recognised by its files. A single file is a motion pack.

    joints: source of Human3.6M's 2D joints: gt, sh or cpn.
    Errors: `InputError` if the folder has no known data set, or several; `ConfigError` if the data set does not have
    these joints.
    """
    if not path.is_dir():
        return PackDataSet(path).with_joints(joints)
    found = [(kind, make) for kind, patterns, make in _KNOWN if any(next(path.glob(p), None) for p in patterns)]
    if not found:
        looked_for = "; ".join(f"{' or '.join(patterns)} ({kind})" for kind, patterns, _ in _KNOWN)
        raise InputError(f"{path} has no data set that rtpose knows: looked for {looked_for}")
    if len(found) > 1:
        raise InputError(
            f"{path} has several data sets, {' and '.join(kind for kind, _ in found)}: give a folder with one of them"
        )
    return found[0][1](path).with_joints(joints)
