"""Rendered clips on disk, to train lifters on: the ground truth and each network's output, without pictures.

A folder holds `clips.json` (the settings), README.md (what the arrays are) and `shard-00000.npz` and so on, each
with some clips. A shard is written under another name and then moved into place, so an interrupted run can continue.
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
from rtpose.networks import downloads
from rtpose.pose.detect import network_files
from rtpose.pose.detect.blazepose import BlazePose
from rtpose.skeleton import BLAZEPOSE33, RTPOSE28
from rtpose.train.synth.clip_detections import NETWORKS, detect_clip, open_detectors
from rtpose.train.synth.clips import FRAMES, ClipTruth, RenderedClips
from rtpose.train.synth.joint_positions import JointPositionPack
from rtpose.train.synth.people import clips_of_split
from rtpose.train.synth.photo import Split
from rtpose.train.synth.shards import build_body_model, check_motions, use_one_thread

FORMAT = 2
"""Format 1 has `N_spread`, `N_peak` and `N_roi` for `N_spread_px` and `N_angle_rad`; the other arrays are the same."""
PER_SHARD = 16
MAX_FRAMES = 64
"""Few clips of the pack are long enough for more frames than this, three apart."""
_ABOUT = "clips.json"
Arrays = dict[str, NDArray[Any]]

README = f"""# Rendered clips with BlazePose's output

Each clip shows one person. It has their exact 3D joints, and the output of each landmark network, which tracked the
person from frame to frame as in a live run. Pictures are not kept. `rtpose.train.synth.clip_shards.load_clips(FOLDER)`
reads all shards as one.

`shard-NNNNN.npz` has C clips with F frames in total; clip c has the frames starts[c] to starts[c + 1] - 1.

| array | shape, type | meaning |
|---|---|---|
| `starts` | (C + 1,) int64 | where each clip begins |
| `index` | (C,) int64 | the clip's number; the same number is the same clip in every run with the same seed |
| `size` | (C, 2) int32 | width, height of the picture, pixels |
| `camera` | (C, 4) float64 | fx, fy, cx, cy, pixels |
| `height_m` | (C,) float32 | standing height of the person |
| `kind` | (C,) str | the exercise, or the name of the clip in the pack |
| `holding` | (C,) str | how the camera is held: still, panning, hand |
| `whole` | (C,) bool | the picture is framed around the whole body |
| `times_s` | (F,) float64 | from 0 in each clip |
| `world_from_camera` | (F, 4, 4) float32 | metres; world: y up, floor at 0 |
| `joints_m` | (F, 28, 3) float32 | ground truth: metres, camera space (x right, y down, z away), joints of `rtpose28` |
| `joints_px` | (F, 28, 2) float32 | ground truth, projected, pixels |
| `visible` | (F, 28) bool | inside the picture, with nothing in front but the joint's own flesh and cloth |

For each network N ({", ".join(NETWORKS)}), NaN where `N_found` is false, joints of `blazepose33`:

| array | shape, type | meaning |
|---|---|---|
| `N_found` | (F,) bool | the person was found in this frame |
| `N_points` | (F, 33, 2) float32 | pixels |
| `N_image_z` | (F, 33) float32 | pixels: depth relative to the hips in the scale of x and y; negative is closer |
| `N_world` | (F, 33, 3) float32 | the network's own 3D: metres, camera axes, relative to the middle of the hips |
| `N_visibility` | (F, 33) float32 | logit of the probability that the joint is not hidden, at most 16.6 in size |
| `N_presence` | (F, 33) float32 | logit of the probability that the joint is inside the square, likewise |
| `N_spread_px` | (F, 33) float32 | pixels: root mean square distance of the heatmap's mass from its centre |
| `N_angle_rad` | (F,) float32 | clockwise rotation of the network's square, already undone in `N_world` |
| `N_somebody` | (F,) float32 | 0..1: probability that a person is in the square |

rtpose28: {", ".join(RTPOSE28.joints)}.

