"""Data sets by their folders, split as the papers split them: `--data FOLDER` of the commands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from rtpose.assets import small_pack, small_val_pack
from rtpose.errors import ConfigError, InputError
from rtpose.train.data.motion_pack import find_pack, load_motion_pack, of_subjects
from rtpose.train.data.protocols import EvaluationData, TrainingData
from rtpose.train.data.readers import human36m, lsp, mpi_inf_3dhp, mpii
from rtpose.train.data.recorded import PicturesTraining, RecordedEvaluation, RecordedTraining
from rtpose.train.data.single_frames import MotionTraining
from rtpose.train.lifters.evaluate import MotionEvaluation

MOTIONS = "motion packs"
TEST_SUBJECT = "39"
"""Of the built-in validation pack: kept for the figures where no data is named."""


class DataFolder(Protocol):
    """A data set. Each part is read when it is asked for."""

    @property
    def kind(self) -> str:
        """Name of the data set, `MOTIONS` for any motion pack."""
        ...

    @property
    def exact_joints(self) -> bool:
        """Whether 2D joints are recorded and thus taken as they are, unless noise is asked for."""
        ...

    def training(self) -> TrainingData: ...

    def validation(self) -> EvaluationData:
        """People who are neither trained nor tested on."""
        ...

    def test(self) -> EvaluationData:
        """Errors: `ConfigError` if the data set has no 3D poses to test on."""
        ...

    def with_joints(self, source: str) -> DataFolder:
        """The same with 2D joints from another source. Errors: `ConfigError` for one that it does not have."""
        ...


def _only_gt(kind: str, source: str) -> None:
    if source != "gt":
        raise ConfigError(f"{kind} has no 2D joints '{source}': leave out --joints, or name a folder of Human3.6M")


class MotionFolder:
    """Motion packs: `cmu17_train.npz`, `cmu17_val.npz`, `cmu17_test.npz`, or one pack for all."""

    kind = MOTIONS
    exact_joints = False

    def __init__(self, path: Path) -> None:
        self._path = path

    def training(self) -> TrainingData:
        """See `DataFolder`."""
        return MotionTraining(load_motion_pack(find_pack(self._path, "train")))

    def validation(self) -> EvaluationData:
        """See `DataFolder`."""
        return MotionEvaluation(load_motion_pack(find_pack(self._path, "val")))

    def test(self) -> EvaluationData:
        """See `DataFolder`."""
        return MotionEvaluation(load_motion_pack(find_pack(self._path, "test")))

    def with_joints(self, source: str) -> DataFolder:
        """See `DataFolder`."""
        _only_gt("a motion pack", source)
        return self


class BuiltInMotions:
    """The small packs of the installation."""

    kind = MOTIONS
    exact_joints = False

    def __init__(self, *, keep_test_subject: bool) -> None:
        """keep_test_subject: leave `TEST_SUBJECT` out of the validation."""
        self._keep = keep_test_subject

    def training(self) -> TrainingData:
        """See `DataFolder`."""
        return MotionTraining(load_motion_pack(small_pack()))

    def validation(self) -> EvaluationData:
        """See `DataFolder`."""
        pack = load_motion_pack(small_val_pack())
        others = [s for s in pack.subjects if s != TEST_SUBJECT]
        return MotionEvaluation(of_subjects(pack, others) if self._keep else pack)

    def test(self) -> EvaluationData:
        """See `DataFolder`."""
        return MotionEvaluation(of_subjects(load_motion_pack(small_val_pack()), [TEST_SUBJECT]))

    def with_joints(self, source: str) -> DataFolder:
        """See `DataFolder`."""
        _only_gt("a motion pack", source)
        return self


class Human36mFolder:
    """Trained on S1, S5, S6, S7; S8 chooses the best weights; tested on S9 and S11, all frames."""

    kind = human36m.INFO.name
    exact_joints = True
    VALIDATION = "S8"

    def __init__(self, path: Path, source: str = "gt") -> None:
        self._path, self._source = path, source

    def training(self) -> TrainingData:
        """See `DataFolder`."""
        subjects = [s for s in human36m.TRAIN_SUBJECTS if s != self.VALIDATION]
        poses = human36m.load_human36m(self._path, subjects=subjects, input_2d=self._source)
        return RecordedTraining(poses, human36m.INFO, self._source)

    def validation(self) -> EvaluationData:
        """See `DataFolder`."""
        return self._evaluation([self.VALIDATION], "")

    def test(self) -> EvaluationData:
        """See `DataFolder`."""
        return self._evaluation(human36m.TEST_SUBJECTS, "S11's first take of Directions, whose video is damaged")

    def _evaluation(self, subjects: Sequence[str], exclusions: str) -> EvaluationData:
        poses = human36m.load_human36m(self._path, subjects=subjects, input_2d=self._source)
        return RecordedEvaluation(poses, human36m.INFO, self._source, exclusions)

    def with_joints(self, source: str) -> DataFolder:
        """See `DataFolder`."""
        if source not in human36m.SOURCES_2D:
            raise ConfigError(f"no 2D joints '{source}' of {self.kind}: choose {', '.join(human36m.SOURCES_2D)}")
        return Human36mFolder(self._path, source)


class Mpi3dhpFolder:
    """Trained on S1 to S7, chest cameras; S8 chooses the best weights; tested on the valid frames of TS1 to TS6."""

    kind = mpi_inf_3dhp.INFO.name
    exact_joints = True
    VALIDATION = "S8"
    TEST_FOLDER = "mpi_inf_3dhp_test_set"

    def __init__(self, path: Path) -> None:
        self._path = path

    def training(self) -> TrainingData:
        """See `DataFolder`. With the true poses: the "universal" ones are not what the 2D joints show."""
        subjects = [s for s in mpi_inf_3dhp.TRAIN_SUBJECTS if s != self.VALIDATION]
        return RecordedTraining(
            mpi_inf_3dhp.load_mpi_inf_3dhp_train(self._path, subjects=subjects, annotation="annot3"), mpi_inf_3dhp.INFO
        )

    def validation(self) -> EvaluationData:
        """See `DataFolder`."""
        poses = mpi_inf_3dhp.load_mpi_inf_3dhp_train(self._path, subjects=[self.VALIDATION])
        return RecordedEvaluation(poses, mpi_inf_3dhp.INFO)

    def test(self) -> EvaluationData:
        """See `DataFolder`."""
        inner = self._path / self.TEST_FOLDER
        poses = mpi_inf_3dhp.load_mpi_inf_3dhp_test(inner if inner.is_dir() else self._path)
        expected = sum(mpi_inf_3dhp.TEST_FRAMES.values())
        found = sum(map(len, poses))
        told = "" if found == expected else f", of which there are {found:,} here"
        return RecordedEvaluation(
            poses, mpi_inf_3dhp.INFO, exclusions=f"all but the test set's {expected:,} valid frames{told}"
        )

    def with_joints(self, source: str) -> DataFolder:
        """See `DataFolder`."""
        _only_gt(self.kind, source)
        return self


class PicturesFolder:
    """2D joints alone, all of them for training. The built-in motion pack chooses the best weights."""

    exact_joints = True

    def __init__(self, kind: str, training: Callable[[], TrainingData]) -> None:
        self.kind = kind
        self._training = training

    def training(self) -> TrainingData:
        """See `DataFolder`."""
        return self._training()

    def validation(self) -> EvaluationData:
        """See `DataFolder`."""
        return MotionEvaluation(load_motion_pack(small_val_pack()))

    def test(self) -> EvaluationData:
        """See `DataFolder`."""
        raise ConfigError(f"{self.kind} has 2D joints alone, nothing to test 3D poses on: name another data set")

    def with_joints(self, source: str) -> DataFolder:
        """See `DataFolder`."""
        _only_gt(self.kind, source)
        return self


def _mpii_folder(path: Path) -> DataFolder:
    return PicturesFolder(mpii.INFO.name, lambda: PicturesTraining(mpii.load_mpii(path), mpii.INFO))


def _lsp_folder(path: Path) -> DataFolder:
    """Without LSP's test half."""
    return PicturesFolder(lsp.INFO.name, lambda: PicturesTraining(lsp.load_lsp(path, split="train"), lsp.INFO))


