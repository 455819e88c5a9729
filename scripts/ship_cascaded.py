"""Put a trained `cascaded` into the package, with its card.

    python scripts/ship_cascaded.py runs/cascaded --earlier RUN ... --chosen-on FOLDER --single FOLDER --group FOLDER ...
        --clips CLIP ...

--earlier: the trainings that it began with, the first one first. --chosen-on: the training's validation people; refuses if
the shipped network is better on these. --single, --group: rendered people to test on. Also refuses what was
not trained by configs/train/cascaded_small.yaml, from there on by cascaded_small_more.yaml and from there on by
cascaded_small_most.yaml, or by the first one or two of these.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
from pathlib import Path
from typing import Any

import msgspec
from compare_estimators import Compared, compare

from rtpose.config import load_settings
from rtpose.networks.weights import CASCADED
from rtpose.pose.cascaded.estimator import CascadedNetwork
from rtpose.train.cascaded.evaluate import evaluate_pictures
from rtpose.train.cascaded.settings import CascadedSettings
from rtpose.train.synth.people import HELD_OUT_SUBJECTS
from rtpose.train.synth.shards import RenderedFolder

CONFIGS = Path(__file__).resolve().parents[1] / "configs" / "train"
PARTS = ("cascaded_small.yaml", "cascaded_small_more.yaml", "cascaded_small_most.yaml")
"""Each begins with the weights of the one before it."""
LEARNED = {
    "nothing": "their weights unchanged. They were trained on real pictures; all other layers were trained on rendered people only.",
    "late": "trained on real pictures. The 1x1 convolutions on its smallest maps were then trained further on rendered people; the "
    "rest of it is unchanged. All other layers were trained on rendered people from scratch.",
    "all": "trained on real pictures, then further on rendered people. All other layers were trained on rendered people from scratch.",
}
"""How the trunk was trained, by `trunk_learns`."""


def main() -> None:
    """See the module's text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--earlier", type=Path, nargs="*", default=[])
    parser.add_argument("--chosen-on", type=Path, required=True)
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
    earlier = [CascadedNetwork(folder / "cascaded.onnx").facts for folder in args.earlier]
    made = [hashlib.sha256((folder / "best.pt").read_bytes()).hexdigest() for folder in args.earlier]
    if made != [part["weights_sha256"] for part in trainings(facts)[:-1]]:
        sys.exit("--earlier names other trainings than those it began with")
    chosen_on = RenderedFolder(args.chosen_on).about
    if facts["training_data"]["validation"] != {"rendered": chosen_on}:
        sys.exit(f"{args.chosen_on} does not hold the training's validation people")
    if any(RenderedFolder(folder).about["seed"] == chosen_on["seed"] for folder in (args.single, *args.group)):
        sys.exit("test people want another seed than those by whom the weights were chosen")
    if CASCADED.is_file():
        old, new = (figures(file, args.chosen_on, "gt")["mpjpe_mm"] for file in (CASCADED, trained))
        print(f"validation people, MPJPE: shipped {old:.1f} mm, new {new:.1f} mm")
        if new >= old:
            sys.exit("the shipped one is better: kept")
    rows = [
        (folder, kind, figures(trained, folder, kind))
        for folder in (args.single, *args.group)
        for kind in ("gt", "detected")
    ]
    clips, _ = compare(args.clips, str(trained))
    shutil.copyfile(trained, CASCADED)
    CASCADED.with_suffix(".md").write_text(
        card(facts, earlier, args.chosen_on, rows, clips, CASCADED.stat().st_size), encoding="utf-8"
    )
    print(CASCADED)


def trainings(facts: dict[str, Any]) -> list[dict[str, Any]]:
    """What is known of each part of a training, the first one first. Refuses one of more parts than PARTS."""
    parts = [facts]
    while (start := parts[0]["training_data"].get("start")) is not None:
        parts.insert(0, start)
    if len(parts) > len(PARTS):
        sys.exit(f"trained in {len(parts)} parts; known are {', '.join(PARTS)}")
    return parts


def render_command(folder: Path) -> str:
    """By which the pictures of a folder are made."""
    pictures = RenderedFolder(folder)
    about, (width, height) = pictures.about, pictures.about["size"]
    options = [
        *(["--test"] if about["split"] == "test" else []), *(["--group"] if about["group"] else []),
        f"--people {about['most_people']}", f"--size {width}x{height}", f"--seed {about['seed']}",
        f"--count {len(pictures)}",
    ]  # fmt: skip
    return f"rtpose data render {folder.name} --motions cmu_amc30_train.npz {' '.join(options)}"


def figures(network: Path, folder: Path, kind: str) -> dict[str, Any]:
    """As `rtpose eval NETWORK --data rendered:FOLDER --input KIND`."""
    return evaluate_pictures(str(network), RenderedFolder(folder), name=f"rendered:{folder.name}", input_kind=kind)


def card(
    facts: dict[str, Any], earlier: list[dict[str, Any]], chosen_on: Path, rows: list[tuple[Path, str, dict[str, Any]]],
    clips: list[Compared], size: int,
) -> str:  # fmt: skip
    """The card's Markdown. earlier: the facts of the trainings that it began with. chosen_on: the validation people."""
    data, settings = facts["training_data"], facts["settings"]
    parts = "\n".join(
        f"| {number} | `{config}`{' --start RUN' if number > 1 else ''} | `{part['git_revision']}` | "
        f"{part['training_seconds'] / 60:.0f} | {part['step']} |"
        for number, (config, part) in enumerate(zip(PARTS, [*earlier, facts], strict=False), 1)
    )
    minutes = sum(part["training_seconds"] for part in (*earlier, facts)) / 60
    commands = "\n".join(render_command(folder) for folder in dict.fromkeys(row[0] for row in rows))
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
- **Trained by**: `rtpose train cascaded --config configs/train/PART --data FOLDER --validation FOLDER`, {minutes:.0f} minutes in all on two
  shared CPU cores, in {1 + len(earlier)} parts that each begin with the weights of the one before it that were best on the validation people:

| part | config | revision | minutes | best step |
|---|---|---|---|---|
{parts}

- **Data**: {data["pictures"]} rendered pictures, motions without the subjects {", ".join(HELD_OUT_SUBJECTS)}; the weights were chosen on people with the motions of these three
  (`{render_command(chosen_on)}`).
  `rtpose data prepare cmu FOLDER --angles --subjects 1,3,5,14,16,17,127,131` makes such a pack from the database's files. {data["acknowledgement"]}

On rendered people with bodies, clothes and backgrounds used neither for training nor for choosing weights, with the motions of subjects {", ".join(HELD_OUT_SUBJECTS)},
which were not trained on; the weights were chosen on other pictures (another seed) of the same motions:

```sh
{commands}
```

`rtpose eval cascaded --data rendered:FOLDER --input gt|detected`: {rows[0][2]["protocol"]}.

| pictures | boxes | people | matched | MPJPE mm | P-MPJPE mm | 3DPCK | of the matched | absolute | root error mm |
|---|---|---|---|---|---|---|---|---|---|
{rendered}

The people of the first row, by how much of them is visible (hidden by themselves, by others, by things, or cut off by the picture's edge):

| visible | people | MPJPE mm | P-MPJPE mm |
|---|---|---|---|
{visible}

On real clips, beside the default estimator (detector and lifter; `python scripts/compare_estimators.py CLIP ...`).
Neither is ground truth; P-MPJPE is the median distance between the two:

| clip | frames | lifter sees | cascaded sees | both | P-MPJPE mm | 2D, % of the height |
|---|---|---|---|---|---|---|
{real}
"""


if __name__ == "__main__":
    main()
