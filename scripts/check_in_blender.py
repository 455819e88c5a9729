"""Check that Blender reads exported motion as it was recorded. Prints the table of docs/formats.md; exits 1 if wrong.

    python3.11 -m venv blender && blender/bin/pip install bpy==5.0.1
    PYTHONPATH=. blender/bin/python scripts/check_in_blender.py RECORDING [RECORDING ...]

`bpy` is Blender as a Python package: 820 MB installed, for Python 3.11 only, and so too large for the tests.
RECORDING: an .npz or .rtpose with bodies. Each person is exported as BVH and GLB and imported into an empty scene. The
script compares bone names and parents, rest pose, rate and length, and all visible joints at each time of the file.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from rtpose.bones import BONE_NAMES, BONE_PARENTS, CONTACT_JOINTS, JOINT_BONES, JOINT_PLACES
from rtpose.errors import InputError
from rtpose.recordings import load_recording
from rtpose.recordings.export import export_recording
from rtpose.recordings.export.body_motion import body_motion_of
from rtpose.recordings.export.motion import at_constant_rate, motion_of, nominal_fps, room_of
from rtpose.recordings.recording import Recording
from rtpose.skeleton import RTPOSE28

Array = NDArray[np.float64]

FROM_Y_UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
"""Blender's axes, z up, from those of the files."""
SOLES = list(RTPOSE28.indices(*CONTACT_JOINTS))
LARGEST_MM = 1.0
"""Rest pose and joints may be off by this."""
LARGEST_RATE_ERROR = 1e-3
"""As a share. Blender stores a rate as a whole number and a float32 divisor."""


@dataclass(frozen=True)
class Truth:
    """What one person's file must contain. Metres, Blender's axes."""

    fps: float
    times_s: Array
    """(T,) of the frames in the file."""
    joints: Array
    """(T, 28, 3); NaN where a joint was not seen."""
    lengths: Array
    """(B,)."""
    rest: Array
    """(B, 3): where the bones begin in the T-pose, relative to the hips."""


def truth_of(recording: Recording, person: int, suffix: str) -> Truth:
    """The recorded joints at the times that a file of this format has."""
    fps = nominal_fps(recording)
    motion = motion_of(recording, person)
    if suffix == ".bvh":
        motion = at_constant_rate(motion, fps)
    body = body_motion_of(recording, person, room_of(recording))
    rest = body.rest_bases() - body.rest_bases()[0]
    joints = motion.in_room(room_of(recording)) @ FROM_Y_UP.T
    return Truth(fps, motion.times_s - motion.times_s[0], joints, body.lengths, rest @ FROM_Y_UP.T)


