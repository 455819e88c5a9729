"""Evaluates estimators on labelled pictures: each person alone, and all people of a picture with matching."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from rtpose import metrics
from rtpose.config import RunSettings
from rtpose.errors import ConfigError, InputError, ModelError
from rtpose.geometry import DEFAULT_HEIGHT_M
from rtpose.networks.backends import load_backend
from rtpose.networks.options import LoadOptions
from rtpose.networks.weights import cascaded_file
from rtpose.pose.cascaded.estimator import CascadedNetwork
from rtpose.pose.estimators import open_estimators
from rtpose.pose.lift import open_lifter
from rtpose.skeleton import H36M17
from rtpose.train.cascaded.pictures import SEEN_AT_LEAST, LabelledPicture, PersonLabels, Pictures, usable
from rtpose.train.data.readers.posenet_release import PictureSet
from rtpose.types import Estimator, Float32, Frame, Lifter, Person2D

_BODY = len(H36M17.joints)
MUPOTS_JOINTS = H36M17.indices(
    "head", "thorax", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_foot", "left_hip", "left_knee", "left_foot",
)  # fmt: skip
"""The 14 joints of MuPoTS-3D's 3DPCK, in h36m17. Its program leaves out the root, which is exact by definition, and the
spine."""
MATCHED_JOINTS = MUPOTS_JOINTS[1:]
"""The 13 joints used to match people, as in MuPoTS-3D's program: without the head."""
REACH = 0.1
"""For matching, a joint is near within this share of the longer side of the true box. MuPoTS-3D's program uses 40 px in
pictures 2048 px wide; rendered pictures are far smaller."""
TWO_STAGE = "two-stage"
"""The default estimator (detector and lifter), for comparison. It takes whole pictures, or the true 2D joints."""
VISIBLE = ((14, 17), (11, 13), (SEEN_AT_LEAST, 10))
"""Three groups of people by their number of visible joints, because hidden joints can only be guessed."""
MOST_DETECTED = 10
"""Most people in one picture if boxes come from the person detector."""
INPUTS = {"gt": "cropped by true boxes", "detected": "cropped by the boxes of {}'s person detector"}
INPUTS_TWO_STAGE = {"gt": "from the true 2D joints, including hidden ones", "detected": "found by {}"}
CASCADED_SCALE_NOTE = "none: poses have the size that the network predicts"
TWO_STAGE_SCALE_NOTE = f"none: everyone is assumed to be {DEFAULT_HEIGHT_M:.2f} m tall"
ROOT_DEPTH = (
    "the root's depth follows from the person's size in the picture and the focal length, assuming that the pose has "
    "the person's true size"
)


def evaluated_on_pictures(name_or_path: str) -> bool:
    """Whether `rtpose eval` evaluates this on pictures: `cascaded`, its files, or `two-stage`. False for anything
    else."""
    if name_or_path in ("cascaded", TWO_STAGE):
        return True
    if not name_or_path.endswith(".onnx"):
        return False
    try:
        return '"crop"' in load_backend(Path(name_or_path)).metadata.get("normalisation", "")
    except ModelError:
        return False


@dataclass(frozen=True)
class _Found:
    """The estimates of one picture: pixels (P, 17, 2), poses (P, 17, 3) and roots (P, 3) in millimetres."""

    joints_px: Float32
    pose_mm: Float32
    root_mm: Float32


@dataclass(frozen=True)
class _People:
    """The result for each true person, (Q,). `root_mm` is NaN for people without a matched estimate."""

    count: NDArray[Any]
    """People in the same picture."""
    matched: NDArray[Any]
    pck: NDArray[Any]
    pck_true_bones: NDArray[Any]
    pck_absolute: NDArray[Any]
    root_mm: NDArray[Any]

    def figures(self, chosen: NDArray[np.bool_]) -> dict[str, float]:
        """Means over the people of a mask."""
        matched = chosen & self.matched
        return {
            "people": int(chosen.sum()),
            "matched": int(matched.sum()),
            "pck3d": _mean(self.pck[chosen]),
            "pck3d_matched": _mean(self.pck[matched]),
            "pck3d_true_bones": _mean(self.pck_true_bones[chosen]),
            "pck3d_absolute": _mean(self.pck_absolute[chosen]),
            "root_error_mm": _mean(self.root_mm[matched]),
        }


