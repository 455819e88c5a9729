"""Pictures with labels as the command line names them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from rtpose.errors import InputError
from rtpose.train.cascaded.pictures import Pictures
from rtpose.train.data.readers.posenet import DATA_SETS, open_data_set
from rtpose.train.synth.shards import RenderedFolder

Part = Literal["train", "validation", "test"]
HUMAN36M: dict[Part, tuple[tuple[int, ...], int]] = {
    "train": ((1, 5, 6, 7), 5), "validation": ((8,), 64), "test": ((9, 11), 64),
}  # fmt: skip
"""Of Human3.6M: subjects, and which frame of how many. The paper trains on S8, too; here weights are chosen by it."""


def open_pictures(text: str, part: Part) -> tuple[Pictures, dict[str, Any]]:
    """`NAME:FOLDER` for a data set of `DATA_SETS`, else a folder of rendered pictures, also as `rendered:FOLDER`; with
    the facts that tell them apart from others. part: see `HUMAN36M`, other data sets have one. Errors: `InputError`.
    """
    name, colon, folder = text.partition(":")
    if text in DATA_SETS and not Path(text).exists():
        raise InputError(f"where is {text}? Give its folder after a colon: {text}:FOLDER")
    if colon and name in DATA_SETS:
        subjects, every = HUMAN36M[part]
        pictures = open_data_set(name, Path(folder), subjects=subjects, every=every)
        return pictures, {"data_set": DATA_SETS[name].name, "pictures": len(pictures)}
    rendered = RenderedFolder(Path(text.removeprefix("rendered:")))
    return rendered, {"rendered": rendered.about}
