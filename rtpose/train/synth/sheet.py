"""Contact sheets of labelled pictures, for visual checks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from rtpose.errors import OutputError
from rtpose.skeleton import H36M17
from rtpose.train.synth.people import RenderedPicture
from rtpose.types import Image


def contact_sheet(pictures: Sequence[RenderedPicture], columns: int = 8) -> Image:
    """Pictures of one size in rows, (rows H, columns W, 3) uint8 RGB.

    Joints have the colour of their side (left blue, right orange); hidden ones are rings. Boxes are white.
    """
    drawn = [_with_labels(picture) for picture in pictures]
    drawn += [np.zeros_like(drawn[0])] * (-len(drawn) % columns)
    rows = [np.hstack(drawn[k : k + columns]) for k in range(0, len(drawn), columns)]
    return np.vstack(rows)


def write_picture(path: Path, image: Image) -> None:
    """Write (H, W, 3) uint8 RGB in the format that the suffix says. Errors: `OutputError`."""
    try:
        ok, data = cv2.imencode(path.suffix, np.ascontiguousarray(image[..., ::-1]))
        if ok:
            path.write_bytes(data.tobytes())
    except (cv2.error, OSError) as error:
        raise OutputError(f"cannot write {path}: give a .png or .jpg in an existing folder") from error


def _with_labels(picture: RenderedPicture) -> Image:
    out = picture.image.copy()
    colours = [tuple(int(c[k : k + 2], 16) for k in (1, 3, 5)) for c in H36M17.colors]
    for person in picture.people:
        points = [(int(x), int(y)) for x, y in np.clip(person.joints_px, -9999, 9999)]
        for a, b in H36M17.edges:
            cv2.line(out, points[a], points[b], colours[a], 1, cv2.LINE_AA)
        for point, colour, seen in zip(points, colours, person.visible, strict=True):
            cv2.circle(out, point, 2, colour, -1 if seen else 1, cv2.LINE_AA)
        x0, y0, x1, y1 = (int(v) for v in np.clip(person.box_px, -9999, 9999))
        cv2.rectangle(out, (x0, y0), (x1, y1), (255, 255, 255), 1)
    return out
