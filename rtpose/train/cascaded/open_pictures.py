"""Opens labelled pictures by their name on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from rtpose.errors import InputError
from rtpose.train.cascaded.pictures import Pictures
from rtpose.train.data.readers.posenet_release import PICTURE_SETS, open_picture_set
from rtpose.train.synth.shards import RenderedFolder

SplitName = Literal["train", "validation", "test"]
PROTOCOL_2 = "human36m-protocol2"
"""Human3.6M, split as for the paper's Table 2."""
_SPLITS: dict[str, dict[SplitName, tuple[tuple[int, ...], int]]] = {
    "human36m": {"train": ((1, 5, 6, 7), 5), "validation": ((8,), 64), "test": ((9, 11), 64)},
    PROTOCOL_2: {"train": ((1, 5, 6, 7, 9), 5), "validation": ((8,), 64), "test": ((11,), 64)},
}
"""Human3.6M: subjects, and the step between frames. The paper also trains on S8; here it is the validation set."""


def open_pictures(text: str, part: SplitName) -> tuple[Pictures, dict[str, Any]]:
    """Open `NAME:FOLDER`, a data set of `PICTURE_SETS`, or a folder of rendered pictures, also as `rendered:FOLDER`.

    Returns the pictures and facts that identify them. part: of Human3.6M, also as
    `human36m-protocol2:FOLDER`; other data sets have one part.
    Errors: `InputError`.
    """
    name, colon, folder = text.partition(":")
    if text in PICTURE_SETS and not Path(text).exists():
        raise InputError(f"{text} needs a folder after a colon: {text}:FOLDER")
    set_name = "human36m" if name == PROTOCOL_2 else name
    if colon and set_name in PICTURE_SETS:
        subjects, every = _SPLITS.get(name, _SPLITS["human36m"])[part]
        pictures = open_picture_set(set_name, Path(folder), subjects=subjects, every=every)
        split = {"subjects": list(subjects)} if name == PROTOCOL_2 else {}
        return pictures, {"data_set": PICTURE_SETS[set_name].name, "pictures": len(pictures), **split}
    rendered = RenderedFolder(Path(text.removeprefix("rendered:")))
    return rendered, {"rendered": rendered.about}
