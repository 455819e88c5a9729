"""How fast the page draws: people of the embedded motions at 60 Hz in a headless Chromium at 1280x720.

    python scripts/page_fps.py --people 4

WebGL is drawn in software (SwiftShader), as on a machine without a graphics card; `--gpu` leaves that to the browser.
It also prints the CPU time of each picture, which hardly depends on other load: a picture every 16.7 ms is possible if
this fits into the free cores.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
from collections import defaultdict
from pathlib import Path

import psutil
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))

from moving_people import Feed

from rtpose.bench.live import BROWSER_FLAGS, BROWSERS

WATCH = """
() => { const times = []; window.drawn = times; let last = 0;
  const look = now => { const frames = Number(document.body.dataset.frames);
    if (frames !== last) { last = frames; times.push(now); } requestAnimationFrame(look); };
  requestAnimationFrame(look); }
"""
"""Notes the time of each picture that shows a new frame."""


def processor_s() -> dict[str, float]:
    """CPU seconds of the browser's processes, by kind."""
    used: dict[str, float] = defaultdict(float)
    for child in psutil.Process().children(recursive=True):
        try:
            words, times = child.cmdline(), child.cpu_times()
        except psutil.Error:
            continue
        kind = next((w.removeprefix("--type=") for w in words if w.startswith("--type=")), "browser")
        used[kind] += times.user + times.system
    return used


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--people", type=int, default=4)
    parser.add_argument("--style", choices=["bones", "capsules", "mannequin"], default="capsules")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--gpu", action="store_true", help="draw with the graphics card, if there is one")
    args = parser.parse_args()
    width, height = (int(n) for n in args.size.split("x"))
    flags = ["--no-sandbox", *([] if args.gpu else BROWSER_FLAGS)]
    found = next((p for d in os.get_exec_path() for n in BROWSERS if (p := Path(d, n)).is_file()), None)
    feed = Feed(people=args.people, fps=60)
    feed.start()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=found, args=flags)
            page = browser.new_page(viewport={"width": width, "height": height})
            page.add_init_script(f"localStorage.setItem('rtpose', {json.dumps(json.dumps({'style': args.style}))})")
            page.goto(feed.url)
            page.wait_for_selector("body.filled")
            page.wait_for_timeout(4000)  # the page adapts to the machine, the camera arrives
            page.evaluate(WATCH)
            before = processor_s()
            page.wait_for_timeout(1000 * args.seconds)
            after = processor_s()
            times = page.evaluate("window.drawn")
            browser.close()
    finally:
        feed.stop()
    gaps = sorted(b - a for a, b in itertools.pairwise(times))
    each = {kind: 1000 * (after[kind] - before[kind]) / max(1, len(times)) for kind in after}
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(f"{args.people} people, {args.style}, {args.size}, {'GPU' if args.gpu else 'software'}")
    print(f"{len(times) / args.seconds:.1f} pictures/s of 60 sent; ms between: median {gaps[len(gaps) // 2]:.1f}, "
          f"95 % within {gaps[int(0.95 * (len(gaps) - 1))]:.1f}")  # fmt: skip
    told = ", ".join(f"{kind} {ms:.1f}" for kind, ms in sorted(each.items(), key=lambda kv: -kv[1]) if ms >= 0.1)
    print(f"processor time of each picture, ms: {told}; all {sum(each.values()):.1f}")
    print(f"{os.cpu_count()} cores, load {load:.1f}")


if __name__ == "__main__":
    main()
