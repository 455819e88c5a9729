"""Measure what the body changes on real footage: errors, bones, feet, angles, time. Prints the tables of docs/body.md.

    python scripts/measure_body.py FOOTAGE [--clip squats.mp4 ...] [--people FOLDER]

FOOTAGE: a folder as `rtpose eval --footage` takes it. --clip: further clips, one person, without ground truth.
--people: a folder that stores the estimator's results, so that a second run only fits bodies.
"""

from __future__ import annotations

import argparse
import pickle
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from rtpose.bones import CONTACT_JOINTS
from rtpose.capture import open_source
from rtpose.cli.footage_methods import gather
from rtpose.config import CorrectionSettings, RunSettings
from rtpose.footage.judge import Estimate, judge_set, means_by_set, peer_people
from rtpose.footage.measure import People, column_of, follow
from rtpose.footage.sets import JOINTS, FootageSet, TruthCamera, find_sets, load_set
from rtpose.pose.body.bodies import Bodies
from rtpose.pose.body.offline import ClipFrame, fit_clip
from rtpose.session import Session
from rtpose.skeleton import RTPOSE28
from rtpose.types import Camera, Person3D

Array = NDArray[Any]
Seen = list[tuple[int, float, Camera, list[Person3D]]]
"""frame_id, seconds, camera, people from the lifter, for each frame."""

ALL = CorrectionSettings()
VARIANTS: dict[str, tuple[CorrectionSettings, bool] | None] = {
    "no body": None,
    "body": (ALL, True),
    "without rays": (msgspec.structs.replace(ALL, rays=False), True),
    "without last pose": (msgspec.structs.replace(ALL, last_pose=False), True),
    "without sizes": (msgspec.structs.replace(ALL, sizes=False), True),
    "without lean": (msgspec.structs.replace(ALL, lean=False), True),
    "feet free": (ALL, False),
    "bones alone": (CorrectionSettings(rays=False, last_pose=False, sizes=False, lean=False), False),
}
ANGLES = {
    "knee": (("left_hip", "left_knee", "left_foot"), ("right_hip", "right_knee", "right_foot")),
    "elbow": (("left_shoulder", "left_elbow", "left_wrist"), ("right_shoulder", "right_elbow", "right_wrist")),
}
FEET = RTPOSE28.indices(*CONTACT_JOINTS)
SETTLED_S = 2.0


class Watched:
    """The people of clips, estimated once."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._sessions: dict[int, Session] = {}
        self._seen: dict[tuple[Path, int], Seen] = {}

    def people(self, clip: Path, persons: int) -> Seen:
        """The estimator's results on a clip, before smoothing."""
        if (clip, persons) not in self._seen:
            kept = None if self._folder is None else self._folder / f"{clip.parent.name}_{clip.stem}_{persons}.pickle"
            if kept is not None and kept.is_file():
                self._seen[clip, persons] = pickle.loads(kept.read_bytes())
            else:
                self._seen[clip, persons] = list(self._estimate(clip, persons))
                if kept is not None:
                    kept.parent.mkdir(parents=True, exist_ok=True)
                    kept.write_bytes(pickle.dumps(self._seen[clip, persons]))
        return self._seen[clip, persons]

    def _estimate(self, clip: Path, persons: int) -> Iterator[tuple[int, float, Camera, list[Person3D]]]:
        session = self.session(persons)
        estimator = session.estimators[0]
        estimator.reset()
        source = open_source(str(clip))
        try:
            while not source.ended:
                if (frame := source.read()) is not None:
                    camera = session.camera_of(frame.size)
                    yield frame.frame_id, frame.pts_s, camera, estimator.estimate(frame, camera)
        finally:
            source.close()

    def session(self, persons: int) -> Session:
        """The session for this many people."""
        if persons not in self._sessions:
            self._sessions[persons] = Session(RunSettings(persons=persons))
        return self._sessions[persons]


@dataclass
class Motion:
    """One person of a fitted clip."""

    times_s: list[float] = field(default_factory=list)
    lengths: list[Array] = field(default_factory=list)
    feet: list[Array] = field(default_factory=list)
    """(4, 3) metres, camera space."""
    contacts: list[Array] = field(default_factory=list)


