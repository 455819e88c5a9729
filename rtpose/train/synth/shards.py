"""Rendered pictures on disk, for trainings that use each picture several times.

A folder holds `pictures.json` (the request) and for each `SHARD` pictures two files: `shard-00000.jpegs`,
the JPEG files one after the other, and `shard-00000.npz`, the labels and where each JPEG begins. The second is
written last and moved into place, so a shard is there if its .npz is: an interrupted run continues where it stopped.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rtpose.child_processes import safe_path
from rtpose.errors import ConfigError, InputError, MissingExtraError, OutputError
from rtpose.train.synth.body import BodyModel
from rtpose.train.synth.motion import JointAnglePack
from rtpose.train.synth.people import (
    BLOCK,
    PeopleSettings,
    RenderedPeople,
    RenderedPerson,
    RenderedPicture,
    clips_of_split,
)
from rtpose.train.synth.photo import Split, find_pictures
from rtpose.types import Camera, Image

FORMAT = 1
SHARD = 2 * BLOCK
JPEG_QUALITY = 92
_ABOUT = "pictures.json"


@dataclass(frozen=True)
class RenderProgress:
    """Progress of rendering a folder."""

    done: int
    """Pictures in the folder."""
    count: int
    """Requested pictures."""
    made: int
    """Pictures rendered in this run."""
    workers: int
    """Worker processes."""
    seconds: float
    """Since the run began."""
    cpu_s: float
    """CPU time of the workers, all threads."""
    steps_s: dict[str, float]
    """The workers' time by step."""


def render_folder(
    folder: Path,
    motions: Path,
    settings: PeopleSettings,
    count: int,
    *,
    backgrounds: Path | None = None,
    workers: int = 2,
    per_shard: int = SHARD,
    report: Callable[[RenderProgress], None] = lambda progress: None,
    notify: Callable[[str], None] = lambda line: None,
) -> RenderProgress:
    """Fill `folder` with the first `count` pictures (rounded up to whole shards); existing pictures stay.

    notify: called with a message before the slow first use. Errors: `OutputError` if the folder holds pictures of other
    settings; those of `RenderedPeople`, before anything is written.
    """
    if count < 1 or workers < 1:
        raise ConfigError(f"{count} pictures with {workers} workers: both must be 1 or more")
    about = {
        "format": FORMAT, "per_shard": per_shard, "motions": motions.name,
        "backgrounds": str(backgrounds) if backgrounds else None,
        **json.loads(json.dumps(asdict(settings))),
    }  # fmt: skip
    path = folder / _ABOUT
    if path.is_file() and json.loads(path.read_text(encoding="utf-8")) != about:
        raise OutputError(f"{folder} holds pictures with other settings ({path}): choose another folder")
    shards = -(-count // per_shard)
    missing = [k for k in range(shards) if not _labels_path(folder, k).is_file()]
    if missing:
        _check(motions, settings, backgrounds, notify)
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(about, indent=2), encoding="utf-8")
    start, made, cpu_s, steps = time.perf_counter(), 0, 0.0, Counter[str]()
    done = (shards - len(missing)) * per_shard
    workers = min(workers, len(missing))

    def state() -> RenderProgress:
        seconds = time.perf_counter() - start
        return RenderProgress(done, shards * per_shard, made, workers, seconds, cpu_s, dict(steps))

    report(state())
    if missing:
        # Fresh processes: an OpenGL context does not survive a fork.
        context = multiprocessing.get_context("spawn")
        with safe_path(), context.Pool(workers, _start_worker, (motions, settings, backgrounds)) as pool:
            for used_s, seconds in pool.imap_unordered(_render_shard, [(folder, k, per_shard) for k in missing]):
                done, made, cpu_s = done + per_shard, made + per_shard, cpu_s + used_s
                steps.update(seconds)
                report(state())
    return state()


def _check(motions: Path, settings: PeopleSettings, backgrounds: Path | None, notify: Callable[[str], None]) -> None:
    """Check the user's input before starting processes, and build the body model that they share."""
    check_motions(motions, settings.split)
    if backgrounds:
        find_pictures(backgrounds, settings.split)
    build_body_model(notify)


def check_motions(motions: Path, split: Split) -> None:
    """Errors: `InputError` if the pack is missing, damaged, or has no motions of the split."""
    clips_of_split(JointAnglePack(motions), split, motions)


def build_body_model(notify: Callable[[str], None]) -> None:
    """Build the body model, which processes share, if it does not exist yet. notify: called before the long wait.

    Errors: `MissingExtraError` without the extra synth.
    """
    try:
        import moderngl  # noqa: F401
        from anny.paths import get_anny_cache_path
    except ImportError as error:
        raise MissingExtraError("synth", "rendering people") from error
    cache = get_anny_cache_path()
    if not any(cache.glob("*")):
        notify(f"building the body model, once: minutes, and over 1 GB in {cache} (ANNY_CACHE_DIR sets another folder)")
        BodyModel(coarse=True)