blazepose33: {", ".join(BLAZEPOSE33.joints)}.
"""


@dataclass(frozen=True)
class ClipProgress:
    """State of a folder, in clips."""

    done: int
    count: int
    made: int
    """By this run."""
    seconds: float
    """Since this run began."""


def render_clips(
    folder: Path,
    motions: Path,
    count: int,
    *,
    networks: Sequence[str] = NETWORKS[:1],
    split: Split = Split.TRAIN,
    seed: int = 0,
    frames: int = FRAMES,
    positions: Path | None = None,
    workers: int = 1,
    report: Callable[[ClipProgress], None] = lambda progress: None,
    notify: Callable[[str], None] = lambda line: None,
) -> ClipProgress:
    """Fill `folder` with the first `count` clips, rounded up to whole shards. Existing shards are kept.

    networks: landmark networks of BlazePose to run, of `NETWORKS`; missing files are downloaded. motions, split, seed,
    frames, positions: as for `RenderedClips`. notify: called before the long wait of the first run.
    Errors, before anything is written: `OutputError` if the folder holds clips with other settings, `ConfigError` for
    an unknown network, `ModelError` if a network cannot be downloaded, and those of `RenderedClips`.
    """
    if count < 1 or workers < 1:
        raise ConfigError(f"{count} clips with {workers} workers: both must be 1 or more")
    if not 2 <= frames <= MAX_FRAMES:
        raise ConfigError(f"clips of {frames} frames: give 2 to {MAX_FRAMES}")
    files = {file for network in networks for file in network_files("blazepose", network)}
    about = {
        "format": FORMAT, "per_shard": PER_SHARD, "frames": frames, "motions": motions.name, "split": split.value,
        "seed": seed, "networks": sorted(networks), "positions": positions.name if positions else None,
    }  # fmt: skip
    path = folder / _ABOUT
    if path.is_file() and json.loads(path.read_text(encoding="utf-8")) != about:
        raise OutputError(f"{folder} holds clips made with other settings ({path}): name another folder")
    shards = -(-count // PER_SHARD)
    missing = [k for k in range(shards) if not _path(folder, k).is_file()]
    done, made, start = (shards - len(missing)) * PER_SHARD, 0, time.perf_counter()
    if missing:
        check_motions(motions, split)
        if positions:
            clips_of_split(JointPositionPack(positions), split, positions)
        for file in sorted(files):
            downloads.ensure(file)
        build_body_model(notify)
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(about, indent=2), encoding="utf-8")
        (folder / "README.md").write_text(README, encoding="utf-8")
        report(ClipProgress(done, shards * PER_SHARD, made, 0.0))
        # Fresh processes: an OpenGL context does not survive a fork.
        context = multiprocessing.get_context("spawn")
        with context.Pool(
            min(workers, len(missing)), _start_worker, (motions, split, seed, frames, positions, tuple(networks))
        ) as pool:
            for _ in pool.imap_unordered(_render_shard, [(folder, k) for k in missing]):
                done, made = done + PER_SHARD, made + PER_SHARD
                report(ClipProgress(done, shards * PER_SHARD, made, time.perf_counter() - start))
    return ClipProgress(done, shards * PER_SHARD, made, time.perf_counter() - start)


_arguments: tuple[Path, Split, int, int, Path | None, tuple[str, ...]]
_parts: tuple[RenderedClips, dict[str, BlazePose]] | None = None
"""A worker process's arguments, and what it makes of them for the first shard."""


def _start_worker(
    motions: Path, split: Split, seed: int, frames: int, positions: Path | None, networks: tuple[str, ...]
) -> None:
    use_one_thread()
    global _arguments
    _arguments = (motions, split, seed, frames, positions, networks)


def _render_shard(task: tuple[Path, int]) -> None:
    folder, number = task
    global _parts
    if _parts is None:  # not at the start: only an error in a task reaches the parent
        motions, split, seed, frames, positions, networks = _arguments
        _parts = RenderedClips(motions, split, seed, frames, positions), open_detectors(networks)
    clips, detectors = _parts
    rows = []
    for index in range(number * PER_SHARD, (number + 1) * PER_SHARD):
        clip = clips[index]
        rows.append((index, clip.truth, {name: detect_clip(one, clip) for name, one in detectors.items()}))
    write_clips(_path(folder, number), rows)


def write_clips(path: Path, clips: Sequence[tuple[int, ClipTruth, Mapping[str, Arrays]]]) -> None:
    """Write a shard. clips: number, truth, and for each network the arrays of `detect_clip`."""
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
    for network, found in clips[0][2].items():
        for name in found:
            arrays[f"{network}_{name}"] = np.concatenate([detections[network][name] for _, _, detections in clips])
    part_path = path.with_suffix(f".part{os.getpid()}")
    with part_path.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    part_path.replace(path)


def load_clips(folder: Path) -> Arrays:
    """All finished shards of a folder as one, also while it is being filled. Formats 1 and 2.

    Errors: `InputError` if there is none.
    """
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
