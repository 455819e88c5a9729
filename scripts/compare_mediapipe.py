"""How well rtpose's BlazePose agrees with mediapipe's: the same frames through both.

    python scripts/compare_mediapipe.py CLIP [CLIP ...] [--python PATH] [--frames N]

Prints, for each clip, the distance of the twelve limb joints in percent of the person's height in the
picture (the height of mediapipe's 33 landmarks). mediapipe runs with `smooth_landmarks=False`: rtpose smooths
in 3D, later. Clips may also be pictures. "only mp" also counts furniture that rtpose rightly rejects.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import av
import numpy as np

from rtpose.bench import peer_mediapipe
from rtpose.networks.options import LoadOptions
from rtpose.pose.detect import open_detector
from rtpose.skeleton import BLAZEPOSE33
from rtpose.types import Frame

LIMBS = BLAZEPOSE33.indices(
    *(
        f"{side}_{joint}"
        for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
        for side in ("left", "right")
    )
)


def frames_of(clip: Path) -> Iterator[Frame]:
    """Every frame of a video or picture, decoded once for both sides."""
    with av.open(str(clip)) as container:
        for i, picture in enumerate(container.decode(video=0)):
            yield Frame(picture.to_ndarray(format="rgb24"), i, 0, float(picture.time or 0.0))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", type=Path, metavar="CLIP")
    parser.add_argument("--python", type=Path, help="a Python that has mediapipe 0.10.21")
    parser.add_argument("--frames", type=int, help="only the first N frames of each clip")
    parser.add_argument("--threads", type=int, help="inference threads of rtpose")
    options = parser.parse_args()
    python = peer_mediapipe.environment(options.python)
    detector = open_detector("blazepose", persons=1, options=LoadOptions(threads=options.threads))
    print(f"{'clip':<32}{'frames':>7}{'both':>6}{'only rtpose':>12}{'only mp':>9}{'median %':>10}{'p95 %':>8}")
    for clip in options.clips:
        detector.reset()
        distances, only_ours, only_theirs, total = [], 0, 0, 0
        with peer_mediapipe.reference(python) as theirs:
            for frame in islice(frames_of(clip), options.frames):
                total += 1
                ours = detector.detect(frame)
                found = theirs.landmarks(frame.image)
                if found is None or not ours:
                    only_ours += bool(ours) and found is None
                    only_theirs += found is not None and not ours
                    continue
                reference, _ = found
                height = float(np.ptp(reference[:, 1]))
                offset = ours[0].keypoints[LIMBS, :2] - reference[LIMBS, :2]
                distances.append(100 * np.linalg.norm(offset, axis=1) / height)
        median, p95 = np.percentile(distances, [50, 95]) if distances else (np.nan, np.nan)
        print(
            f"{clip.name[:31]:<32}{total:>7}{len(distances):>6}{only_ours:>12}{only_theirs:>9}{median:>10.2f}{p95:>8.2f}"
        )


if __name__ == "__main__":
    main()