def imported(path: Path, fps: float) -> Any:
    """Blender's armature of a file, in a scene that has nothing else."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    with contextlib.redirect_stdout(io.StringIO()):
        if path.suffix == ".bvh":
            bpy.ops.import_anim.bvh(
                filepath=str(path), global_scale=0.01, update_scene_fps=True, update_scene_duration=True
            )
        else:
            # glTF has seconds, which Blender converts to frames and fractions of frames at the scene's rate. If that is
            # not a whole number, Blender 5.0 gets the times wrong: it multiplies by fps_base instead of dividing.
            scene.render.fps, scene.render.fps_base = max(round(fps), 1), 1
            bpy.ops.import_scene.gltf(filepath=str(path))
    (armature,) = (thing for thing in scene.objects if thing.type == "ARMATURE")
    return armature


def joints_in(armature: Any, truth: Truth) -> Array:
    """(T, 28, 3) metres: the joints on Blender's bones at the file's times."""
    scene = bpy.context.scene
    fps = scene.render.fps / scene.render.fps_base
    first = armature.animation_data.action.frame_range[0]
    places = JOINT_PLACES * truth.lengths[JOINT_BONES, None] @ FROM_Y_UP.T
    # Blender gives bones other axes than the file, but the rotation from rest is the same in world axes.
    to_rest = np.stack([np.linalg.inv(_world(armature, armature.data.bones[name].matrix_local)) for name in BONE_NAMES])
    out = np.empty((len(truth.times_s), len(places), 3))
    for row, frame in enumerate((first + truth.times_s * fps).tolist()):
        whole = int(frame + 1e-6)
        scene.frame_set(whole, subframe=min(max(frame - whole, 0), 1))
        bones = np.stack([_world(armature, armature.pose.bones[name].matrix) for name in BONE_NAMES])
        turned = bones[:, :3, :3] @ to_rest[:, :3, :3]
        out[row] = bones[JOINT_BONES, :3, 3] + np.einsum("jab,jb->ja", turned[JOINT_BONES], places)
    return out


def _world(armature: Any, matrix: Any) -> Array:
    return np.array(armature.matrix_world @ matrix)


def check(recording: Recording, person: int, suffix: str) -> tuple[str, list[str]]:
    """A row of the table, and what is wrong."""
    truth = truth_of(recording, person, suffix)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"motion{suffix}"
        export_recording(recording, path, person=person)
        armature = imported(path, truth.fps)
    bones = armature.data.bones
    parents = dict(zip(BONE_NAMES, [BONE_NAMES[n] if n >= 0 else None for n in BONE_PARENTS], strict=True))
    found = {bone.name: bone.parent.name if bone.parent else None for bone in bones}
    if found != parents:
        return "", [f"the bones are {found}"]
    heads = np.stack([_world(armature, bones[name].matrix_local)[:3, 3] for name in BONE_NAMES])
    rest_mm = 1000 * np.abs(heads - heads[0] - truth.rest).max()
    scene = bpy.context.scene
    fps = scene.render.fps / scene.render.fps_base
    first, last = armature.animation_data.action.frame_range
    joints = joints_in(armature, truth)
    off_mm = 1000 * np.linalg.norm(joints - truth.joints, axis=-1)
    seen = np.isfinite(off_mm)
    feet_mm = 1000 * joints[seen[:, SOLES].all(1)][:, SOLES, 2]
    wrong = []
    if rest_mm > LARGEST_MM:
        wrong.append(f"the rest pose is off by {rest_mm:.2f} mm")
    if off_mm[seen].max() > LARGEST_MM:
        wrong.append(f"joints are off by {off_mm[seen].max():.2f} mm")
    if suffix == ".bvh" and abs(fps / truth.fps - 1) > LARGEST_RATE_ERROR:
        wrong.append(f"the rate is {fps:.3f} Hz instead of {truth.fps:.3f}")
    if abs((last - first) / fps - truth.times_s[-1]) > 0.5 / fps:
        wrong.append(f"frames {first:g} to {last:g} are not {truth.times_s[-1]:.2f} s")
    rate = f"{fps:.3f}" if suffix == ".bvh" else "-"
    row = (
        f"{suffix[1:].upper():<5}{len(bones):>5}{rate:>8}{(last - first) / fps:>9.3f}{len(truth.times_s):>8}"
        f"{rest_mm:>9.4f}{np.median(off_mm[seen]):>9.4f}{off_mm[seen].max():>9.4f}{np.median(feet_mm.min(1)):>8.1f}"
    )
    return row, wrong


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", nargs="+", type=Path, metavar="RECORDING")
    options = parser.parse_args()
    print(f"Blender {bpy.app.version_string}. Errors in mm; feet: median height of the lowest heel or toe, mm")
    print(
        f"{'recording':<16}{'id':>4} {'file':<5}{'bones':>5}{'Hz':>8}{'seconds':>9}{'frames':>8}"
        f"{'rest':>9}{'median':>9}{'largest':>9}{'feet':>8}"
    )
    failed = False
    for path in options.recordings:
        try:
            recording = load_recording(path)
        except InputError as error:
            parser.error(str(error))
        for person in recording.ids:
            for suffix in (".bvh", ".glb"):
                row, wrong = check(recording, person, suffix)
                print(f"{path.stem[:16]:<16}{person:>4} {row}")
                for what in wrong:
                    print(f"  wrong: {what}")
                failed |= bool(wrong)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
