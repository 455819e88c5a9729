"""Put a trained `cascaded` into the package, with its card.

    python scripts/ship_cascaded.py runs/cascaded --single FOLDER --group FOLDER ... --clips CLIP ...

FOLDERs hold rendered test people on whom no weights were chosen. Refuses if the shipped network is better on --single, or
if it was not trained by configs/train/cascaded_small.yaml, from there on by cascaded_small_more.yaml and from there on by
cascaded_small_most.yaml, or by the first one or two of these.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import Any

import msgspec
from compare_estimators import Compared, compare

from rtpose.config import load_settings
from rtpose.estimate.cascaded import CascadedNetwork
from rtpose.train.cascaded.evaluate import evaluate_pictures
from rtpose.train.cascaded.settings import CascadedSettings
from rtpose.train.synth.dataset import TEST_SUBJECTS
from rtpose.train.synth.shards import RenderedFolder
from rtpose.weights import CASCADED

CONFIGS = Path(__file__).resolve().parents[1] / "configs" / "train"
PARTS = ("cascaded_small.yaml", "cascaded_small_more.yaml", "cascaded_small_most.yaml")
"""Each begins with the weights of the one before it."""
LEARNED = {
    "nothing": "their weights unchanged. They were trained on real pictures; all other layers have seen rendered people alone.",
    "late": "trained on real pictures. The 1x1 convolutions on its smallest maps learned on from there, on rendered people, as all "
    "other layers did from nothing; the rest of it is unchanged.",
    "all": "trained on real pictures; they learned on from there, on rendered people, as all other layers did from nothing.",
}
"""What became of the trunk, by `trunk_learns`."""


def main() -> None:
    """See the module's text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--single", type=Path, required=True)
    parser.add_argument("--group", type=Path, nargs="*", default=[])
    parser.add_argument("--clips", type=Path, nargs="*", default=[])
    args = parser.parse_args()
    trained = args.run / "cascaded.onnx"
    facts = CascadedNetwork(trained).facts
    for config, about in zip(PARTS, trainings(facts), strict=False):
        settings = msgspec.convert(about.get("settings", {}), CascadedSettings)
        if load_settings(CascadedSettings, CONFIGS / config) != settings:
            sys.exit(f"{config} is not how {trained} was trained")
    single = figures(trained, args.single, "gt")
    if CASCADED.is_file():
        old, new = figures(CASCADED, args.single, "gt")["mpjpe_mm"], single["mpjpe_mm"]
        print(f"rendered test people, MPJPE: shipped {old:.1f} mm, new {new:.1f} mm")
        if new >= old:
            sys.exit("the shipped one is better: kept")
    groups = [(folder, kind, figures(trained, folder, kind)) for folder in args.group for kind in ("gt", "detected")]
    rows = [(args.single, "gt", single), (args.single, "detected", figures(trained, args.single, "detected")), *groups]
    clips, _ = compare(args.clips, str(trained))
    shutil.copyfile(trained, CASCADED)
    CASCADED.with_suffix(".md").write_text(card(facts, rows, clips, CASCADED.stat().st_size), encoding="utf-8")
    print(CASCADED)


def trainings(facts: dict[str, Any]) -> list[dict[str, Any]]:
    """What is known of each part of a training, the first one first. Refuses one of more parts than PARTS."""
    parts = [facts]
    while (start := parts[0]["training_data"].get("start")) is not None:
        parts.insert(0, start)
    if len(parts) > len(PARTS):
        sys.exit(f"trained in {len(parts)} parts; known are {', '.join(PARTS)}")
    return parts


def figures(network: Path, folder: Path, kind: str) -> dict[str, Any]:
    """As `rtpose eval NETWORK --data rendered:FOLDER --input KIND`."""
    return evaluate_pictures(str(network), RenderedFolder(folder), name=f"rendered:{folder.name}", input_kind=kind)


def card(facts: dict[str, Any], rows: list[tuple[Path, str, dict[str, Any]]], clips: list[Compared], size: int) -> str:
    """The card's Markdown."""
    data, settings = facts["training_data"], facts["settings"]
    parts = trainings(facts)
    start = " --start RUN" if len(parts) > 1 else ""
    before = [
        f"the weights of `{config}` (step {about['step']}, sha256 `{about['weights_sha256'][:8]}`)"
        for config, about in zip(PARTS, parts[:-1], strict=False)
    ]
    begun = "\n  It began with " + ", which began with ".join(reversed(before)) + "." if before else ""
    rendered = "\n".join(
        f"| {folder.name} | {kind} | {f['people']['people']} | {f['people']['matched']} | {f['mpjpe_mm']:.1f} | "
        f"{f['p_mpjpe_mm']:.1f} | {f['people']['pck3d']:.3f} | {f['people']['pck3d_matched']:.3f} | "
        f"{f['people']['pck3d_absolute']:.3f} | {f['people']['root_error_mm']:.0f} |"
        for folder, kind, f in rows
    )
    visible = "\n".join(
        f"| {name} | {f['poses']} | {f['mpjpe_mm']:.1f} | {f['p_mpjpe_mm']:.1f} |"
        for name, f in rows[0][2]["per_visible"].items()
    )
    real = "\n".join(
        f"| {c.clip} | {c.frames} | {c.lifter_sees} | {c.cascaded_sees} | {c.both} | {c.p_mpjpe_mm:.1f} | "
        f"{c.apart_percent:.1f} |"
        for c in clips
    )
    return f"""# cascaded

{facts["paper"]}, at the small size: pictures of {settings["network"]["input_px"]} px, {settings["network"]["depth_channels"]} depth channels.

- **File**: `cascaded.onnx`, {size / 1e6:.1f} MB, weights stored as fp16, computed in fp32; sha256 `{rows[0][2]["weights_sha256"]}`.
- **Input and output**: {facts["input"]}; {facts["output"]}.
- **Trunk**: the first layers of BlazePose's landmark network (Google, Apache License 2.0), {LEARNED[settings["trunk_learns"]]}
- **Trained by**: `rtpose train cascaded --config configs/train/{PARTS[len(parts) - 1]} --data FOLDER --validation FOLDER{start}` at revision
  `{facts["git_revision"]}`, {facts["training_seconds"] / 60:.0f} minutes on two shared CPU cores; the averaged weights of step {facts["step"]} were best on the validation people.{begun}
- **Data**: {data["pictures"]} rendered pictures (`rtpose data render`, seed 0), motions of {data["train"]["rendered"]["motions"]} without the
  subjects {", ".join(TEST_SUBJECTS)}. {data["acknowledgement"]}

On rendered people of other motions, bodies, clothes and backgrounds, never trained or chosen on
(`rtpose eval cascaded --data rendered:FOLDER --input gt|detected`; {rows[0][2]["protocol"]}):

| pictures | boxes | people | matched | MPJPE mm | P-MPJPE mm | 3DPCK | of the matched | absolute | root error mm |
|---|---|---|---|---|---|---|---|---|---|
{rendered}

The people of the first row, by how much of them is visible (hidden by themselves, by others, by things, or cut off by the picture's edge):

| visible | people | MPJPE mm | P-MPJPE mm |
|---|---|---|---|
{visible}

On real clips, beside the default estimator (detector and temporal lifter; `python scripts/compare_estimators.py CLIP ...`).
Neither is the truth; P-MPJPE is the median distance between the two:

| clip | frames | lifter sees | cascaded sees | both | P-MPJPE mm | 2D, % of the height |
|---|---|---|---|---|---|---|
{real}
"""


if __name__ == "__main__":
    main()
