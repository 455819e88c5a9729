"""Opens labelled pictures by their name on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from rtpose.errors import InputError
from rtpose.train.cascaded.pictures import Pictures
from rtpose.train.data.readers.posenet_release import PICTURE_SETS, open_picture_set
from rtpose.train.synth.shards import RenderedFolder

SplitName = Literal["train", "validation", "test"]
HUMAN36M_SPLITS: dict[SplitName, tuple[tuple[int, ...], int]] = {
    "train": ((1, 5, 6, 7), 5), "validation": ((8,), 64), "test": ((9, 11), 64),
}  # fmt: skip
"""Human3.6M: subjects, and the step between frames. The paper also trains on S8; here it is the validation set."""


def open_pictures(text: str, part: SplitName) -> tuple[Pictures, dict[str, Any]]:
    """Open `NAME:FOLDER`, a data set of `PICTURE_SETS`, or a folder of rendered pictures, also as `rendered:FOLDER`.

    Returns the pictures and facts that identify them. part: see `HUMAN36M_SPLITS`; other data sets have one part.
    Errors: `InputError`.
    """
    name, colon, folder = text.partition(":")
    if text in PICTURE_SETS and not Path(text).exists():
        raise InputError(f"{text} needs a folder after a colon: {text}:FOLDER")
    if colon and name in PICTURE_SETS:
        subjects, every = HUMAN36M_SPLITS[part]
        pictures = open_picture_set(name, Path(folder), subjects=subjects, every=every)
        return pictures, {"data_set": PICTURE_SETS[name].name, "pictures": len(pictures)}
    rendered = RenderedFolder(Path(text.removeprefix("rendered:")))
    return rendered, {"rendered": rendered.about}
