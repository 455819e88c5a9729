"""Measure gravity, floor, lean, sizes and places on real footage. Prints the tables of docs/floor.md.

    python scripts/measure_floor.py FOOTAGE [--clip squats.mp4 ...] [--roll 26] [--people FOLDER]

FOOTAGE: a folder as `rtpose eval --footage` takes it, with world axes z up. --clip: further clips, one person, without
truth; each is seen a second time, turned by `--roll` degrees. --people: a folder that keeps what the estimator saw, so
that a second run only makes bodies.
"""

from __future__ import annotations

import argparse
import math
import pickle
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import rtpose
from rtpose.api import Frames
from rtpose.bones import CONTACT_JOINTS
from rtpose.capture import open_source
from rtpose.config import CorrectionSettings, RunSettings
from rtpose.footage.measure import follow
from rtpose.footage.sets import JOINTS, FootageSet, TruthCamera, find_sets, load_set
from rtpose.geometry import standing_height
from rtpose.pose.body.balance import angle_deg, uprightness
from rtpose.pose.body.bodies import Bodies
from rtpose.pose.body.evidence import scaled
from rtpose.pose.body.floor import SOLE_M
from rtpose.pose.body.gravity import angles_from_gravity
from rtpose.pose.body.offline import ClipFrame, fit_clip
from rtpose.pose.body.world import World, world_from_gravity
from rtpose.pose.lift.fusion import MEASURED
from rtpose.session import Session
from rtpose.skeleton import H36M17, RTPOSE28
from rtpose.types import Camera, Frame, FrameSource, Person3D

Array = NDArray[Any]
Seen = list[tuple[int, float, Camera, list[Person3D]]]
"""frame_id, seconds, camera, people as the lifter made them, for each frame."""

TRUTH_JOINTS = list(H36M17.indices(*JOINTS))
FEET = list(RTPOSE28.indices(*CONTACT_JOINTS))
ANKLES, SHOULDERS = (
    list(RTPOSE28.indices("left_foot", "right_foot")),
    list(RTPOSE28.indices("left_shoulder", "right_shoulder")),
)
UPRIGHT_DEG = 5.0
"""Somebody whose shoulders are within that angle above the ankles stands upright, by the truth."""
UPRIGHT = 0.6
"""The same by the estimate, where there is no truth."""


class Turned(Frames):
    """A source whose pictures are turned about their middle, as a camera that is turned clockwise sees them."""

    def __init__(self, source: FrameSource, roll_deg: float) -> None:
        super().__init__(source)
        self._roll_deg = roll_deg

    def read(self, timeout_s: float = 1.0) -> Frame | None:
        """See `FrameSource`."""
        frame = super().read(timeout_s)
        if frame is None:
            return None
        width, height = frame.size
        # Shrunk, so that nothing leaves the picture; what is seen turns against the camera: OpenCV's positive angle.
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), self._roll_deg, 0.7)
        return replace(frame, picture=cv2.warpAffine(frame.image, turn, (width, height)))


VERTICAL = {"desk_a": (0.2989, -0.0196, 0.9541)}
"""Up in world axes, of sets whose z axis is not vertical: by `measure_vertical.py`."""
STATED_M = {"p2s_two": {1: 1.4}}
"""Heights of people that a set's readme states: those of bodies whose limbs are not as long as their height says."""
SAMPLE = Path(rtpose.__file__).parent / "assets" / "sample.mp4"
SAMPLE_UP = (0.0, -0.9991, -0.0428)
"""Up in the axes of the built-in clip's camera (`make_sample.py`)."""
KEPT: list[Path] = []
"""The folder of `--people`, if it is given."""


