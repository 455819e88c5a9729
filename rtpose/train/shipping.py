"""A trained generator as a file that knows itself: facts, figures, and the card that is shipped beside it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import msgspec

from rtpose import __version__
from rtpose.lift.codec import DepthCodec
from rtpose.models.svmac import DepthLifter, SvmacGenerator
from rtpose.skeleton import H36M17
from rtpose.train.evaluate import evaluate_depth
from rtpose.train.export import export_lifter
from rtpose.train.motion_pack import MotionPack
from rtpose.train.settings import SvmacSettings

ACKNOWLEDGEMENT = (
    "The data used in this project was obtained from mocap.cs.cmu.edu. "
    "The database was created with funding from NSF EIA-0196217."
)


def export_trained(
    generator: SvmacGenerator,
    settings: SvmacSettings,
    train_pack: MotionPack,
    validation_pack: MotionPack,
    folder: Path,
) -> Path:
    """Write `svmac.onnx` into `folder`, with its facts in the metadata. Returns its path."""
    codec = DepthCodec(settings.distance)
    scores = evaluate_depth(generator.eval().depth, validation_pack, codec).means()
    joint_count = len(H36M17.joints)
    facts: dict[str, Any] = {
        "name": "svmac",
        "format": 1,
        "paper": "SVMAC: Unsupervised 3D Human Pose Estimation from a Single Image with "
        "Single-view-multi-angle Consistency (Deng et al., 3DV 2021)",
        "architecture": {"network": "svmac", "joint_count": joint_count, "width": settings.width},
        "joint_count": joint_count,
        "skeleton": H36M17.name,
        "joints": list(H36M17.joints),
        "input": "points (N, 2 J) float32: x1 y1 x2 y2 …, normalised 2D joints",
        "output": "depth (N, J) float32: z away from the camera, relative to the root, in mean joint distances",
        "normalisation": codec.facts(),
        "training_data": {
            "train": train_pack.path.name,
            "train_subjects": train_pack.subjects,
            "validation": validation_pack.path.name,
            "validation_subjects": validation_pack.subjects,
            "acknowledgement": ACKNOWLEDGEMENT,
        },
        "settings": msgspec.to_builtins(settings),
        "metrics": {"on": "the validation subjects", **{key: round(value, 3) for key, value in scores.items()}},
        "output_space": "camera axes: z away from the camera",
        "output_units": "mean joint distances of the person in the picture",
        "rtpose": __version__,
        "git_revision": _git_revision(),
    }
    path = folder / "svmac.onnx"
    export_lifter(DepthLifter(generator), facts, path)
    return path


def _git_revision() -> str:
    """The checkout that this code runs from; "unknown" for an installed package."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=Path(__file__).parent, capture_output=True, text=True, check=True, timeout=10,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()
