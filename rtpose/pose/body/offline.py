"""Bodies of a whole recording at once: lengths are constant throughout, and smoothing looks both ways, so nothing lags.

The residuals are those of the live fit, but for the last pose: instead, accelerations are small (`motion`). Then feet
get their places, the means over each contact (`standing`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from rtpose.bones import Float64, wxyz_from_rotations
from rtpose.config import CorrectionSettings
from rtpose.pose.body.contacts import ContactEstimator
from rtpose.pose.body.evidence import FAR_M, evidence_of, expected_errors, scaled, with_lengths
from rtpose.pose.body.fit import Evidence3D, Fitted
from rtpose.pose.body.grounding import Ground, factor_of, moved_on_sight, rays_from
from rtpose.pose.body.lean import LeanRemover
from rtpose.pose.body.lengths import lengths_of_recording
from rtpose.pose.body.motion import fit_motion
from rtpose.pose.body.standing import hold_feet
from rtpose.pose.body.start import rotations_from_joints
from rtpose.pose.body.world import World
from rtpose.recordings.people_table import PeopleTable
from rtpose.recordings.recording import Recording
from rtpose.skeleton import as_rtpose28, keypoints_as_rtpose28
from rtpose.types import BodyPose, Camera, Person3D

MAX_GAP_S = 0.5
"""A longer gap parts a motion."""
RAYS_S = 0.10
"""Standard deviation in time of what smooths the picture's joints."""
GROUND_S = 0.5
"""Over how long somebody's distance by the floor is averaged."""
WINDOW, MARGIN = 600, 30
"""Frames that are fitted at once, which bounds the memory, and more on both sides, so that no seam is seen."""


@dataclass(frozen=True, slots=True)
class ClipFrame:
    """A frame of a clip with its people as the lifter made them."""

    t_s: float
    camera: Camera
    persons: Sequence[Person3D]


def fit_clip(
    frames: Sequence[ClipFrame], corrections: CorrectionSettings | None = None, *, planted: bool = True,
    world: World | None = None,
) -> tuple[list[list[Person3D]], NDArray[np.float64] | None]:  # fmt: skip
    """The people of every frame with bodies, and `world_from_camera` (4, 4), None where nothing shows it.

    corrections: as of `Bodies`; without `last_pose`, neighbours in time do not count. planted: feet in contact are
    held. world: where gravity or floor are given.
    """
    corrections = corrections or CorrectionSettings()
    world = world or World()
    contacts = _contacts(frames, world)
    if corrections.lean:
        lean = LeanRemover(at_once=True)
        frames = [
            replace(f, persons=lean.remove_lean(f.persons, world.gravity, f.t_s, world.early_rad)) for f in frames
        ]
    rows: dict[int, list[tuple[int, int]]] = {}
    for t, frame in enumerate(frames):
        for column, person in enumerate(frame.persons):
            rows.setdefault(person.track_id, []).append((t, column))
    out = [list(frame.persons) for frame in frames]
    for track_id, places in rows.items():
        scale = world.scale_of(track_id) if corrections.sizes else 1.0
        people = [frames[t].persons[column] for t, column in places]
        joints = np.stack([person.pose_3d for person in people]).astype(np.float64)
        lengths = lengths_of_recording(joints, np.stack([expected_errors(person) for person in people])) * scale
        for part in _parts(frames, places):
            of_part = [places[i] for i in part]
            fitted = _fit_part(
                [frames[t] for t, _ in of_part], [scaled(frames[t].persons[column], scale) for t, column in of_part],
                lengths, np.stack([contacts[t][column] for t, column in of_part]), corrections, planted=planted,
                ground=world.ground if world.floor_under(track_id) is not None else None,
            )  # fmt: skip
            for (t, column), person in zip(of_part, fitted, strict=True):
                out[t][column] = person
    return out, world.world_from_camera


def _contacts(frames: Sequence[ClipFrame], world: World) -> list[list[NDArray[np.float32]]]:
    """Of everybody in every frame, once gravity and floor have been learned from all of the clip."""
    for learning in (True, False):
        estimator = ContactEstimator()
        found = []
        for frame in frames:
            now = [
                estimator.update(
                    person.track_id, person.pose_3d + person.root_3d, person.keypoints_2d[:, 2],
                    person.down if world.gravity is None else world.gravity, frame.t_s,
                    world.floor_under(person.track_id),
                )
                for person in frame.persons
            ]  # fmt: skip
            found.append(now)
            if learning:
                world.observe(frame.persons, now, frame.t_s)
    return found


def _parts(frames: Sequence[ClipFrame], places: Sequence[tuple[int, int]]) -> list[range]:
    """Ranges of a person's frames without long gaps and with one camera."""
    ends = [0]
    for i in range(1, len(places)):
        before, after = frames[places[i - 1][0]], frames[places[i][0]]
        if after.t_s - before.t_s > MAX_GAP_S or after.camera != before.camera:
            ends.append(i)
    return [range(a, b) for a, b in zip(ends, [*ends[1:], len(places)], strict=True)]


