"""Put a trained `cascaded` into the package, with its card.

    python scripts/ship_cascaded.py runs/cascaded --chosen-on FOLDER --single FOLDER --group FOLDER ... --clips CLIP ...

The training must continue from the shipped file, with configs/train/cascaded_small_native.yaml. --chosen-on: its
validation people; refuses if the shipped network is better on these. --single, --group: rendered people to test on.
Without a training, measures the shipped file again and writes its card.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from compare_estimators import Compared, compare

from rtpose.config import load_settings
from rtpose.networks.model_files import sha256_of
from rtpose.networks.weights import CASCADED
from rtpose.pose.cascaded.estimator import CascadedNetwork
from rtpose.train.cascaded.evaluate import evaluate_pictures
from rtpose.train.cascaded.settings import CascadedSettings
from rtpose.train.synth.people import HELD_OUT_SUBJECTS
from rtpose.train.synth.shards import RenderedFolder

CONFIG = Path(__file__).resolve().parents[1] / "configs" / "train" / "cascaded_small_native.yaml"


class Part(NamedTuple):
    """A part of the file's training."""

    config: str
    revision: str
    seconds: int
    step: int
    """The best step on the validation people."""


PARTS: tuple[Part, ...] = (
    Part("cascaded_small.yaml", "6799ab5", 95 * 60, 4800),
    Part("cascaded_small_more.yaml", "9b71743", 34 * 60, 1600),
    Part("cascaded_small_most.yaml", "06957ea", 93 * 60, 4000),
)
"""Parts of the shipped file in order: a file names only its last part. Add the new one with each new file."""


def main() -> None:
    """See the module's text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, nargs="?")
    parser.add_argument("--chosen-on", type=Path, required=True)
    parser.add_argument("--single", type=Path, required=True)
    parser.add_argument("--group", type=Path, nargs="*", default=[])
    parser.add_argument("--clips", type=Path, nargs="*", default=[])
    args = parser.parse_args()
    trained = args.run / "cascaded.onnx" if args.run else CASCADED
    facts, parts = CascadedNetwork(trained).facts, PARTS
    if args.run:
        if load_settings(CascadedSettings, CONFIG) != msgspec.convert(facts["settings"], CascadedSettings):
            sys.exit(f"{CONFIG.name} is not how {trained} was trained")
        if facts["training_data"].get("start", {}).get("weights_sha256") != sha256_of(CASCADED):
            sys.exit(f"{trained} was not trained from {CASCADED} on")
        parts += (Part(CONFIG.name, facts["git_revision"], facts["training_seconds"], facts["step"]),)
    chosen_on = RenderedFolder(args.chosen_on).about
    if facts["training_data"]["validation"] != {"rendered": chosen_on}:
        sys.exit(f"{args.chosen_on} does not hold the training's validation people")
    if any(RenderedFolder(folder).about["seed"] == chosen_on["seed"] for folder in (args.single, *args.group)):
        sys.exit("test people want another seed than those by whom the weights were chosen")
    if args.run:
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
    if args.run:
        shutil.copyfile(trained, CASCADED)
    CASCADED.with_suffix(".md").write_text(
        card(facts, parts, args.chosen_on, rows, clips, CASCADED.stat().st_size), encoding="utf-8"
    )
    print(CASCADED)


def render_command(folder: Path) -> str:
    """The settings that made the pictures of a folder."""
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
    facts: dict[str, Any], parts: tuple[Part, ...], chosen_on: Path, rows: list[tuple[Path, str, dict[str, Any]]],
    clips: list[Compared], size: int,
) -> str:  # fmt: skip
    """The card's Markdown. parts: of its training. chosen_on: the validation people."""
    data, codec = facts["training_data"], facts["normalisation"]
    trained = "\n".join(
        f"| {number} | `{part.config}`{' --start RUN' if number > 1 else ''} | `{part.revision}` | "
        f"{part.seconds / 60:.0f} | {part.step} |"
        for number, part in enumerate(parts, 1)
    )
    minutes = sum(part.seconds for part in parts) / 60
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

{facts["paper"]}, at the small size: heatmaps of {codec["heatmap_px"]} px, {codec["depth_channels"]} depth channels.

- **File**: `cascaded.onnx`, {size / 1e6:.1f} MB, weights stored as fp16, computed in fp32; sha256 `{rows[0][2]["weights_sha256"]}`.
- **Input and output**: {facts["input"]}; {facts["output"]}.
- **Trunk**: the first layers of BlazePose's landmark network (Google, Apache License 2.0), trained on real pictures. The 1x1 convolutions on its smallest maps learned on from there, on rendered people, as all other layers did from nothing; the rest of it is unchanged.
- **As it runs**: it takes {codec["input_px"]} px, the trunk's own size, and averages with the mirrored picture, for about twice the processor time. The first three parts of
  its training were on 128 px, which the trunk enlarged.
- **Trained by**: `rtpose train cascaded --config configs/train/PART --data FOLDER --validation FOLDER`, {minutes:.0f} minutes in all on two
  shared CPU cores, in {len(parts)} parts that each begin with the weights of the one before it that were best on the validation people:

| part | config | revision | minutes | best step |
|---|---|---|---|---|
{trained}

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
