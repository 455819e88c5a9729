"""A trained lifter as a file that knows itself."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import msgspec

from rtpose import __version__
from rtpose.skeleton import H36M17
from rtpose.train.evaluate import evaluate_depth
from rtpose.train.export import export_lifter
from rtpose.train.loop import Trained
from rtpose.train.method import JOINT_COUNT, Method
from rtpose.train.motion_pack import MotionPack

ACKNOWLEDGEMENT = (
    "The data used in this project was obtained from mocap.cs.cmu.edu. "
    "The database was created with funding from NSF EIA-0196217."
)

PAPERS = {
    "svmac": "SVMAC: Unsupervised 3D Human Pose Estimation from a Single Image with Single-view-multi-angle "
    "Consistency (Deng et al., 3DV 2021)",
    "consistency": "3D Human Pose Estimation Based on 2D-3D Consistency with Synchronized Adversarial Training",
    "baseline": "supervised, of the kind of: A simple yet effective baseline for 3d human pose estimation (Martinez "
    "et al., ICCV 2017)",
}


def export_trained(
    method: Method, trained: Trained, train_pack: MotionPack, validation_pack: MotionPack, folder: Path
) -> Path:
    """Write `NAME.onnx` into `folder`, with its facts in the metadata. Returns its path."""
    scores = evaluate_depth(trained.lifter, validation_pack, method.codec).means()
    facts: dict[str, Any] = {
        "name": method.name,
        "format": 1,
        "paper": PAPERS[method.name],
        "architecture": dict(method.architecture),
        "joint_count": JOINT_COUNT,
        "skeleton": H36M17.name,
        "joints": list(H36M17.joints),
        "input": "points (N, 2 J) float32: x1 y1 x2 y2 …, normalised 2D joints",
        "output": "depth (N, J) float32, relative to the root",
        "output_space": "camera axes: z away from the camera",
        "output_units": "mean joint distances of the person in the picture",
        "normalisation": method.codec.facts(),
        "training_data": {
            "train": train_pack.path.name,
            "train_subjects": train_pack.subjects,
            "validation": validation_pack.path.name,
            "validation_subjects": validation_pack.subjects,
            "acknowledgement": ACKNOWLEDGEMENT,
        },
        "command": f"rtpose train {method.name}, with the settings below",
        "settings": msgspec.to_builtins(method.settings),
        "step": trained.step,
        "training_seconds": round(trained.seconds),
        "metrics": {"on": "the validation subjects", **{key: round(value, 3) for key, value in scores.items()}},
        "rtpose": __version__,
        "git_revision": git_revision(),
    }
    path = folder / f"{method.name}.onnx"
    export_lifter(trained.lifter, facts, path)
    return path


def git_revision() -> str:
    """The checkout that this code runs from; "unknown" for an installed package."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=Path(__file__).parent, capture_output=True, text=True, check=True, timeout=10,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()