def _fit_part(
    frames: Sequence[ClipFrame], persons: Sequence[Person3D], lengths: Float64, contacts: NDArray[np.float32],
    corrections: CorrectionSettings, *, planted: bool, ground: Ground | None,
) -> list[Person3D]:  # fmt: skip
    """ground: None: not known where this person stands."""
    times = np.array([frame.t_s for frame in frames])
    windows = []
    for part in (slice(w.start, w.stop) for w in _windows(len(persons))):
        given = evidence_of(persons[part], frames[0].camera, rays=corrections.rays)
        unsure = [i for i, person in enumerate(persons[part]) if person.error_m is None]
        given.joints[unsure] = with_lengths(given.joints[unsure], np.tile(lengths, (len(unsure), 1)))
        if ground is not None and corrections.sizes:
            _ground(given, contacts[part], times[part], ground)
        windows.append(_fit_window(persons[part], given, lengths, times[part], corrections))
    kept = [
        slice(own.start - w.start, own.stop - w.start)
        for own, w in zip(_windows(len(persons), margin=0), _windows(len(persons)), strict=True)
    ]
    found = Fitted(**{
        each.name: np.concatenate([getattr(w, each.name)[part] for w, part in zip(windows, kept, strict=True)])
        for each in fields(Fitted)
    })  # fmt: skip
    if planted:
        found = hold_feet(found, np.tile(lengths, (len(persons), 1)), contacts, times)
    quaternions = wxyz_from_rotations(found.rotations).astype(np.float32)
    return [
        replace(
            person, pose_3d=found.joints[i].astype(np.float32), root_3d=found.roots[i].astype(np.float32),
            body=BodyPose(quaternions[i], lengths.astype(np.float32), np.asarray(contacts[i], np.float32)),
        )
        for i, person in enumerate(persons)
    ]  # fmt: skip


def _windows(count: int, margin: int = MARGIN) -> list[range]:
    """Frames that are fitted at once; those of a margin are also in the next window."""
    return [range(max(start - margin, 0), min(start + WINDOW + margin, count)) for start in range(0, count, WINDOW)]


def _ground(given: Evidence3D, contacts: NDArray[np.float32], times: Float64, ground: Ground) -> None:
    """Move the person to where the floor is under them, in every frame."""
    roots = given.roots.copy()
    factors = np.array([factor_of(given.joints[i], roots[i], contacts[i], ground) for i in range(len(roots))])
    stands = np.isfinite(factors)
    if not stands.any():
        return
    every = _smoothed(np.interp(times, times[stands], factors[stands])[:, None], times, GROUND_S)[:, 0]
    for i, factor in enumerate(every):
        given.roots[i] = moved_on_sight(roots[i], float(factor), ground.gravity, ground.floor_m)
        given.rays[i] = rays_from(given.rays[i], roots[i], given.roots[i], ground.gravity, ground.floor_m)


def _fit_window(
    persons: Sequence[Person3D], given: Evidence3D, lengths: Float64, times: Float64, corrections: CorrectionSettings
) -> Fitted:
    seen, weights = given.rays.copy(), given.ray_weights.copy()
    known = np.stack([person.pose_3d for person in persons]).astype(np.float64)
    return fit_motion(
        rotations_from_joints(known), lengths, given, times, smooth=corrections.last_pose,
        steady=lambda roots: _steady_rays(given, seen, weights, roots, times),
    )  # fmt: skip


def _smoothed(values: Float64, times: Float64, deviation_s: float) -> Float64:
    """(N, ...) weighted means over time: a bell of that standard deviation, with the frames' real times."""
    if len(values) < 2:
        return values.copy()
    reach = max(1, round(3 * deviation_s / float(np.median(np.diff(times)))))
    total, weights = np.zeros_like(values), np.zeros(len(values))
    shape = (-1, *[1] * (values.ndim - 1))
    for shift in range(-min(reach, len(values) - 1), min(reach, len(values) - 1) + 1):
        mine = slice(max(0, -shift), len(values) - max(0, shift))
        theirs = slice(max(0, shift), len(values) - max(0, -shift))
        bell = np.exp(-0.5 * ((times[theirs] - times[mine]) / deviation_s) ** 2)
        total[mine] += bell.reshape(shape) * values[theirs]
        weights[mine] += bell
    mean: Float64 = total / weights.reshape(shape)
    return mean


def _steady_rays(given: Evidence3D, rays: Float64, weights: Float64, roots: Float64, times: Float64) -> None:
    """The picture's joints without jitter, and without those of somebody else. roots: (T, 3) as known so far."""
    joints = given.joints + roots[:, None]
    depth = np.maximum(joints[..., 2:], 0.1)
    flat = joints[..., :2] / depth
    off = (rays - flat) * depth
    near = (weights > 0) & (np.linalg.norm(off, axis=-1) < FAR_M)
    share = _smoothed(near[..., None].astype(np.float64), times, RAYS_S)
    mean = _smoothed(np.where(near[..., None], off, 0.0), times, RAYS_S) / np.maximum(share, 1e-6)
    given.rays[:] = flat + mean / depth
    given.ray_weights[:] = weights * near


def fit_recording(recording: Recording, *, planted: bool = True) -> Recording:
    """The same recording with bodies, for files that have none: of format 1, or made with `body=off`.

    Joints become those of the bodies, all 28. planted: see `fit_clip`.
    """
    frames = [
        ClipFrame(t_s, recording.camera, [_with_28_joints(person) for person in recording.people(row)])
        for row, t_s in enumerate(recording.timestamps_s.tolist())
    ]
    fitted, world_from_camera = fit_clip(frames, planted=planted)
    table = PeopleTable()
    for row, persons in enumerate(fitted):
        table.append(int(recording.frame_ids[row]), frames[row].t_s, persons, world_from_camera)
    return table.to_recording(image_size=recording.image_size, camera=recording.camera, meta=recording.meta)


def _with_28_joints(person: Person3D) -> Person3D:
    return replace(
        person, pose_3d=as_rtpose28(person.pose_3d), keypoints_2d=keypoints_as_rtpose28(person.keypoints_2d),
        confidence=as_rtpose28(person.confidence[:, None], 0)[:, 0],
    )  # fmt: skip
