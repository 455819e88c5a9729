"""Put a trained lifter into the package, with its card.

    python scripts/ship_lifter.py runs/svmac --data ../shared/data

Evaluates RUN/svmac.onnx on the test subjects (cmu17_test.npz), refuses if the shipped one of the same name is better
with detector-like joints, copies the file and writes the card beside it.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from rtpose.lift.lifter import NetworkLifter
from rtpose.train.evaluate import evaluate_lifter
from rtpose.train.motion_pack import load_motion_pack
from rtpose.weights import FOLDER

INPUTS = {
    "gt": "exact 2D joints",
    "detected": "detector-like 2D joints (hips, shoulders, jitter and outliers as in training)",
    "noise:10": "10 px noise on exact joints, at Human3.6M's scale",
}


def card(facts: dict[str, Any], figures: dict[str, dict[str, Any]], log: list[dict[str, str]], size: int) -> str:
    """The card's Markdown."""
    data = facts["training_data"]
    batch = facts["settings"]["batch_size"]
    seconds = sum(
        (int(row["step"]) - int(before["step"])) * batch / float(row["poses_per_s"])
        for before, row in zip([{"step": "0"}, *log], log, strict=False)
    )
    rows = "\n".join(
        f"| {INPUTS[kind]} | {f['mpjpe_mm']:.1f} | {f['p_mpjpe_mm']:.1f} | {f['n_mpjpe_mm']:.1f} | "
        f"{f['pck_150']:.3f} | {f['auc']:.3f} | {f['accel_error_m_s2']:.1f} |"
        for kind, f in figures.items()
    )
    subjects = "\n".join(
        f"| {name} | {f['poses']} | {f['mpjpe_mm']:.1f} | {f['p_mpjpe_mm']:.1f} |"
        for name, f in figures["gt"]["per_subject"].items()
    )
    return f"""# {facts["name"]}

{facts["paper"]}. 2D joints to depth, learned from 2D joints alone: no 3D label was used.

- **File**: `{facts["name"]}.onnx`, {size / 1e6:.1f} MB, weights stored as fp16, computed in fp32; sha256 `{figures["gt"]["weights_sha256"]}`.
- **Input and output**: {facts["input"]}; {facts["output"]}.
- **Trained by**: `rtpose train {facts["name"]} --config configs/train/{facts["name"]}.yaml --data FOLDER` at revision `{facts["git_revision"]}`,
  {seconds / 60:.0f} minutes on one CPU core, {log[-1]["step"]} steps of {batch} poses; the averaged weights that were best on the validation
  subjects ({", ".join(data["validation_subjects"])}).
- **Data**: `{data["train"]}`, {len(data["train_subjects"])} subjects of the CMU motion capture database, seen by random cameras. {data["acknowledgement"]}

Test subjects of `{figures["gt"]["pack"]}`, never trained or chosen on; {figures["gt"]["poses"]} poses from five fixed cameras
(`rtpose eval {facts["name"]} --pack cmu17_test.npz --input gt|detected|noise:10`). {figures["gt"]["protocol"].capitalize()}.

| input | MPJPE mm | P-MPJPE mm | N-MPJPE mm | PCK@150 | AUC | acceleration error m/s² |
|---|---|---|---|---|---|---|
{rows}

With exact 2D joints, by subject:

| subject | poses | MPJPE mm | P-MPJPE mm |
|---|---|---|---|
{subjects}

What to expect: depth is learned from how people usually move. Poses that are rare in the data (lying, cartwheels, a leg kicked at the
camera) and cameras that look steeply up or down are worse than these figures.
"""


def main() -> None:
    """See the module's text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    args = parser.parse_args()
    (trained,) = args.run.glob("*.onnx")
    pack = load_motion_pack(args.data / "cmu17_test.npz")
    figures = {kind: evaluate_lifter(str(trained), pack, input_kind=kind) for kind in INPUTS}
    shipped = FOLDER / trained.name
    if shipped.exists():
        old = evaluate_lifter(str(shipped), pack, input_kind="detected")["p_mpjpe_mm"]
        new = figures["detected"]["p_mpjpe_mm"]
        print(f"P-MPJPE with detector-like joints: shipped {old:.1f} mm, new {new:.1f} mm")
        if new >= old:
            sys.exit("the shipped one is better: kept")
    with (args.run / "log.csv").open(newline="", encoding="utf-8") as file:
        log = list(csv.DictReader(file))
    facts = NetworkLifter(str(trained)).facts
    shutil.copyfile(trained, shipped)
    shipped.with_suffix(".md").write_text(card(facts, figures, log, shipped.stat().st_size), encoding="utf-8")
    print(json.dumps({kind: round(f["p_mpjpe_mm"], 1) for kind, f in figures.items()}), shipped)


if __name__ == "__main__":
    main()
