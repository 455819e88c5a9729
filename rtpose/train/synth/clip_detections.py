"""BlazePose run over rendered clips, one frame after another as in a live run, with its output as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtpose.networks.options import LoadOptions
from rtpose.networks.pool import NetworkPool
from rtpose.pose.detect.blazepose import LANDMARK_FILES, BlazePose
from rtpose.pose.detect.evidence import JOINTS
from rtpose.train.synth.clips import RenderedClip
from rtpose.types import Float32, Frame, Person2D

NETWORKS = tuple(LANDMARK_FILES)
"""The landmark networks, the default first."""
SHAPES: dict[str, tuple[int, ...]] = {
    "points": (JOINTS, 2), "image_z": (JOINTS,), "world": (JOINTS, 3), "visibility": (JOINTS,), "presence": (JOINTS,),
    "spread_px": (JOINTS,), "angle_rad": (), "somebody": (),
}  # fmt: skip
"""Array -> its shape in one frame, joints of `blazepose33`. `clip_shards.README` says what the arrays are."""
_LEAST = 2.0**-24
"""Probabilities closer to 0 or 1 than this have the same logit: float32 cannot distinguish them from 1."""


def open_detectors(networks: Sequence[str]) -> dict[str, BlazePose]:
    """A detector for each of the landmark networks, by the network's name. Errors: those of `BlazePose`."""
    options, pool = LoadOptions(threads=1), NetworkPool()
    return {name: BlazePose(network=name, options=options, pool=pool, measure_spread=True) for name in networks}


def detect_clip(detector: BlazePose, clip: RenderedClip) -> dict[str, NDArray[Any]]:
    """The detector's output for the clip, which it treats as a new video: the arrays of `detection_arrays`."""
    detector.reset()
    people: list[Person2D | None] = []
    for k, (image, time_s) in enumerate(zip(clip.images, clip.truth.times_s.tolist(), strict=True)):
        found = detector.detect(Frame(image, frame_id=k, t_ns=int(time_s * 1e9), pts_s=time_s))
        people.append(found[0] if found else None)
    return detection_arrays(people)


def detection_arrays(people: Sequence[Person2D | None]) -> dict[str, NDArray[Any]]:
    """BlazePose's output in T frames, None where it found no person.

    Returns `found` (T,) bool and the arrays of `SHAPES` with T rows, float32, NaN where no person was found.
    """
    arrays: dict[str, NDArray[Any]] = {
        name: np.full((len(people), *shape), np.nan, np.float32) for name, shape in SHAPES.items()
    }
    for t, person in enumerate(people):
        if person is not None:
            for name, value in _values(person).items():
                arrays[name][t] = value
    return {"found": np.array([person is not None for person in people], np.bool_), **arrays}


def _values(person: Person2D) -> Mapping[str, Float32 | float]:
    evidence = person.evidence
    assert evidence is not None, "BlazePose always has evidence"
    assert evidence.spread_px is not None, "these detectors measure it"
    return {
        "points": person.keypoints[:, :2],
        "image_z": evidence.image_z_px,
        "world": evidence.world_m,
        "visibility": _logit(evidence.visibility),
        "presence": _logit(evidence.presence),
        "spread_px": evidence.spread_px,
        "angle_rad": evidence.angle_rad,
        "somebody": person.score,
    }


def _logit(probability: Float32) -> Float32:
    p = probability.astype(np.float64).clip(_LEAST, 1 - _LEAST)
    return np.asarray(np.log(p / (1 - p)), np.float32)
