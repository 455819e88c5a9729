"""Rendered clips on disk, as what a lifter learns from: the truth, and what each network said. No pictures.

A folder holds `clips.json` (what was asked for), README.md (what the arrays are) and `shard-00000.npz` and so on, each
of some clips, written under another name and moved into place: a stopped run goes on where it was.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtpose.errors import ConfigError, InputError, OutputError
from rtpose.skeleton import BLAZEPOSE33, RTPOSE28
from rtpose.train.synth.clips import FRAMES, Clip, RenderedClips, Truth
from rtpose.train.synth.dataset import clips_of_split
from rtpose.train.synth.evidence import NETWORKS, SHAPES, Evidence, SharedFinder, Witness
from rtpose.train.synth.joint_places import JointPlacePack
from rtpose.train.synth.photo import Split
from rtpose.train.synth.shards import build_body_model, check_motions, use_one_thread
from rtpose.types import Frame

FORMAT = 1
PER_SHARD = 16
MOST_FRAMES = 64
"""The pack has few clips that are longer than that many frames, three apart."""
_ABOUT = "clips.json"
Arrays = dict[str, NDArray[Any]]

README = f"""# Rendered clips and what BlazePose says of them

One person in each clip: exact 3D joints, and what the landmark networks said of every frame while they tracked the
person as they do live. No pictures. `rtpose.train.synth.clip_shards.load_clips(FOLDER)` reads all shards as one.

`shard-NNNNN.npz`, C clips with F frames altogether; clip c has the frames starts[c] to starts[c + 1] - 1.

| array | shape, type | what |
|---|---|---|
| `starts` | (C + 1,) int64 | where each clip begins |
| `index` | (C,) int64 | the clip's number, the same in every run of a seed |
| `size` | (C, 2) int32 | width, height of the picture, pixels |
| `camera` | (C, 4) float64 | fx, fy, cx, cy, pixels |
| `height_m` | (C,) float32 | standing height of the person |
| `kind` | (C,) str | the exercise, or the pack's clip |
| `holding` | (C,) str | how the camera is held: still, panning, hand |
| `whole` | (C,) bool | the whole body is meant to be in the picture |
| `times_s` | (F,) float64 | from 0 in each clip |
| `world_from_camera` | (F, 4, 4) float32 | metres; world: y up, floor at 0 |
| `joints_m` | (F, 28, 3) float32 | truth: metres, camera space (x right, y down, z away), joints of `rtpose28` |
| `joints_px` | (F, 28, 2) float32 | truth, projected, pixels |
| `visible` | (F, 28) bool | inside the picture and not behind anything but its own flesh |

and for each network N of {", ".join(NETWORKS)}, NaN where `N_found` is false, joints of `blazepose33`:

| array | shape, type | what |
|---|---|---|
| `N_found` | (F,) bool | the person was tracked or found in this frame |
| `N_points` | (F, 33, 2) float32 | pixels, refined by the heatmaps |
| `N_image_z` | (F, 33) float32 | pixels: the first output's depth times side / 256; negative is nearer than the hips |
| `N_world` | (F, 33, 3) float32 | the network's own 3D: metres, camera axes, from the middle of the hips |
| `N_visibility`, `N_presence` | (F, 33) float32 | logits |
| `N_peak` | (F, 33) float32 | 0..1: the heatmap's highest value |
| `N_spread` | (F, 33) float32 | pixels: the heatmap's standard deviation, over the cells above half its peak |
| `N_roi` | (F, 4) float32 | the square that the network saw: middle x, y and side in pixels, radians clockwise |
| `N_somebody` | (F,) float32 | 0..1: that somebody is in the square |

rtpose28: {", ".join(RTPOSE28.joints)}.

blazepose33: {", ".join(BLAZEPOSE33.joints)}.
"""


@dataclass(frozen=True)
class Progress:
    """How far a folder is, in clips."""

    done: int
    count: int
    made: int
    """By this run."""
    seconds: float
    """Since the run began."""


def render_clips(
    folder: Path,
    motions: Path,
    networks: Mapping[str, Path],
    count: int,
    *,
    split: Split = Split.TRAIN,
    seed: int = 0,
    frames: int = FRAMES,
    places: Path | None = None,
    workers: int = 1,
    report: Callable[[Progress], None] = lambda progress: None,
    tell: Callable[[str], None] = lambda line: None,
) -> Progress:
    """Fill `folder` with the first `count` clips, rounded up to whole shards; what is there stays.

    networks: name -> file of the landmark networks. places: as `RenderedClips` takes it. tell: hears of the first
    use's long wait. Errors: `OutputError` if the folder holds clips of other settings; those of `RenderedClips` and
    `Witness`, before anything is written.
    """
    if count < 1 or workers < 1:
        raise ConfigError(f"{count} clips by {workers} workers: give 1 or more of both")
    if not 2 <= frames <= MOST_FRAMES:
        raise ConfigError(f"clips of {frames} frames: give 2 to {MOST_FRAMES}")
    about = {
        "format": FORMAT, "per_shard": PER_SHARD, "frames": frames, "motions": motions.name, "split": split.value,
        "seed": seed, "networks": sorted(networks), "places": places.name if places else None,
    }  # fmt: skip
    path = folder / _ABOUT
    if path.is_file() and json.loads(path.read_text(encoding="utf-8")) != about:
        raise OutputError(f"{folder} holds clips made with other settings ({path}): name another folder")
    shards = -(-count // PER_SHARD)
    missing = [k for k in range(shards) if not _path(folder, k).is_file()]
    done, made, start = (shards - len(missing)) * PER_SHARD, 0, time.perf_counter()
    if missing:
        check_motions(motions, split)
        if places:
            clips_of_split(JointPlacePack(places), split, places)
        build_body_model(tell)
        for file in networks.values():
            Witness(file, SharedFinder())
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(about, indent=2), encoding="utf-8")
        (folder / "README.md").write_text(README, encoding="utf-8")
        report(Progress(done, shards * PER_SHARD, made, 0.0))
        # Fresh processes: an OpenGL context does not survive a fork.
        context = multiprocessing.get_context("spawn")
        with context.Pool(
            min(workers, len(missing)), _start_worker, (motions, split, seed, frames, places, dict(networks))
        ) as pool:
            for _ in pool.imap_unordered(_make_shard, [(folder, k) for k in missing]):
                done, made = done + PER_SHARD, made + PER_SHARD
                report(Progress(done, shards * PER_SHARD, made, time.perf_counter() - start))
    return Progress(done, shards * PER_SHARD, made, time.perf_counter() - start)


_arguments: tuple[Path, Split, int, int, Path | None, dict[str, Path]]
_made: tuple[RenderedClips, dict[str, Witness]] | None = None
"""A worker process's own, as the arguments that they are made with."""