@dataclass
class Run:
    """A variant's result on a clip."""

    found: dict[int, Sequence[Person3D]]
    motions: dict[int, Motion]
    ms: list[float]
    """Per frame, divided by its number of people."""

    def add(self, frame_id: int, t_s: float, people: Sequence[Person3D]) -> None:
        """A frame's people."""
        self.found[frame_id] = people
        for person in people:
            motion = self.motions.setdefault(person.track_id, Motion())
            motion.times_s.append(t_s)
            motion.feet.append(person.pose_3d[FEET] + person.root_3d)
            if person.body is not None:
                motion.lengths.append(person.body.bone_lengths)
                motion.contacts.append(person.body.contacts)


def run(watched: Watched, clip: Path, persons: int, variant: tuple[CorrectionSettings, bool] | None) -> Run:
    """Smooth and fit a clip's people as the pipeline does."""
    smoother = watched.session(persons).make_smoother()
    body = None if variant is None else Bodies(variant[0], planted=variant[1])
    out = Run({}, {}, [])
    for frame_id, t_s, camera, seen in watched.people(clip, persons):
        people = smoother.smooth(seen, t_s)
        if body is not None:
            started = time.thread_time()
            people, _ = body.fit(people, camera, t_s)
            if people:
                out.ms.append(1e3 * (time.thread_time() - started) / len(people))
        out.add(frame_id, t_s, people)
    return out


def method(watched: Watched, variant: tuple[CorrectionSettings, bool] | None, ms: list[float]) -> Estimate:
    """A variant as a method of `judge_set`."""

    def estimate(footage: FootageSet, camera: TruthCamera) -> People:
        result = run(watched, camera.clip, footage.people, variant)
        ms.extend(result.ms)
        return gather(result.found, len(footage.world), footage.people)

    return estimate


def print_errors(watched: Watched, sets: list[FootageSet]) -> None:
    """Gain and cost of every correction."""
    times: dict[str, list[float]] = {name: [] for name in VARIANTS}
    methods = {name: method(watched, variant, times[name]) for name, variant in VARIANTS.items()}
    means = means_by_set(row for footage in sets for row in judge_set(footage, methods))
    print("| set | variant | P-MPJPE | N-MPJPE | MPJPE | accel m/s² | limbs % |\n|---|---|---|---|---|---|---|")
    for name, by in means.items():
        for variant, e in by.items():
            figures = (e.p_mpjpe, e.n_mpjpe, e.mpjpe, e.acceleration, e.limbs)
            print(f"| {name} | {variant} | " + " | ".join(f"{value:.1f}" for value in figures) + " |")
    print("\n| variant | ms of one core, a person and frame (median) |\n|---|---|")
    for name, ms in times.items():
        if ms:
            print(f"| {name} | {np.median(ms):.2f} |")


def print_bones_and_feet(watched: Watched, clips: dict[str, tuple[Path, int]]) -> None:
    """Constancy of bones; speed of feet in contact, planted and free; the largest extra distance that a planted foot
    moves in a frame outside contact, compared with a free one."""
    print(
        "\n| clip | bones % | largest step % | foot in contact, planted / free mm/s | ratio | pop mm |\n"
        "|---|---|---|---|---|---|"
    )
    for name, (clip, persons) in clips.items():
        planted, free = (run(watched, clip, persons, (ALL, feet)) for feet in (True, False))
        spread, step, speeds, pops = [], [], [], []
        for track_id, motion in planted.motions.items():
            other = free.motions[track_id]
            times, lengths = np.array(motion.times_s), np.array(motion.lengths)
            if len(times) < 10:
                continue
            late = lengths[times - times[0] > SETTLED_S]
            if len(late) > 1:
                spread.append((late.std(0) / late.mean(0)).max())
            step.append(np.abs(np.diff(np.log(lengths), axis=0)).max())
            dt = np.diff(times)[:, None]
            mine, theirs = (np.diff(np.array(m.feet), axis=0) for m in (motion, other))
            speeds.append(contact_speeds(motion, other))
            ends = (np.array(motion.contacts)[1:] < 0.4) & (dt < 0.05)
            pops.append((np.linalg.norm(mine, axis=-1) - np.linalg.norm(theirs, axis=-1))[ends])
        values = np.concatenate(speeds, axis=1) if speeds else np.zeros((2, 0))
        mean = values.mean(1) * 1e3 if values.size else np.full(2, np.nan)
        pop = np.concatenate(pops) if pops else np.zeros(0)
        largest = f"{1e3 * pop.max():.0f}" if len(pop) else "-"
        bones = f"{100 * float(np.median(spread)):.2f}" if spread else "-"
        print(f"| {name} | {bones} | {100 * max(step, default=np.nan):.2f} | {mean[0]:.0f} / {mean[1]:.0f} | "
              f"{mean[0] / mean[1]:.2f} | {largest} |")  # fmt: skip


