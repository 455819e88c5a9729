"""Reproduces Table 4 of `cascaded`, the ablation of its supervised blocks: `rtpose reproduce cascaded-table4`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
import numpy as np

from rtpose import metrics
from rtpose.config import load_settings
from rtpose.errors import ConfigError
from rtpose.train.cascaded.loop import train_cascaded
from rtpose.train.cascaded.pictures import LabelledPicture, everyone, labelled_crop
from rtpose.train.cascaded.settings import (
    AugmentSettings,
    CascadedSettings,
    NetworkSettings,
    StageSettings,
    TargetSettings,
)
from rtpose.train.cascaded.validation import estimated
from rtpose.train.lifters.evaluate import ComparedPose
from rtpose.train.reproduce.results import Cell, TrainingProgress, file_name
from rtpose.train.reproduce.tables import RENDERED, table_named
from rtpose.train.synth.people import HELD_OUT_SUBJECTS
from rtpose.train.synth.shards import RenderedFolder

SMALL = CascadedSettings(
    network=NetworkSettings(input_px=96, depth_channels=24, trunk="blazepose", width=48, lift_width=256, dropout=0.1),
    trunk_learns="late",
    trunk_rate=0.08,
    trunk_from_epoch=3,
    targets=TargetSettings(joint_sigma_px=1.5, bone_sigma_px=(3.0, 1.5), bone_sigma_epochs=4),
    augment=AugmentSettings(rotation_share=0.3, occlusion_share=0.3),
    batch_size=32,
    stage_one=StageSettings(16, 100, 1.5e-3, "cosine", warmup_steps=100),
    stage_two=StageSettings(1, 50, 5e-4, "cosine"),
    ema_decay=0.998,
    validate_every=200,
    validation_people=200,
)
"""Settings of all rows: 96 px, about 25 minutes each on one core of a laptop."""


@dataclass(frozen=True)
class PictureRange:
    """A range of the pictures in a folder, as the data of a table."""

    whole: RenderedFolder
    begin: int
    end: int
    subjects: Sequence[str]
    name: str = RENDERED

    def __len__(self) -> int:
        return self.end - self.begin

    def __getitem__(self, index: int) -> LabelledPicture:
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self.whole[self.begin + index]


def reproduce_cascaded_table(
    name: str,
    folders: Sequence[Path],
    folder: Path,
    *,
    seeds: Sequence[int] = (0,),
    overrides: Sequence[str] = (),
    report: Callable[[str, TrainingProgress], None] = lambda label, progress: None,
) -> list[Cell]:
    """Train each row, or take finished ones from `folder`, and evaluate them. See `reproduce_lifter_table`.

    folders: rendered pictures for training, and pictures of test people. The first half of the latter chooses the best
    weights, the second half gives the figures. Errors: `ConfigError` for other folders or settings, `InputError` for
    damaged ones.
    """
    if len(folders) != 2:
        raise ConfigError(f"{name} needs --data twice: a folder of rendered people, and one rendered with --test")
    training, tested = (RenderedFolder(path) for path in folders)
    if (training.about.get("split"), tested.about.get("split")) != ("train", "test"):
        raise ConfigError(
            f"{name} needs training people in {folders[0]}, and people rendered with --test in {folders[1]}"
        )
    shared = load_settings(CascadedSettings, None, overrides, base=msgspec.to_builtins(SMALL))
    codec = shared.codec()
    whole = PictureRange(training, 0, len(training), ("all but the test people's",))
    middle = len(tested) // 2
    chosen_on, test = (
        PictureRange(tested, 0, middle, HELD_OUT_SUBJECTS),
        PictureRange(tested, middle, len(tested), HELD_OUT_SUBJECTS),
    )
    people = [labelled_crop(picture, person, codec.roi(person.box_px), codec) for picture, person in everyone(test)]
    truth_mm = 1000 * np.stack([one.pose for one in people])
    cells = []
    for row in table_named(name).rows:
        for seed in seeds:
            settings = msgspec.structs.replace(shared, **row.changes, seed=seed)
            run = folder / f"{file_name(row.label)}-seed{seed}"
            trained = train_cascaded(
                settings, whole, chosen_on, run,
                data=f"{training.about} {tested.about}", resume=run.exists(),
                report=partial(report, f"{row.label}, seed {seed}"),
            )  # fmt: skip
            _, estimate_mm = estimated(trained.network, people, codec, settings.batch_size, codec.input_px)
            aligned_mm = metrics.procrustes_aligned(estimate_mm, truth_mm)
            per_pose = metrics.mpjpe(estimate_mm, truth_mm)
            examples = [ComparedPose(*pair) for pair in zip(truth_mm, aligned_mm, strict=True)]
            cells.append(
                Cell(
                    row, seed, run, trained.seconds, whole, test,
                    "protocol 1: MPJPE, root-aligned; people cropped by their true boxes; one person at a time",
                    "mpjpe_mm", float(per_pose.mean()), per_pose, examples.__getitem__,
                    chosen_on="other pictures of the subjects tested on",
                )
            )  # fmt: skip
    return cells
