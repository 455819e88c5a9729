"""Estimates of methods and the peer against the ground truth, on the same frames: rows, means over sets, ratios."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from rtpose.footage.measure import (
    Errors,
    FootageRow,
    People,
    column_of,
    errors_of,
    follow,
    joint_distances,
    mean_errors,
)
from rtpose.footage.sets import Array, FootageSet, TruthCamera

PEER = "mediapipe"
Estimate = Callable[[FootageSet, TruthCamera], People]
"""A method's result on one clip."""


def peer_people(footage: FootageSet, camera: TruthCamera) -> People:
    """mediapipe's rows of the truth file: complexity 1, one person. No one where the file has none."""
    there = np.isfinite(camera.peer_world).all((1, 2))
    return People(camera.peer_world[:, None], camera.peer_2d[:, None], np.where(there, 0, -1)[:, None])


Judged = dict[str, list[tuple[Array, Array]]]
"""Method -> (confidence (N,), distance from the ground truth in metres (N,)) of joints, part by part."""


def judge_set(
    footage: FootageSet,
    methods: Mapping[str, Estimate],
    *,
    peer: Estimate | None = peer_people,
    judged: Judged | None = None,
) -> Iterator[FootageRow]:
    """One row for each camera, person and method, the peer's first.

    judged: collects the joints of methods that have a confidence.

    peer: mediapipe. It and the methods are judged only on frames that all of them have, so that none gains by leaving
    out the hard ones. None: without it. A method's `found` still counts all its frames. Where the peer finds no one, it
    is left out.
    """
    for camera in footage.cameras:
        truth = camera.joints(footage.world)
        seen = {name: estimate(footage, camera) for name, estimate in methods.items()}
        if peer is not None:
            seen = {PEER: peer(footage, camera), **seen}
        columns = {name: follow(people, camera, truth, footage.valid) for name, people in seen.items()}
        for person in range(footage.people):
            ok = footage.valid[:, person] & camera.seen[:, person, None]
            there = {
                name: np.isfinite(column_of(seen[name].poses, columns[name][:, person])).all((1, 2)) for name in seen
            }
            alike = [mask for mask in there.values() if mask.any()]
            only = np.logical_and.reduce(alike) if alike else None
            for name, people in seen.items():
                column = columns[name][:, person]
                ids = np.where(column >= 0, people.ids[np.arange(len(column)), np.maximum(column, 0)], -1)
                poses = column_of(people.poses, column)
                if judged is not None and people.confidence is not None:
                    apart, known = joint_distances(poses, truth[:, person], ok, footage)
                    confidence = column_of(people.confidence, column)
                    judged.setdefault(name, []).append((confidence[known], apart[known]))
                errors = errors_of(poses, ids, truth[:, person], ok, footage, only)
                yield FootageRow(footage.name, camera.number, person, name, errors)


def means_by_set(rows: Iterable[FootageRow]) -> dict[str, dict[str, Errors]]:
    """set -> method -> mean over its cameras and people."""
    out: dict[str, dict[str, list[Errors]]] = {}
    for row in rows:
        out.setdefault(row.set, {}).setdefault(row.method, []).append(row.errors)
    return {name: {method: mean_errors(errors) for method, errors in by.items()} for name, by in out.items()}


def mean_over_sets(means: Mapping[str, Mapping[str, Errors]]) -> dict[str, Errors]:
    """method -> plain mean over sets: each set counts alike, however many frames it has."""
    methods = dict.fromkeys(method for by in means.values() for method in by)
    out = {}
    for method in methods:
        figures = [asdict(by[method]) for by in means.values() if method in by]
        mean: dict[str, Any] = {key: _mean([row[key] for row in figures]) for key in figures[0]}
        mean["frames"] = int(sum(row["frames"] for row in figures))
        out[method] = Errors(**mean)
    return out


def comparable(rows: Iterable[FootageRow]) -> dict[str, dict[str, Errors]]:
    """set -> method -> mean errors over the views in which the peer also has the person: these may be divided."""
    rows = list(rows)
    with_peer = {(r.set, r.camera, r.person) for r in rows if r.method == PEER and np.isfinite(r.errors.mpjpe)}
    return means_by_set(r for r in rows if (r.set, r.camera, r.person) in with_peer)


def as_json(rows: Iterable[FootageRow]) -> list[dict[str, Any]]:
    """Plain values, one dictionary a row."""
    return [
        {"set": r.set, "camera": r.camera, "person": r.person, "method": r.method, **asdict(r.errors)} for r in rows
    ]


def _mean(values: list[float]) -> float:
    """Mean of the known values."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")