def print_drift(watched: Watched, clips: dict[str, Path]) -> None:
    """How far standing feet get from their mean position, in clips in which they stand."""
    print("\n| clip | feet | heels and toes from their mean place: largest cm |\n|---|---|---|")
    for name, clip in clips.items():
        for feet, variant in (("no body", None), ("free", (ALL, False)), ("planted", (ALL, True))):
            result = run(watched, clip, 1, variant)
            motion = max(result.motions.values(), key=lambda m: len(m.times_s))
            places = np.array(motion.feet)[np.array(motion.times_s) - motion.times_s[0] > SETTLED_S]
            apart = np.linalg.norm(places - places.mean(0), axis=-1)
            print(f"| {name} | {feet} | " + ", ".join(f"{100 * value:.1f}" for value in apart.max(0)) + " |")


def print_second_pass(watched: Watched, sets: list[FootageSet]) -> None:
    """`--quality best` compared with the live fit: errors, feet in contact, time."""
    print("\n| set | pass | P-MPJPE | N-MPJPE | MPJPE | accel m/s² | foot in contact, planted / free mm/s |")
    print("|---|---|---|---|---|---|---|")
    spent: list[float] = []

    def second(clip: Path, persons: int, planted: bool) -> Run:
        seen = watched.people(clip, persons)
        started = time.process_time()
        people, _ = fit_clip([ClipFrame(t_s, camera, now) for _, t_s, camera, now in seen], planted=planted)
        spent.append(1e3 * (time.process_time() - started) / max(sum(len(now) for now in people), 1))
        out = Run({}, {}, [])
        for (frame_id, t_s, _, _), now in zip(seen, people, strict=True):
            out.add(frame_id, t_s, now)
        return out

    for footage in sets:
        runs: dict[str, list[Run]] = {"live": [], "second": []}

        def live(footage: FootageSet, camera: TruthCamera, runs: dict[str, list[Run]] = runs) -> People:
            runs["live"] += [run(watched, camera.clip, footage.people, (ALL, planted)) for planted in (True, False)]
            return gather(runs["live"][-2].found, len(footage.world), footage.people)

        def best(footage: FootageSet, camera: TruthCamera, runs: dict[str, list[Run]] = runs) -> People:
            runs["second"] += [second(camera.clip, footage.people, planted) for planted in (True, False)]
            return gather(runs["second"][-2].found, len(footage.world), footage.people)

        means = means_by_set(judge_set(footage, {"live": live, "second": best}, peer=None))
        for name, e in means[footage.name].items():
            pairs = zip(runs[name][::2], runs[name][1::2], strict=True)
            speeds = [np.zeros((2, 0))] if footage.arms_only else [
                contact_speeds(mine, other.motions[track_id])
                for planted, other in pairs for track_id, mine in planted.motions.items() if len(mine.times_s) >= 10
            ]  # fmt: skip
            values = np.concatenate(speeds, axis=1)
            feet = "{:.0f} / {:.0f}".format(*(1e3 * values.mean(1))) if values.size else "-"
            figures = " | ".join(f"{value:.1f}" for value in (e.p_mpjpe, e.n_mpjpe, e.mpjpe, e.acceleration))
            print(f"| {footage.name} | {name} | {figures} | {feet} |")
    print(f"\nSecond pass: {np.median(spent):.1f} ms of CPU time per person and frame, on top of the live fit.")


