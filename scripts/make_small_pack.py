"""Make rtpose's two built-in motion packs from the full ones.

    python scripts/make_small_pack.py --data ../shared/data

Each clip contributes its middle part (people start and end a recording standing still),
a longer one if the skeleton is the person's own. The length is the longest that keeps the file within its
limit, so that short clips stay whole, long ones are cut, and all actions and subjects remain.
"""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ACKNOWLEDGEMENT = (
    "The data used in this project was obtained from mocap.cs.cmu.edu. "
    "The database was created with funding from NSF EIA-0196217."
)
TERMS = "Free for all uses, also inside products that are sold; the data itself may not be resold, even converted."
GENERIC_SHARE = 0.3
"""Share of the length if the bones are another person's: the rotations still add variety."""
ASSETS = Path(__file__).resolve().parents[1] / "rtpose" / "assets"

Pack = dict[str, NDArray[Any]]


def cut(pack: Pack, longest: int) -> Pack:
    """The middle `longest` frames of each clip, at most; same format, fewer frames."""
    clips: list[dict[str, Any]] = json.loads(str(pack["meta"]))
    ranges: list[tuple[int, int]] = []
    for clip, start, end in zip(clips, pack["seg"][:-1], pack["seg"][1:], strict=True):
        limit = int(longest * (GENERIC_SHARE if "generic_skeleton" in clip["flags"] else 1.0))
        n = min(int(end - start), limit)
        skipped = (int(end - start) - n) // 2
        clip["start"] += skipped * clip["stride"]
        clip["n"] = n
        ranges.append((int(start) + skipped, int(start) + skipped + n))
    keep = np.concatenate([np.arange(a, b) for a, b in ranges])
    return {
        "joints": pack["joints"][keep],
        "root": pack["root"][keep],
        "extras": pack["extras"][keep],
        "seg": np.cumsum([0, *(b - a for a, b in ranges)]).astype(np.int32),
        "joint_names": pack["joint_names"],
        "extra_names": pack["extra_names"],
        "meta": np.array(json.dumps(clips, separators=(",", ":"))),
        "readme": np.array(f"{pack['readme']} A part of the full pack. {TERMS} {ACKNOWLEDGEMENT}"),
    }


def compressed(pack: Pack) -> bytes:
    """The bytes of the npz file."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **pack)
    return buffer.getvalue()


def shrink(source: Path, target: Path, limit_bytes: int) -> None:
    """Write the largest cut of `source` that fits `limit_bytes` to `target`."""
    with np.load(source, allow_pickle=False) as file:
        pack = {name: file[name] for name in file.files}
    low, high = 30, int(np.diff(pack["seg"]).max())
    best = compressed(cut(pack, low))
    while high - low > 8:
        middle = (low + high) // 2
        data = compressed(cut(pack, middle))
        if len(data) <= limit_bytes:
            low, best = middle, data
        else:
            high = middle
    target.write_bytes(best)
    small = cut(pack, low)
    subjects = {clip["subject"] for clip in json.loads(str(small["meta"]))}
    print(
        f"{target.name}: {len(best) / 1e6:.2f} MB, {len(small['joints'])} frames, "
        f"{len(small['seg']) - 1} clips of at most {low} frames, {len(subjects)} subjects"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with cmu17_train.npz and cmu17_val.npz")
    parser.add_argument("--out", type=Path, default=ASSETS, help="folder to write to")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    shrink(args.data / "cmu17_train.npz", args.out / "cmu17_small.npz", 6_500_000)
    shrink(args.data / "cmu17_val.npz", args.out / "cmu17_small_val.npz", 980_000)


if __name__ == "__main__":
    main()