_KNOWN: tuple[tuple[str, tuple[str, ...], Callable[[Path], DataFolder]], ...] = (
    (MOTIONS, ("cmu17_*.npz",), MotionFolder),
    (human36m.INFO.name, ("data_3d_h36m.npz", "data_2d_h36m_*.npz"), Human36mFolder),
    (
        mpi_inf_3dhp.INFO.name,
        ("S*/Seq*/annot.mat", "TS*/annot_data.mat", f"{Mpi3dhpFolder.TEST_FOLDER}/TS*/annot_data.mat"),
        Mpi3dhpFolder,
    ),
    (mpii.INFO.name, mpii.INFO.files, _mpii_folder),
    (lsp.INFO.name, lsp.INFO.files, _lsp_folder),
)
"""Name, files that tell it, and what reads it."""


def open_data(path: Path, joints: str = "gt") -> DataFolder:
    """The data set in a folder, recognised by its files; a file is a motion pack.

    joints: where Human3.6M's 2D joints come from: gt, sh or cpn.
    Errors: `InputError` if the folder holds no known data set or several, naming what was looked for; `ConfigError` for
    joints that the data set does not have.
    """
    if not path.is_dir():
        return MotionFolder(path).with_joints(joints)
    found = [(kind, make) for kind, patterns, make in _KNOWN if any(next(path.glob(p), None) for p in patterns)]
    if not found:
        looked_for = "; ".join(f"{' or '.join(patterns)} ({kind})" for kind, patterns, _ in _KNOWN)
        raise InputError(f"{path} holds no data set that is known here: looked for {looked_for}")
    if len(found) > 1:
        raise InputError(f"{path} holds {' and '.join(kind for kind, _ in found)}: name a folder with one of them")
    return found[0][1](path).with_joints(joints)
