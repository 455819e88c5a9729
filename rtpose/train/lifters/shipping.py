"""Writes a trained lifter to files, with its facts as metadata."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from rtpose import __version__
from rtpose.modules.temporal import TemporalLifter
from rtpose.skeleton import H36M17
from rtpose.train.data.motion_pack import PACK_FPS
from rtpose.train.data.sets import EvaluationSet, TrainingSet
from rtpose.train.export import export_lifter, export_weights, git_revision
from rtpose.train.lifters.evaluate import evaluate_depth, flip_averaging, motion_function, protocol
from rtpose.train.lifters.loop import TrainedLifter
from rtpose.train.lifters.method import JOINT_COUNT, Method
from rtpose.train.lifters.settings import TemporalSettings

PAPERS = {
    "svmac": "SVMAC: Unsupervised 3D Human Pose Estimation from a Single Image with Single-view-multi-angle "
    "Consistency (Deng et al., 3DV 2021)",
    "consistency": "3D Human Pose Estimation Based on 2D-3D Consistency with Synchronized Adversarial Training",
    "baseline": "supervised, after: A simple yet effective baseline for 3d human pose estimation (Martinez "
    "et al., ICCV 2017)",
    "temporal": "supervised; causal convolutions over time (as in VideoPose3D, Pavllo et al., CVPR 2019) on top of the "
    "baseline; also corrects the 2D joints",
}


def export_trained(
    method: Method, trained: TrainedLifter, training: TrainingSet, validation: EvaluationSet, folder: Path
) -> Path:
    """Write `NAME.onnx` and `NAME.safetensors` into `folder`, with their facts in the metadata. Returns the first."""
    network = trained.lifter
    lifter = motion_function(network) if isinstance(network, TemporalLifter) else network
    scores = evaluate_depth(lifter, validation, method.codec).means()
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
        "step": trained.step,
        "training_seconds": round(trained.seconds),
        "metrics": {
            "on": "the validation subjects",
            **{key: round(value, 3) for key, value in scores.items()},
            "protocol": protocol(validation, flip=flip_averaging(method.architecture)),
        },
        "rtpose": __version__,
        "git_revision": git_revision(),
    }
    if isinstance(network, TemporalLifter) and isinstance(method.settings, TemporalSettings):
        facts |= {
            "output": "depth (N, J) float32, relative to the root; corrected_points (N, 2 J) float32, "
            "which replace points; next_past_I, the input past_I of the next frame",
            "receptive_field": network.receptive_field,
            "frame_rates_hz": [PACK_FPS / stride for stride in method.settings.strides],
        }
    path = folder / f"{method.name}.onnx"
    export_lifter(trained.lifter, facts, path)
    export_weights(trained.lifter, facts, path.with_suffix(".safetensors"))
    return path
