"""Writes a trained lifter to files, with its facts as metadata."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from rtpose import __version__
from rtpose.skeleton import H36M17
from rtpose.train.data.sets import EvaluationSet, TrainingSet
from rtpose.train.export import export_lifter, export_weights, git_revision
from rtpose.train.lifters.evaluate import evaluate_depth, flip_averaging, protocol
from rtpose.train.lifters.loop import TrainedLifter
from rtpose.train.lifters.method import JOINT_COUNT, Method

PAPERS = {
    "svmac": "SVMAC: Unsupervised 3D Human Pose Estimation from a Single Image with Single-view-multi-angle "
    "Consistency (Deng et al., 3DV 2021)",
    "consistency": "3D Human Pose Estimation Based on 2D-3D Consistency with Synchronized Adversarial Training",
}


def export_trained(
    method: Method, trained: TrainedLifter, training: TrainingSet, validation: EvaluationSet, folder: Path
) -> Path:
    """Write `NAME.onnx` and `NAME.safetensors` into `folder`, with their facts in the metadata. Returns the first."""
    scores = evaluate_depth(trained.lifter, validation, method.codec).means()
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
            "train": training.name,
            "train_subjects": list(training.subjects),
            "validation": validation.name,
            "validation_subjects": list(validation.subjects),
            "acknowledgement": training.acknowledgement,
        },
        "command": f"rtpose train {method.name}, with the settings below",
        "settings": msgspec.to_builtins(method.settings),
        "step": list(trained.steps) if len(trained.steps) > 1 else trained.steps[0],
        "training_seconds": round(trained.seconds),
        "metrics": {
            "on": "the validation subjects",
            **{key: round(value, 3) for key, value in scores.items()},
            "protocol": protocol(validation, flip=flip_averaging(method.architecture)),
        },
        "rtpose": __version__,
        "git_revision": git_revision(),
    }
    path = folder / f"{method.name}.onnx"
    export_lifter(trained.lifter, facts, path)
    export_weights(trained.lifter, facts, path.with_suffix(".safetensors"))
    return path
