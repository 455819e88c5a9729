"""Pictures with labels as the command line names them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rtpose.train.cascaded.pictures import Pictures
from rtpose.train.datasets.posenet import DATA_SETS, open_data_set
from rtpose.train.synth.shards import RenderedFolder


def open_pictures(text: str, *, test: bool) -> tuple[Pictures, dict[str, Any]]:
    """`NAME:FOLDER` for a data set of `DATA_SETS`, else a folder of rendered pictures, also as `rendered:FOLDER`; with
    the facts that tell them apart from others. test: Human3.6M's test subjects, every 64th frame. Errors: `InputError`.
    """
    name, colon, folder = text.partition(":")
    if colon and name in DATA_SETS:
        subjects, every = ((9, 11), 64) if test else ((1, 5, 6, 7, 8), 5)
        pictures = open_data_set(name, Path(folder), subjects=subjects, every=every)
        return pictures, {"data_set": DATA_SETS[name].name, "pictures": len(pictures)}
    rendered = RenderedFolder(Path(text.removeprefix("rendered:")))
    return rendered, {"rendered": rendered.about}
