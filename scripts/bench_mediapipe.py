"""How fast `rtpose video` is beside mediapipe's own Python `Pose`, on the same clip and machine.

    python scripts/bench_mediapipe.py CLIP [--make-1080p] [--frames N] [--rounds N] [--stage detector]

Both sides go from the video file to an npz of joints and see every frame. mediapipe (complexity 1, its
defaults) decodes with OpenCV, which is what comes with it and is at least as fast for it as PyAV. The sides
take turns; medians over the rounds are compared. The start (imports, networks) is left out on both sides and
shown by itself: mediapipe's is timed inside, rtpose's is that of a run on the first frame alone.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import islice, pairwise
from pathlib import Path
from statistics import median

import av
import mediapipe_reference

HEIGHT, WIDTH = 1080, 1920


def make_1080p(clip: Path, target: Path) -> None:
    """`clip` scaled to fill 1920x1080 as far as its shape allows, black beside it, as H.264."""
    with av.open(str(clip)) as source, av.open(str(target), "w") as sink:
        stream = source.streams.video[0]
        scale = min(WIDTH / stream.width, HEIGHT / stream.height)
        width, height = (round(side * scale / 2) * 2 for side in (stream.width, stream.height))
        graph = av.filter.Graph()
        chain = [
            graph.add_buffer(template=stream),
            graph.add("scale", f"{width}:{height}:flags=bicubic"),
            graph.add("pad", f"{WIDTH}:{HEIGHT}:(ow-iw)/2:(oh-ih)/2"),
            graph.add("buffersink"),
        ]
        for first, second in pairwise(chain):
            first.link_to(second)
        graph.configure()
        output = sink.add_stream("libx264", rate=stream.average_rate, options={"crf": "20"})
        output.width, output.height, output.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for frame in source.decode(stream):
            graph.push(frame)
            scaled = graph.pull()
            assert isinstance(scaled, av.VideoFrame)
            scaled.pict_type = av.video.frame.PictureType.NONE
            sink.mux(output.encode(scaled))
        sink.mux(output.encode())


def cut(clip: Path, target: Path, frames: int) -> None:
    """The first `frames` frames of `clip`, not encoded again."""
    with av.open(str(clip)) as source, av.open(str(target), "w") as sink:
        output = sink.add_stream_from_template(source.streams.video[0])
        for packet in islice(source.demux(video=0), frames):
            if packet.dts is not None:
                packet.stream = output
                sink.mux(packet)


def time_command(clip: Path, out: Path) -> float:
    """Seconds of `rtpose video`, start and all."""
    command = [sys.executable, "-m", "rtpose.cli", "video", str(clip), "--out", str(out), "--overwrite"]
    begin = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"rtpose video failed:\n{done.stderr}")
    return time.perf_counter() - begin


def time_detector(clip: Path, threads: int | None) -> tuple[int, float]:
    """Frames, and seconds that the detector alone takes for them."""
    from compare_mediapipe import frames_of

    from rtpose.detect import open_detector

    detector = open_detector("blazepose", persons=1, threads=threads)
    count, seconds = 0, 0.0
    for frame in frames_of(clip):
        begin = time.perf_counter()
        detector.detect(frame)
        seconds += time.perf_counter() - begin
        count += 1
    return count, seconds


def machine() -> str:
    """Processor, cores that this process may use, system."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        models = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        name = models[0].split(":", 1)[1].strip() if models else name
    return f"{name}, {cores} cores, {platform.system()}, Python {platform.python_version()}"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path, metavar="CLIP")
    parser.add_argument("--frames", type=int, help="only the first N frames")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--make-1080p", action="store_true", help="scale the clip to 1920x1080 first")
    parser.add_argument("--stage", choices=("end-to-end", "detector"), default="end-to-end")
    parser.add_argument("--threads", type=int, help="inference threads of rtpose (stage detector)")
    parser.add_argument("--python", type=Path, help="a Python that has mediapipe 0.10.21")
    options = parser.parse_args()
    python = mediapipe_reference.environment(options.python)
    with tempfile.TemporaryDirectory(prefix="rtpose-bench-") as name:
        folder = Path(name)
        clip: Path = options.clip
        if options.make_1080p:
            make_1080p(clip, folder / "1080p.mp4")
            clip = folder / "1080p.mp4"
        if options.frames:
            cut(clip, folder / "cut.mp4", options.frames)
            clip = folder / "cut.mp4"
        compare(clip, folder, python, options)


def compare(clip: Path, folder: Path, python: Path, options: argparse.Namespace) -> None:
    """Let both take turns and print the figures."""
    out = folder / "out.npz"
    theirs, ours, their_starts, our_starts, decoding = [], [], [], [], []
    frames = 0
    ours_once: Callable[[], float]
    if options.stage == "detector":

        def ours_once() -> float:
            count, seconds = time_detector(clip, options.threads)
            return 1000 * seconds / count
    else:
        cut(clip, folder / "first.mp4", 1)

        def ours_once() -> float:
            start = time_command(folder / "first.mp4", out)
            our_starts.append(start)
            # The first frame is in both runs.
            return 1000 * (time_command(clip, out) - start) / (frames - 1)

    for i in range(options.rounds):
        result = mediapipe_reference.time_pose(python, clip, None, out)
        frames = int(result["frames"])
        theirs.append(1000 * result["pose_s" if options.stage == "detector" else "total_s"] / frames)
        decoding.append(1000 * result["decode_s"] / frames)
        their_starts.append(result["start_s"])
        ours.append(ours_once())
        print(f"round {i + 1}: mediapipe {theirs[-1]:.1f} ms a frame, rtpose {ours[-1]:.1f} ms a frame")
    print(f"\nmachine    {machine()}")
    print(f"clip       {options.clip.name}{' at 1920x1080' if options.make_1080p else ''}, {frames} frames")
    print(f"stage      {options.stage}, median of {options.rounds} rounds, taking turns")
    print(f"mediapipe  {median(theirs):.1f} ms a frame; its decoding {median(decoding):.1f} ms", end="")
    print(f"; start {median(their_starts):.1f} s (left out)")
    print(f"rtpose     {median(ours):.1f} ms a frame", end="")
    print(f"; start {median(our_starts):.1f} s (left out)" if our_starts else "")
    print(f"ratio      {median(theirs) / median(ours):.2f} times as fast as mediapipe")


if __name__ == "__main__":
    main()