def contact_speeds(mine: Motion, other: Motion) -> Array:
    """(2, K) m/s of feet that stand in two frames, in both."""
    contacts = np.array(mine.contacts)
    stands = np.minimum(contacts[1:], contacts[:-1]) > 0.6
    dt = np.diff(np.array(mine.times_s))[:, None]
    return np.stack([(np.linalg.norm(np.diff(np.array(m.feet), axis=0), axis=-1) / dt)[stands] for m in (mine, other)])


def bend(joints: Array, names: tuple[str, str, str]) -> Array:
    """(...) degrees between two bones; joints (..., 12, 3)."""
    a, b, c = (joints[..., JOINTS.index(name), :] for name in names)
    one, two = b - a, c - b
    cosine = (one * two).sum(-1) / np.linalg.norm(one, axis=-1) / np.linalg.norm(two, axis=-1)
    angle: Array = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    return angle


def print_angles(watched: Watched, sets: list[FootageSet]) -> None:
    """Mean error of knee and elbow angles, on frames that all variants have."""
    errors: dict[tuple[str, str], dict[str, list[Array]]] = {}
    for footage in sets:
        for camera in footage.cameras:
            truth = camera.joints(footage.world)
            seen = {"mediapipe": peer_people(footage, camera)}
            for name in ("no body", "body"):
                seen[name] = method(watched, VARIANTS[name], [])(footage, camera)
            columns = {name: follow(people, camera, truth, footage.valid) for name, people in seen.items()}
            for person in range(footage.people):
                poses = {name: column_of(p.poses, columns[name][:, person]) for name, p in seen.items()}
                for joint, limbs in ANGLES.items():
                    if joint == "knee" and footage.arms_only:
                        continue
                    for limb in limbs:
                        use = footage.valid[:, person][:, [JOINTS.index(n) for n in limb]].all(1)
                        use = use & camera.seen[:, person]
                        exact = bend(truth[:, person], limb)
                        off = {name: np.abs(bend(p, limb) - exact) for name, p in poses.items()}
                        for values in off.values():
                            use = use & np.isfinite(values)
                        for name, values in off.items():
                            errors.setdefault((footage.name, joint), {}).setdefault(name, []).append(values[use])
    print("\n| set | joint | mediapipe | no body | body | body / mediapipe |\n|---|---|---|---|---|---|")
    total: dict[str, dict[str, list[float]]] = {}
    for (name, joint), by in errors.items():
        means = {method: float(np.concatenate(values).mean()) for method, values in by.items()}
        print(f"| {name} | {joint} | " + " | ".join(f"{means[m]:.1f}" for m in ("mediapipe", "no body", "body"))
              + f" | {means['body'] / means['mediapipe']:.2f} |")  # fmt: skip
        for method_name, value in means.items():
            total.setdefault(joint, {}).setdefault(method_name, []).append(value)
    for joint, by_method in total.items():
        mean = {name: float(np.mean(values)) for name, values in by_method.items()}
        print(f"| mean of sets | {joint} | {mean['mediapipe']:.1f} | {mean['no body']:.1f} | {mean['body']:.1f} | "
              f"{mean['body'] / mean['mediapipe']:.2f} |")  # fmt: skip


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("footage", type=Path)
    parser.add_argument("--clip", type=Path, action="append", default=[])
    parser.add_argument("--people", type=Path)
    given = parser.parse_args()
    watched = Watched(given.people)
    sets = [load_set(folder) for folder in find_sets(given.footage)]
    print_errors(watched, sets)
    clips = {clip.stem: (clip, 1) for clip in given.clip}
    of_sets = {f"{s.name} {c.clip.stem}": (c.clip, s.people) for s in sets if not s.arms_only for c in s.cameras}
    print_bones_and_feet(watched, {**of_sets, **clips})
    print_drift(watched, {clip.stem: clip for clip in given.clip})
    print_angles(watched, sets)
    print_second_pass(watched, sets)


if __name__ == "__main__":
    main()