def see(name: str, clip: Path, settings: RunSettings, roll_deg: float = 0.0) -> Seen:
    """What the estimator says of each frame; no bodies. name: of the file that keeps it."""
    file = KEPT[0] / f"{name}.pkl" if KEPT else None
    if file is not None and file.exists():
        kept: Seen = pickle.loads(file.read_bytes())
        return kept
    source: FrameSource = open_source(str(clip))
    seen: Seen = []
    Session(settings).run(
        Turned(source, roll_deg) if roll_deg else source,
        on_result=lambda r: seen.append((r.frame.frame_id, r.frame.pts_s, r.camera, list(r.persons))),
    )
    if file is not None:
        file.write_bytes(pickle.dumps(seen))
    return seen


def true_heights(footage: FootageSet) -> list[float]:
    """Standing height of each person: as stated, or from the median lengths of their limbs."""
    heights = []
    stated_m = STATED_M.get(footage.name, {})
    for person in range(footage.people):
        if person in stated_m:
            heights.append(stated_m[person])
            continue
        joints = np.zeros((len(footage.world), len(H36M17.joints), 3), np.float32)
        joints[:, TRUTH_JOINTS] = np.nan_to_num(footage.world[:, person])
        trust = np.zeros(joints.shape[:2], np.float32)
        trust[:, TRUTH_JOINTS] = footage.valid[:, person]
        whole = footage.valid[:, person].all(-1)
        heights.append(float(np.median(standing_height(joints[whole], trust[whole]))) / MEASURED)
    return heights


def with_own_heights(seen: Seen, columns: Array, heights: list[float]) -> Seen:
    """People as if each height had been given, where the lifter was told their mean. columns: see `Follower`."""
    sized = []
    for frame_id, t_s, camera, persons in seen:
        people = list(persons)
        for person, height in enumerate(heights):
            column = int(columns[frame_id, person]) if frame_id < len(columns) else -1
            if column >= 0:
                people[column] = scaled(people[column], height / float(np.mean(heights)))
        sized.append((frame_id, t_s, camera, people))
    return sized


class Follower:
    """One camera's people beside the truth."""

    def __init__(self, footage: FootageSet, camera: TruthCamera) -> None:
        self.footage, self.camera = footage, camera
        self.truth = camera.joints(footage.world)
        self.up = camera.rotations[0] @ np.array(VERTICAL.get(footage.name, (0.0, 0.0, 1.0)))

    def columns(self, seen: Seen) -> Array:
        """(T, Q) which of a frame's people is which true person; -1: none."""
        from rtpose.cli.footage_methods import gather

        people = gather({i: persons for i, _, _, persons in seen}, len(self.footage.world), self.footage.people)
        return follow(people, self.camera, self.truth, self.footage.valid)


def stand(
    seen: Seen, corrections: CorrectionSettings, *, known: bool = False
) -> tuple[Bodies, dict[int, list[Person3D]], dict[int, Array]]:
    """Bodies on their floor; by frame id the people, and the `world_from_camera` of frames that have one. known: people
    are as tall as the lifter made them."""
    bodies = Bodies(corrections, world=World(height_is_given=known))
    people: dict[int, list[Person3D]] = {}
    worlds: dict[int, Array] = {}
    for frame_id, t_s, camera, persons in seen:
        people[frame_id], world = bodies.fit(persons, camera, t_s)
        if world is not None:
            worlds[frame_id] = world
    return bodies, people, worlds


def stand_again(seen: Seen, *, known: bool) -> tuple[dict[int, list[Person3D]], Array | None]:
    """By frame id the people of the second pass, and their `world_from_camera`. known: as of `stand`."""
    frames = [ClipFrame(t_s, camera, persons) for _, t_s, camera, persons in seen]
    people, world = fit_clip(frames, world=World(height_is_given=known))
    return dict(zip((frame_id for frame_id, *_ in seen), people, strict=True)), world


def in_world(world: Array, points: Array) -> Array:
    """(..., 3) camera space -> world space."""
    placed: Array = points @ world[:3, :3].T + world[:3, 3]
    return placed