def use_one_thread() -> None:
    """Call in a worker process: the workers share the CPU cores."""
    import torch

    os.environ.setdefault("LP_NUM_THREADS", "1")  # Mesa's renderer
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


_arguments: tuple[Path, PeopleSettings, Path | None]
_people: RenderedPeople | None = None
"""A worker process's own objects, made from these arguments."""


def _start_worker(motions: Path, settings: PeopleSettings, backgrounds: Path | None) -> None:
    use_one_thread()
    global _arguments
    _arguments = (motions, settings, backgrounds)


def _render_shard(task: tuple[Path, int, int]) -> tuple[float, Counter[str]]:
    folder, number, per_shard = task
    start = time.process_time()
    global _people
    if _people is None:  # not at the start: only an error in a task reaches the parent
        _people = RenderedPeople(*_arguments)
    _people.seconds.clear()
    write_shard(folder, number, [_people[i] for i in range(number * per_shard, (number + 1) * per_shard)])
    return time.process_time() - start, Counter(_people.seconds)


def _labels_path(folder: Path, number: int) -> Path:
    return folder / f"shard-{number:05d}.npz"


def write_shard(folder: Path, number: int, pictures: list[RenderedPicture]) -> None:
    """Write pictures of one size as shard `number`."""
    jpegs = []
    for picture in pictures:
        bgr = np.ascontiguousarray(picture.image[..., ::-1])
        jpegs.append(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1])
    people = [person for picture in pictures for person in picture.people]
    labels = _labels_path(folder, number)
    blob, part = labels.with_suffix(".jpegs"), labels.with_suffix(f".part{os.getpid()}")
    part.write_bytes(b"".join(jpeg.tobytes() for jpeg in jpegs))
    part.replace(blob)
    with part.open("wb") as file:
        np.savez(
            file,
            allow_pickle=False,
            begins=np.cumsum([0, *map(len, jpegs)], dtype=np.int64),
            first_person=np.cumsum([0, *(len(p.people) for p in pictures)], dtype=np.int64),
            cameras=np.stack([p.camera.as_array() for p in pictures]),
            joints_px=np.stack([p.joints_px for p in people]),
            joints_m=np.stack([p.joints_m for p in people]),
            visible=np.stack([p.visible for p in people]),
            box_px=np.stack([p.box_px for p in people]),
        )
    part.replace(labels)


class RenderedFolder:
    """The pictures of a folder filled by `render_folder`, also while it is being filled: whole shards only.

    `len(folder)` and `folder[i] -> RenderedPicture`, so `torch.utils.data.DataLoader` accepts it. Labels are
    kept in memory (about 0.5 KB a picture), JPEGs are read from disk; pickling carries the folder's name only.
    """

    def __init__(self, folder: Path) -> None:
        """Errors: `InputError` if there is no finished shard."""
        self.folder = folder
        about = folder / _ABOUT
        found = sorted(folder.glob("shard-*.npz"))
        if not about.is_file() or not found:
            raise InputError(f"no rendered pictures in {folder}: render some with rtpose data render {folder}")
        self.about: dict[str, Any] = json.loads(about.read_text(encoding="utf-8"))
        if self.about["format"] != FORMAT:
            raise InputError(
                f"{folder} is of format {self.about['format']}, this rtpose reads {FORMAT}: render it again"
            )
        self._shards = [_Shard(path) for path in found]
        self._ends = np.cumsum([len(shard) for shard in self._shards])

    def __reduce__(self) -> tuple[type[RenderedFolder], tuple[Path]]:
        return RenderedFolder, (self.folder,)

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, index: int) -> RenderedPicture:
        """Picture `index` at the size it was rendered in."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        shard = int(np.searchsorted(self._ends, index, side="right"))
        return self._shards[shard].picture(index - (int(self._ends[shard - 1]) if shard else 0))


class _Shard:
    def __init__(self, path: Path) -> None:
        with np.load(path, allow_pickle=False) as file:
            self._labels: dict[str, NDArray[Any]] = {name: file[name] for name in file.files}
        self._jpegs = np.memmap(path.with_suffix(".jpegs"), np.uint8, mode="r")

    def __len__(self) -> int:
        return len(self._labels["cameras"])

    def picture(self, index: int) -> RenderedPicture:
        labels = self._labels
        begin, end = labels["begins"][index : index + 2]
        bgr = cv2.imdecode(np.asarray(self._jpegs[begin:end]), cv2.IMREAD_COLOR)
        if bgr is None:
            raise InputError(f"{self._jpegs.filename} is damaged: delete it with its .npz and render again")
        image: Image = np.ascontiguousarray(bgr[..., ::-1], np.uint8)
        first, last = labels["first_person"][index : index + 2]
        people = tuple(
            RenderedPerson(labels["joints_px"][p], labels["joints_m"][p], labels["visible"][p], labels["box_px"][p])
            for p in range(first, last)
        )
        return RenderedPicture(image, people, Camera(*(float(v) for v in labels["cameras"][index])))
