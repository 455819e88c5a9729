"""What the detectors and `cascaded` hold to when they follow people from frame to frame."""

from __future__ import annotations

from rtpose.detect import ssd
from rtpose.types import Float32

SEARCH_INTERVAL_S = 0.5
"""With somebody tracked and room for more, new people are looked for this often (by the frames' time)."""
SAME_PERSON_OVERLAP = 0.5
MAX_OUTSIDE_SCORE = 0.1
"""A joint outside the picture is a guess of the network: never surer than this."""
BBOX_MARGIN = 0.1
"""The box around somebody's joints is that much of its size larger on each side: heads and feet go on beyond them."""


def overlap(a: Float32, b: Float32) -> bool:
    """Whether two boxes x0, y0, x1, y1 share so much that they may be the same person's."""
    return bool(ssd.box_overlap(a, b[None])[0] > SAME_PERSON_OVERLAP)