def lean_deg(axes: list[Array]) -> str:
    """Of the mean of axes from ankles to shoulders in world axes, and the median over frames."""
    if not axes:
        return "-"
    up = np.array([0, 1.0, 0])
    mean = np.mean(axes, axis=0)
    each = [angle_deg(axis / np.linalg.norm(axis), up) for axis in axes]
    return f"{angle_deg(mean / np.linalg.norm(mean), up):.1f} / {np.median(each):.1f}"


def apart_deg(axes: list[Array], others: list[Array]) -> str:
    """Between the means of axes."""
    if not axes:
        return "-"
    one, other = np.mean(axes, axis=0), np.mean(others, axis=0)
    return f"{angle_deg(one / np.linalg.norm(one), other / np.linalg.norm(other)):.1f}"


def measure_camera(footage: FootageSet, camera: TruthCamera, seen: Seen, *, known: bool) -> None:
    """A row for gravity, and one for each person. known: everybody is given their own height."""
    follower = Follower(footage, camera)
    columns = follower.columns(seen)
    if known and not footage.arms_only:
        seen = with_own_heights(seen, columns, true_heights(footage))
    if footage.people == 1:
        found = {i for i, _, _, persons in seen if persons}
        columns = np.array([[0 if t in found else -1] for t in range(len(footage.world))])
    true_pitch, true_roll = angles_from_gravity(-follower.up)
    errors = []
    _, people, worlds = stand(seen, CorrectionSettings(), known=known)
    for world in worlds.values():
        errors.append(angle_deg(world[1, :3], follower.up))
    known_s = next((t for i, t, _, _ in seen if i in worlds), math.nan)
    pitch, roll = angles_from_gravity(-worlds[max(worlds)][1, :3]) if worlds else (math.nan, math.nan)
    name = f"{footage.name} {camera.number}"
    print(
        f"| {name} | {true_pitch:.0f}, {true_roll:.0f} | {pitch:.0f}, {roll:.0f} | {np.median(errors):.1f} "
        f"| {errors[-1]:.1f} | {known_s - seen[0][1]:.1f} |"
    )
    if footage.arms_only:
        return
    count_contacts(footage, camera, people, columns)
    _, raw_people, _ = stand(seen, CorrectionSettings(sizes=False, lean=False), known=known)
    again, world_again = stand_again(seen, known=known)
    for person in range(footage.people):
        axes: list[Array] = []
        axes_again: list[Array] = []
        raw_axes: list[Array] = []
        true_axes: list[Array] = []
        soles: list[float] = []
        raw_soles: list[float] = []
        soles_again: list[float] = []
        distances: list[float] = []
        for frame_id, world in worlds.items():
            column = int(columns[frame_id, person]) if frame_id < len(columns) else -1
            ok = footage.valid[frame_id, person].all() and camera.seen[frame_id, person] if column >= 0 else False
            if not ok:
                continue
            one, raw, second = (each[frame_id][column] for each in (people, raw_people, again))
            assert world_again is not None
            truth = follower.truth[frame_id, person]
            true_axis = truth[[6, 9]].mean(0) - truth[[2, 5]].mean(0)
            hips = truth[[0, 3]].mean(0)
            distances.append(float(np.linalg.norm(one.root_3d) / np.linalg.norm(hips)) - 1)
            if angle_deg(true_axis / np.linalg.norm(true_axis), follower.up) < UPRIGHT_DEG:
                for who, there, leans in (
                    (one, world, axes), (raw, world, raw_axes), (second, world_again, axes_again),
                ):  # fmt: skip
                    leans.append(there[:3, :3] @ (who.pose_3d[SHOULDERS].mean(0) - who.pose_3d[ANKLES].mean(0)))
                true_axes.append(world_from_gravity(-follower.up, 0.0)[:3, :3] @ true_axis)
            for who, there, levels in (
                (one, world, soles),
                (raw, world, raw_soles),
                (second, world_again, soles_again),
            ):
                heights = in_world(there, who.pose_3d[FEET] + who.root_3d)[:, 1] - SOLE_M
                levels.append(float(heights.min()))
        if not distances:
            continue
        PEOPLE.append(
            f"| {name}, {person} | {lean_deg(true_axes)} | {lean_deg(raw_axes)} | {lean_deg(axes)} "
            f"| {lean_deg(axes_again)} | {apart_deg(axes, true_axes)} | {len(axes)} "
            f"| {_cm(raw_soles)} | {_cm(soles)} | {_cm(soles_again)} | {100 * np.median(np.abs(distances)):.1f} "
            f"| {100 * np.median(distances):+.1f} |"
        )