def _mean_of(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    """Mean of each figure over the rows that have it. Each sequence counts once, as in MuPoTS-3D's tables; numbers of
    people are added up."""
    columns = {key: np.array([row[key] for row in rows]) for key in rows[0]}
    means = {key: _mean(column[np.isfinite(column)]) for key, column in columns.items()}
    return {**means, **{key: int(columns[key].sum()) for key in ("people", "matched")}}


def _mean_of_actions(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Each action counts once, as in the papers' tables for Human3.6M."""
    means = {key: None if row is None else _mean(np.array([r[key] for r in rows])) for key, row in rows[0].items()}
    return {**means, "poses": sum(row["poses"] for row in rows)}


def _number(name: str) -> tuple[int, str]:
    """Sort key: TS2 before TS10."""
    digits = "".join(c for c in name if c.isdigit())
    return int(digits or 0), name


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if len(values) else float("nan")


def evaluate_pictures(
    name_or_path: str, pictures: Pictures, *, name: str, input_kind: str = "gt", backend: str = "openvino",
    detector: str = "blazepose",
) -> dict[str, Any]:  # fmt: skip
    """`rtpose eval` of `cascaded` or of `TWO_STAGE`: its figures as one JSON object.

    name: name of the pictures. input_kind: see `INPUTS`. detector: finds people for the input "detected".
    Single person: errors of the root-relative pose, for people with an estimate. Several people: 3DPCK with matching,
    where missed people count as wrong.
    Errors: `ConfigError` for an unknown kind of input, `InputError` for pictures without 3D labels, and those of
    `CascadedNetwork`.
    """
    if input_kind not in INPUTS:
        raise ConfigError(f"unknown input '{input_kind}' for pictures: choose {' or '.join(INPUTS)}")
    network: CascadedNetwork | None = None
    lifter: Lifter | None = None
    estimator: Estimator | None = None
    settings = RunSettings(detector=detector, backend=backend, persons=MOST_DETECTED)
    if name_or_path == TWO_STAGE:
        lifter = open_lifter(settings.lifter, options=LoadOptions(backend))
        of_lifter = lifter.describe()
        shown, sha256 = f"true 2D joints + {of_lifter['lifter']}", of_lifter["lifter_sha256"]
        if input_kind == "detected":
            estimator = open_estimators(settings).each[0]
            shown = str(estimator.describe()["estimator"])
    else:
        file = cascaded_file(None if name_or_path == "cascaded" else name_or_path)
        network = CascadedNetwork(file, options=LoadOptions(backend))
        if input_kind == "detected":
            cascaded = msgspec.structs.replace(settings, estimator="cascaded", cascaded=str(network.file))
            estimator = open_estimators(cascaded).each[0]
        shown, sha256 = network.facts["name"], network.sha256
    poses: list[tuple[Float32, Float32, NDArray[np.int64]]] = []
    people: list[_People] = []
    sequence_of = pictures.sequence if isinstance(pictures, PictureSet) else lambda i: ""
    sequences: list[str] = []  # of each true person
    action_of = pictures.action if isinstance(pictures, PictureSet) else lambda i: ""
    actions: list[str] = []  # of each pose
    estimates = 0
    for i in range(len(pictures)):
        picture = pictures[i]
        labelled = [
            (person, person.joints_m)
            for person in picture.people
            if person.joints_m is not None and usable(picture, person)
        ]
        if not labelled:
            continue
        persons, truth_mm = [person for person, _ in labelled], 1000 * np.stack([joints for _, joints in labelled])
        if estimator is not None:
            found = _by_detector(estimator, picture, i)
        elif lifter is not None:
            found = _by_joints(lifter, picture, persons)
        else:
            assert network is not None
            found = _by_boxes(network, picture, persons)
        true_px, reach_px = _true_places(persons)
        by = list(MATCHED_JOINTS)
        rows = metrics.match_people(found.joints_px[:, by], true_px[:, by], reach_px)
        people.append(_compared(found, truth_mm, rows))
        sequences += [sequence_of(i)] * len(rows)
        own = rows if estimator is not None else np.arange(len(persons))
        relative_mm = metrics.root_relative(truth_mm)
        visible = np.array([person.visible.sum() for person in persons])
        poses.append((found.pose_mm[own[own >= 0]], relative_mm[own >= 0], visible[own >= 0]))
        actions += [action_of(i)] * len(poses[-1][0])
        estimates += len(found.pose_mm)
    if not people:
        raise InputError(f"{name} has no people with 3D joints to compare with: choose other pictures")
    estimate_mm, truth_mm, seen = (np.concatenate(part) for part in zip(*poses, strict=True))
    groups = {f"{low}-{high} joints visible": (seen >= low) & (seen <= high) for low, high in VISIBLE}
    scale, source = (CASCADED_SCALE_NOTE, INPUTS) if lifter is None else (TWO_STAGE_SCALE_NOTE, INPUTS_TWO_STAGE)
    architecture = network.facts.get("architecture") if network else None
    averaged = isinstance(architecture, dict) and bool(architecture.get("flip_averaging"))
    joined = _People(*(np.concatenate([getattr(p, f.name) for p in people]) for f in fields(_People)))
    of = np.array(sequences)
    per_sequence = {name: joined.figures(of == name) for name in sorted(set(sequences) - {""}, key=_number)}
    shows = np.array(actions)
    per_action = {
        name: _single(estimate_mm[shows == name], truth_mm[shows == name]) for name in dict.fromkeys(actions) if name
    }
    return {
        "lifter": shown,
        "weights_sha256": sha256,
        "backend": backend,
        "pack": name,
        "input": input_kind,
        "smoothing": None,
        "seed": 0,
        **_single(estimate_mm, truth_mm),
        "per_action": per_action,
        "per_subject": {},
        **({"mean_of_actions": _mean_of_actions(list(per_action.values()))} if per_action else {}),
        "per_visible": {name: _single(estimate_mm[of], truth_mm[of]) for name, of in groups.items() if of.any()},
        "people": {
            "pictures": len(people),
            "estimates": estimates,
            **joined.figures(np.ones(len(joined.count), bool)),
            "per_count": {str(n): joined.figures(joined.count == n) for n in np.unique(joined.count)},
            "per_sequence": per_sequence,
            "mean_of_sequences": _mean_of(list(per_sequence.values())) if per_sequence else None,
        },
        "flip_averaging": averaged,
        "exclusions": f"people with fewer than {SEEN_AT_LEAST} visible joints",
        "scale": scale,
        "root_depth": ROOT_DEPTH,
        "protocol": _protocol(source[input_kind].format(detector), scale),
    }


def _protocol(source: str, scale: str) -> str:
    """The evaluation protocol in one line."""
    return (
        f"one person at a time, {source}; protocol 1: MPJPE, root-aligned; protocol 2: "
        f"P-MPJPE, Procrustes with scale; scale: {scale}; left out: people with fewer than {SEEN_AT_LEAST} visible "
        f"joints. 3DPCK: within 150 mm, the {len(MUPOTS_JOINTS)} joints of MuPoTS-3D as a detector defines them (head: "
        f"between the ears); people matched by {len(MATCHED_JOINTS)} joints within {REACH:g} of the box, missed "
        "people count as wrong; true bones: with the true bone lengths, as in MuPoTS-3D's program; absolute: "
        f"{ROOT_DEPTH}"
    )


def _by_boxes(network: CascadedNetwork, picture: LabelledPicture, persons: Sequence[PersonLabels]) -> _Found:
    rois = [network.codec.roi(person.box_px) for person in persons]
    found = network.look(picture.image, rois, picture.camera)
    return _Found(
        np.stack([one.joints_px for one in found]),
        1000 * np.stack([one.pose_m for one in found]),
        1000 * np.stack([one.root_m for one in found]),
    )


def _by_joints(lifter: Lifter, picture: LabelledPicture, persons: Sequence[PersonLabels]) -> _Found:
    """Lifted from the joints of a perfect detector, which gives no evidence."""
    joints_px = np.stack([person.joints_px for person in persons])
    keypoints = np.concatenate([joints_px, np.ones_like(joints_px[..., :1])], -1)
    people = [Person2D(joints, person.box_px, 1.0) for joints, person in zip(keypoints, persons, strict=True)]
    lifter.reset()
    lifted = lifter.lift_people(people, H36M17, picture.camera, range(len(people)), 0.0)
    return _Found(joints_px, 1000 * lifted.poses[:, :_BODY], 1000 * lifted.roots)


def _by_detector(estimator: Estimator, picture: LabelledPicture, number: int) -> _Found:
    estimator.reset()
    found = estimator.estimate(Frame(picture.image, number, 0, float(number)), picture.camera)
    return _Found(
        np.array([one.keypoints_2d[:_BODY, :2] for one in found], np.float32).reshape(-1, _BODY, 2),
        1000 * np.array([one.pose_3d[:_BODY] for one in found], np.float32).reshape(-1, _BODY, 3),
        1000 * np.array([one.root_3d for one in found], np.float32).reshape(-1, 3),
    )


def _true_places(persons: Sequence[PersonLabels]) -> tuple[Float32, Float32]:
    """(Q, 17, 2) pixels, NaN for hidden joints; (Q,) pixels within which a joint is near."""
    joints = np.stack([np.where(p.visible[:, None], p.joints_px, np.float32(np.nan)) for p in persons])
    boxes = np.stack([p.box_px for p in persons])
    return joints, REACH * (boxes[:, 2:] - boxes[:, :2]).max(1)


def _compared(found: _Found, truth_mm: Float32, rows: NDArray[np.int64]) -> _People:
    relative_mm, chosen = metrics.root_relative(truth_mm), list(MUPOTS_JOINTS)
    matched = rows >= 0
    of = rows[matched]
    bones_mm = np.zeros_like(found.pose_mm)
    bones_mm[of] = metrics.with_bones_of(found.pose_mm[of], relative_mm[matched], H36M17.parents.tolist())
    absolute_mm = found.pose_mm + found.root_mm[:, None]
    root_mm = np.full(len(rows), np.nan)
    root_mm[matched] = np.linalg.norm(found.root_mm[of] - truth_mm[matched, 0], axis=-1)

    def share(estimate: Float32, truth: Float32) -> NDArray[Any]:
        return metrics.people_pck(estimate[:, chosen], truth[:, chosen], rows)

    return _People(
        np.full(len(rows), len(rows)), matched, share(found.pose_mm, relative_mm), share(bones_mm, relative_mm),
        share(absolute_mm, truth_mm), root_mm,
    )  # fmt: skip


def _single(estimate_mm: Float32, truth_mm: Float32) -> dict[str, Any]:
    """The figures that lifters also have. Single pictures have no acceleration."""
    return {
        "poses": len(truth_mm),
        "mpjpe_mm": _mean(metrics.mpjpe(estimate_mm, truth_mm)),
        "p_mpjpe_mm": _mean(metrics.p_mpjpe(estimate_mm, truth_mm)),
        "n_mpjpe_mm": _mean(metrics.n_mpjpe(estimate_mm, truth_mm)),
        "pck_150": _mean(metrics.pck(estimate_mm, truth_mm)),
        "auc": _mean(metrics.auc(estimate_mm, truth_mm)),
        "accel_error_m_s2": None,
    }
