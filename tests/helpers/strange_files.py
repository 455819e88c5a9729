"""Files that somebody has damaged or made up, and every reader that may meet them."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from rtpose.capture import open_source
from rtpose.config import CalibrationSettings, RunSettings, load_settings
from rtpose.errors import RtposeError
from rtpose.networks.backends import load_backend
from rtpose.networks.recipes import load_recipe, recipe_names
from rtpose.networks.weights import lifter_file
from rtpose.pose.lift.lifter import NetworkLifter
from rtpose.recordings import load_recording
from rtpose.skeleton import H36M17
from rtpose.train.data.motion_pack import load_motion_pack
from rtpose.train.synth.joint_positions import JointPositionPack
from rtpose.train.synth.motion import JointAnglePack

Reader = Callable[[Path], Any]


def open_all(path: Path) -> None:
    """Read a picture or video to its end."""
    with closing(open_source(str(path))) as source:
        while source.read() is not None:
            pass


def readers() -> dict[str, tuple[str, bytes, tuple[Reader, ...]]]:
    """Name -> ending, a file that is right, and what reads such files."""
    recipe = Path(load_recipe.__code__.co_filename).parents[2] / "engines" / "recipes" / f"{recipe_names()[0]}.toml"
    picture = np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8)
    encoded = {end: cv2.imencode(end, picture)[1].tobytes() for end in (".jpg", ".png", ".webp")}
    return {
        "recording": (".npz", an_npz(), (load_recording,)),
        "settings": (".yaml", b"persons: 2\nheight_m: 1.8\nsmooth: off\n", (of_settings(RunSettings),)),
        "calibration": (
            ".yaml", b"image_size: [640, 480]\ncamera: [600, 600, 320, 240]\n", (of_settings(CalibrationSettings),),
        ),
        "recipe": (".toml", recipe.read_bytes(), (lambda path: load_recipe(str(path)),)),
        "network": (".onnx", lifter_file("svmac").read_bytes(), (load_backend, lambda path: NetworkLifter(str(path)))),
        "pack": (".npz", a_pack(), (load_motion_pack, JointPositionPack, JointAnglePack)),
        **{f"picture {end}": (end, data, (open_all,)) for end, data in encoded.items()},
    }  # fmt: skip


def of_settings(kind: Any) -> Reader:
    return lambda path: load_settings(kind, path)


def an_npz() -> bytes:
    """Three frames of a person, in format 1."""
    arrays: dict[str, Any] = {
        "poses_3d": np.random.default_rng(0).normal(size=(3, 1, 17, 3)).astype(np.float32),
        "root_3d": np.ones((3, 1, 3), np.float32), "confidence": np.full((3, 1, 17), 0.5, np.float32),
        "keypoints_2d": np.ones((3, 1, 17, 3), np.float32), "track_ids": np.zeros((3, 1), np.int32),
        "timestamps_s": np.arange(3) / 30, "frame_ids": np.arange(3, dtype=np.int64),
        "joint_names": np.array(H36M17.joints), "parents": H36M17.parents.astype(np.int16),
        "image_size": np.array([640, 480], np.int32), "camera": np.array([600.0, 600, 320, 240]),
        "meta": np.array(json.dumps({"format": 1, "fps": 30.0})),
    }  # fmt: skip
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def a_pack(**changes: Any) -> bytes:
    """A motion pack with two clips."""
    from rtpose.train.data.motion_pack import PACK_JOINTS

    arrays: dict[str, Any] = {
        "joints": np.ones((6, 17, 3), np.int16), "root": np.zeros((6, 3), np.float32), "seg": np.array([0, 2, 6]),
        "joint_names": np.array(PACK_JOINTS), "meta": np.array(json.dumps([{"subject": "1"}, {"subject": "2"}])),
        "extra_names": np.array(["lfoot_end", "rfoot_end", "lhand_end", "rhand_end"]),
        "extras": np.ones((6, 4, 3), np.int16),
    }  # fmt: skip
    file = io.BytesIO()
    np.savez(file, **(arrays | changes))
    return file.getvalue()


def damaged(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """`count` times the file with bytes changed, cut out, repeated, or its end cut off."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        wrong = bytearray(data)
        for _ in range(int(rng.integers(1, 5))):
            begin = int(rng.integers(0, max(len(wrong), 1)))
            end = begin + int(rng.integers(1, 9))
            match rng.integers(0, 5):
                case 0 | 1:
                    wrong[begin:end] = rng.bytes(end - begin)
                case 2:
                    del wrong[begin:end]
                case 3:
                    wrong[begin:begin] = wrong[begin : begin + 200]
                case 4:
                    del wrong[begin:]
        yield bytes(wrong)


def refusal_of(read: Reader, path: Path) -> str | None:
    """What the reader says against the file; None if it reads it. Other errors pass."""
    try:
        read(path)
    except RtposeError as error:
        return str(error)
    return None


def main() -> None:
    """Give damaged files to every reader, in a folder. Prints how many were read or refused, and the peak in MB."""
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    counts = {}
    for name, (ending, good, reads) in readers().items():
        outcomes = {"read": 0, "refused": 0}
        for data in damaged(good, count, seed=len(name)):
            path = folder / f"file{ending}"
            path.write_bytes(data)
            for read in reads:
                said = refusal_of(read, path)
                outcomes["read" if said is None else "refused"] += 1
                assert said is None or len(said.splitlines()) == 1, (name, said)
        counts[name] = outcomes
    # Not ru_maxrss: it starts at what the process that forked this one had.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    peak_mb = int(status.split("VmHWM:")[1].split()[0]) / 1024
    print(json.dumps({"counts": counts, "peak_mb": peak_mb}))


if __name__ == "__main__":
    main()