PEOPLE: list[str] = []
"""Rows of the second table."""
FEET_RIGHT: dict[str, Array] = {}
"""Set -> (2, 2) feet that stand and do not, by the truth, found to stand or not."""


def true_contacts(footage: FootageSet, person: int) -> Array:
    """(T, 2) whether the left and right ankle stand: 1 low and slow, 0 high or fast, NaN in between."""
    steps = max(1, round(0.06 * footage.fps))
    out = np.full((len(footage.world), 2), np.nan)
    for side, joint in enumerate((5, 2)):
        ankle, valid = footage.world[:, person, joint], footage.valid[:, person, joint]
        height = ankle[:, 2] - np.nanpercentile(ankle[valid, 2], 10)
        for t in range(len(ankle)):
            first, last = max(t - steps, 0), min(t + steps, len(ankle) - 1)
            if valid[[first, t, last]].all():
                speed = np.linalg.norm(ankle[last] - ankle[first]) * footage.fps / (last - first)
                if speed < 0.2 and height[t] < 0.08:
                    out[t, side] = 1
                elif speed > 0.4 or height[t] > 0.15:
                    out[t, side] = 0
    return out


def count_contacts(footage: FootageSet, camera: TruthCamera, people: dict[int, list[Person3D]], columns: Array) -> None:
    """Add to `FEET_RIGHT`."""
    counts = FEET_RIGHT.setdefault(footage.name, np.zeros((2, 2), int))
    for person in range(footage.people):
        truth = true_contacts(footage, person)
        for t, persons in people.items():
            column = int(columns[t, person]) if t < len(columns) else -1
            body = persons[column].body if column >= 0 else None
            if body is None or not camera.seen[t, person]:
                continue
            stands = body.contacts.reshape(2, 2).max(1) > 0.5
            for side in range(2):
                if np.isfinite(truth[t, side]):
                    counts[int(truth[t, side] == 0), int(not stands[side])] += 1


