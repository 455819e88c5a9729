"""Put a trained lifter into the package, with its card.

    python scripts/ship_lifter.py runs/svmac --data ../shared/data

Refuses if the shipped one of the same name is better on the validation subjects with detector-like joints, or if it
was not trained with configs/train/NAME.yaml. Then evaluates it on the test subjects, copies the file and writes
the card next to it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import msgspec

from rtpose.config import load_settings
from rtpose.networks.weights import FOLDER
from rtpose.pose.lift.lifter import NetworkLifter
from rtpose.train.data.motion_pack import load_motion_pack
from rtpose.train.data.pack_evaluation import PackEvaluationSet
from rtpose.train.lifters.catalogue import METHODS
from rtpose.train.lifters.evaluate import evaluate_lifter

CONFIGS = Path(__file__).resolve().parents[1] / "configs" / "train"
LEARNED_FROM = {
    "svmac": "2D joints alone: no 3D label was used",
    "consistency": "2D joints and a critic that compares the distribution of its poses with that of the true poses of the same frames; no distance to them is in the loss",
}
INPUTS = {
    "gt": "exact 2D joints",
    "detected": "detector-like 2D joints (a detector's hips and shoulders, jitter and outliers)",
    "detected-video": "the same noise, continuous over time, one body in each clip",
    "noise:10": "10 px noise on a detector's own joints, at Human3.6M's scale",
}


def card(facts: dict[str, Any], figures: dict[str, dict[str, Any]], size: int) -> str:
    """The card's Markdown."""
    data = facts["training_data"]
    steps = facts["step"] if isinstance(facts["step"], list) else [facts["step"]]
    networks = f"the mean of {len(steps)} networks, " if len(steps) > 1 else ""
    listed = ", ".join(map(str, steps[:-1])) + f" and {steps[-1]}" if len(steps) > 1 else str(steps[0])
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

{facts["paper"]}. 2D joints to depth, learned from {LEARNED_FROM[facts["name"]]}.

- **File**: `{facts["name"]}.onnx`, {size / 1e6:.1f} MB, weights stored as fp16, computed in fp32; sha256 `{figures["gt"]["weights_sha256"]}`.
- **Input and output**: {facts["input"]}; {facts["output"]}.
- **Trained by**: `rtpose train {facts["name"]} --config configs/train/{facts["name"]}.yaml --data FOLDER` at revision `{facts["git_revision"]}`,
  {networks}{facts["training_seconds"] / 60:.0f} minutes on one CPU core; the averaged weights of step {listed} were best on the validation subjects
  ({", ".join(data["validation_subjects"])}).
- **Data**: `{data["train"]}`, {len(data["train_subjects"])} subjects of the CMU motion capture database, seen by random cameras. {data["acknowledgement"]}

Test subjects of `{figures["gt"]["pack"]}`, used neither for training nor for choosing weights; {figures["gt"]["poses"]} poses from five fixed cameras
(`rtpose eval {facts["name"]} --pack cmu17_test.npz --input gt|detected|detected-video|noise:10`): {figures["gt"]["protocol"]}.

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
    facts = NetworkLifter(str(trained)).facts
    config = CONFIGS / f"{facts['name']}.yaml"
    kind = METHODS[facts["name"]].settings
    if load_settings(kind, config) != msgspec.convert(facts["settings"], kind):
        sys.exit(f"{config} is not how {trained} was trained")
    shipped = FOLDER / trained.name
    if shipped.exists():
        validation = PackEvaluationSet(load_motion_pack(args.data / "cmu17_val.npz"))
        old, new = (
            evaluate_lifter(str(file), validation, input_kind="detected")["p_mpjpe_mm"] for file in (shipped, trained)
        )
        print(f"validation subjects, detector-like joints, P-MPJPE: shipped {old:.1f} mm, new {new:.1f} mm")
        if new >= old:
            sys.exit("the shipped one is better: kept")
    pack = PackEvaluationSet(load_motion_pack(args.data / "cmu17_test.npz"))
    figures = {input_kind: evaluate_lifter(str(trained), pack, input_kind=input_kind) for input_kind in INPUTS}
    shutil.copyfile(trained, shipped)
    shipped.with_suffix(".md").write_text(card(facts, figures, shipped.stat().st_size), encoding="utf-8")
    print(json.dumps({kind: round(f["p_mpjpe_mm"], 1) for kind, f in figures.items()}), shipped)


if __name__ == "__main__":
    main()