def _start_worker(
    motions: Path, split: Split, seed: int, frames: int, places: Path | None, networks: dict[str, Path]
) -> None:
    use_one_thread()
    global _arguments
    _arguments = (motions, split, seed, frames, places, networks)


def _make_shard(task: tuple[Path, int]) -> None:
    folder, number = task
    global _made
    if _made is None:  # here and not at the start: an error in a task reaches the parent
        motions, split, seed, frames, places, networks = _arguments
        finder = SharedFinder()
        _made = (
            RenderedClips(motions, split, seed, frames, places),
            {name: Witness(file, finder) for name, file in networks.items()},
        )
    clips, witnesses = _made
    rows = []
    for index in range(number * PER_SHARD, (number + 1) * PER_SHARD):
        clip = clips[index]
        rows.append((index, clip.truth, watch(clip, witnesses)))
    write_shard(_path(folder, number), rows)


def landmark_networks(folder: Path) -> dict[str, Path]:
    """Name -> file of the landmark networks in a folder. Errors: `InputError` if there is none."""
    found = {name: folder / f"pose_landmark_{name}.tflite" for name in NETWORKS}
    found = {name: path for name, path in found.items() if path.is_file()}
    if not found:
        raise InputError(f"no pose_landmark_lite, _full or _heavy.tflite in {folder}: name the folder that has them")
    return found


def watch(clip: Clip, witnesses: Mapping[str, Witness]) -> dict[str, list[Evidence]]:
    """What each network says of the clip, which it sees as a new one."""
    said: dict[str, list[Evidence]] = {name: [] for name in witnesses}
    for witness in witnesses.values():
        witness.reset()
    for k, (image, time_s) in enumerate(zip(clip.images, clip.truth.times_s.tolist(), strict=True)):
        frame = Frame(image, frame_id=k, t_ns=int(time_s * 1e9), pts_s=time_s)
        for name, witness in witnesses.items():
            said[name].append(witness.look(frame))
    return said


def write_shard(path: Path, clips: Sequence[tuple[int, Truth, Mapping[str, list[Evidence]]]]) -> None:
    """clips: number, truth and each network's evidence."""
    truths = [truth for _, truth, _ in clips]
    arrays: Arrays = {
        "starts": np.cumsum([0, *(len(t.times_s) for t in truths)], dtype=np.int64),
        "index": np.array([index for index, _, _ in clips], np.int64),
        "size": np.array([t.size for t in truths], np.int32),
        "camera": np.stack([t.camera.as_array() for t in truths]).astype(np.float64),
        "height_m": np.array([t.height_m for t in truths], np.float32),
        "kind": np.array([t.kind for t in truths]),
        "holding": np.array([t.holding.value for t in truths]),
        "whole": np.array([t.whole for t in truths]),
        "times_s": np.concatenate([t.times_s for t in truths]),
        "world_from_camera": np.concatenate([t.world_from_camera for t in truths]).astype(np.float32),
        "joints_m": np.concatenate([t.joints_m for t in truths]),
        "joints_px": np.concatenate([t.joints_px for t in truths]),
        "visible": np.concatenate([t.visible for t in truths]),
    }
    for name in clips[0][2]:
        said = [one for _, _, evidence in clips for one in evidence[name]]
        for part in SHAPES:
            arrays[f"{name}_{part}"] = np.stack([getattr(one, part) for one in said]).astype(np.float32)
        arrays[f"{name}_found"] = ~np.isnan(arrays[f"{name}_somebody"])
    part_path = path.with_suffix(f".part{os.getpid()}")
    with part_path.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    part_path.replace(path)


def load_clips(folder: Path) -> Arrays:
    """All finished shards of a folder as one, also while it is being filled. Errors: `InputError` if there is none."""
    paths = sorted(folder.glob("shard-*.npz"))
    if not paths:
        raise InputError(f"no rendered clips in {folder}: make some with rtpose data clips {folder}")
    shards = []
    for path in paths:
        with np.load(path, allow_pickle=False) as file:
            shards.append({name: file[name] for name in file.files})
    out = {name: np.concatenate([shard[name] for shard in shards]) for name in shards[0] if name != "starts"}
    lengths = np.concatenate([np.diff(shard["starts"]) for shard in shards])
    out["starts"] = np.cumsum([0, *lengths], dtype=np.int64)
    return out


def _path(folder: Path, number: int) -> Path:
    return folder / f"shard-{number:05d}.npz"