def _cm(heights_m: list[float]) -> str:
    """The median of the last fifth: sizes and floor settle before."""
    settled = heights_m[-max(1, len(heights_m) // 5) :]
    return f"{100 * np.median(settled):.0f}" if settled else "-"


def measure_sets(folder: Path, *, known: bool) -> None:
    """Both tables. known: with the true focal length and height."""
    print(f"\n### {'True focal length and heights' if known else 'Defaults'}\n")
    print(
        "| camera | true pitch, roll | found | error, median | at the end | known after s |\n|---|---|---|---|---|---|"
    )
    PEOPLE.clear()
    FEET_RIGHT.clear()
    for found in find_sets(folder):
        footage = load_set(found)
        for camera in footage.cameras:
            with tempfile.TemporaryDirectory() as temporary:
                settings = RunSettings(persons=footage.people, body="off")
                if known:
                    settings = known_settings(footage, camera, Path(temporary) / "camera.yaml")
                name = f"{footage.name}_{camera.number}_{'known' if known else 'default'}"
                measure_camera(footage, camera, see(name, camera.clip, settings), known=known)
    print(
        "\n| person | true lean (mean axis / median) | lifter's | body's | second pass | off the truth "
        "| upright frames | lowest foot cm, each by itself | together | second pass | distance error % | signed |"
        "\n|---|---|---|---|---|---|---|---|---|---|---|---|"
    )
    print("\n".join(PEOPLE))
    print("\n| feet of | precision | recall | specificity |\n|---|---|---|---|")
    for name, ((hit, missed), (wrong, right)) in FEET_RIGHT.items():
        print(f"| {name} | {hit / (hit + wrong):.2f} | {hit / (hit + missed):.2f} | {right / (right + wrong):.2f} |")


def known_settings(footage: FootageSet, camera: TruthCamera, file: Path) -> RunSettings:
    """The camera's focal length, and the people's mean height."""
    matrix = camera.matrix
    source = open_source(str(camera.clip))
    width, height = source.info.size
    source.close()
    file.write_text(
        f"image_size: [{width}, {height}]\ncamera: [{matrix[0, 0]}, {matrix[1, 1]}, {matrix[0, 2]}, {matrix[1, 2]}]\n"
    )
    height_m = None if footage.arms_only else float(np.mean(true_heights(footage)))
    return RunSettings(persons=footage.people, body="off", calibration=str(file), height_m=height_m)


def measure_clips(clips: list[Path], roll_deg: float) -> None:
    """Clips without truth: the lean of who stands upright, and whether a turned camera is found to be turned."""
    print("\n| clip | pitch, roll found | true lean | lifter's | body's | upright frames |\n|---|---|---|---|---|---|")
    for clip in clips:
        for turned in (0.0, roll_deg):
            seen = see(f"{clip.stem}_{turned:g}", clip, RunSettings(body="off"), turned)
            _, people, worlds = stand(seen, CorrectionSettings())
            _, raw, _ = stand(seen, CorrectionSettings(lean=False))
            axes: list[Array] = []
            raw_axes: list[Array] = []
            true_axes: list[Array] = []
            truth = sample_axes() if clip.samefile(SAMPLE) and not turned else None
            lifted = {i: persons for i, _, _, persons in seen}
            for frame_id, world in worlds.items():
                for number, one in enumerate(people[frame_id]):
                    if uprightness(lifted[frame_id][number].pose_3d) > UPRIGHT:
                        if truth is not None:
                            true_axes.append(truth[frame_id])
                        for pose, into in ((one.pose_3d, axes), (raw[frame_id][number].pose_3d, raw_axes)):
                            into.append(world[:3, :3] @ (pose[SHOULDERS].mean(0) - pose[ANKLES].mean(0)))
            found = "-"
            if worlds:
                found = "{:.0f}, {:.0f}".format(*angles_from_gravity(-worlds[max(worlds)][1, :3]))
            label = f"{clip.stem}, turned by {turned:g}°" if turned else clip.stem
            leans = " | ".join(lean_deg(each) for each in (true_axes, raw_axes, axes))
            print(f"| {label} | {found} | {leans} | {len(axes)} |")


def sample_axes() -> Array:
    """(T, 3) from the ankles to the shoulders in the built-in clip, world axes."""
    with np.load(SAMPLE.with_name("sample_truth.npz"), allow_pickle=False) as file:
        joints = file["joints_3d"]
    shoulders = joints[:, list(H36M17.indices("left_shoulder", "right_shoulder"))].mean(1)
    ankles = joints[:, list(H36M17.indices("left_foot", "right_foot"))].mean(1)
    axes: Array = (shoulders - ankles) @ world_from_gravity(-np.array(SAMPLE_UP), 0.0)[:3, :3].T
    return axes


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("footage", type=Path)
    parser.add_argument("--clip", type=Path, action="append", default=[])
    parser.add_argument("--roll", type=float, default=26.0)
    parser.add_argument("--people", type=Path)
    given = parser.parse_args()
    if given.people:
        given.people.mkdir(exist_ok=True)
        KEPT.append(given.people)
    if given.clip:
        measure_clips(given.clip, given.roll)
    for known in (False, True):
        measure_sets(given.footage, known=known)


if __name__ == "__main__":
    main()
