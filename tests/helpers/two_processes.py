"""What `torchrun` starts twice in tests of `rtpose.train.distributed`: `two_processes.py FOLDER`."""

import dataclasses
import faulthandler
import shutil
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from lightning_fabric import Fabric

from rtpose.assets import small_val_pack
from rtpose.errors import ConfigError
from rtpose.train.data.motion_pack import MotionPack, load_motion_pack
from rtpose.train.data.pack_evaluation import PackEvaluationSet
from rtpose.train.data.pack_training import PackTrainingSet
from rtpose.train.distributed import share_batches, start_fabric
from rtpose.train.lifters.catalogue import METHODS
from rtpose.train.lifters.loop import LifterProgress, train

TINY: dict[str, Any] = {"width": 16, "batch_size": 8, "steps": 6, "validate_every": 2, "learning_rate": 1e-3}

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "svmac": ("svmac", {}),
    "svmac n=1": ("svmac", {"angles": 1}),
    "svmac n=3 with labels": ("svmac", {"angles": 3, "supervised_share": 0.05, "critic_steps": 2}),
    "consistency": ("consistency", {}),
    "consistency separate": ("consistency", {"synchronous": False}),
    "consistency with dropout": ("consistency", {"dropout": 0.3}),
}


def small_pack() -> MotionPack:
    whole = load_motion_pack(small_val_pack())
    poses = whole.poses_m[::40]
    return dataclasses.replace(whole, poses_m=poses, starts=np.array([0, len(poses)]), clips=whole.clips[:1])


def gradients(case: str, fabric: Fabric, pack: MotionPack) -> dict[str, torch.Tensor]:
    """All that one step computes: the gradients of each update, and the running statistics after it."""
    name, changes = CASES[case]
    torch.manual_seed(0)
    method = METHODS[name].method(METHODS[name].settings(**{**TINY, **changes}), PackTrainingSet(pack))
    share_batches(fabric, method.networks.values(), method.optimisers.values())
    found: dict[str, torch.Tensor] = {}
    updates: Counter[str] = Counter()

    def record(network: str, optimiser: torch.optim.Optimizer, *_: Any) -> None:
        updates[network] += 1
        for number, parameter in enumerate(optimiser.param_groups[0]["params"]):
            if parameter.grad is not None:
                found[f"{network} {updates[network]} {number}"] = parameter.grad.clone()

    for network, optimiser in method.optimisers.items():
        optimiser.register_step_pre_hook(partial(record, network))
    torch.manual_seed(1)
    method.step(1, torch.Generator().manual_seed(2))
    for network, module in method.networks.items():
        found |= {f"{network} {key}": value.clone() for key, value in module.named_buffers() if "running" in key}
    return found


def resumed_and_not(folder: Path, fabric: Fabric, pack: MotionPack) -> list[dict[str, torch.Tensor]]:
    """Weights of a training, and of one that goes on from its checkpoint of step 4."""
    kind = METHODS["svmac"]

    def leave_a_copy(progress: LifterProgress) -> None:
        if progress.step == 5:
            shutil.copytree(folder / "straight", folder / "resumed")

    data = PackTrainingSet(pack), PackEvaluationSet(pack)
    run = partial(train, kind.method, kind.settings(**TINY), *data, fabric=fabric)
    straight = run(folder / "straight", report=leave_a_copy)
    resumed = run(folder / "resumed", resume=True)
    return [straight.lifter.state_dict(), resumed.lifter.state_dict()]


def indivisible(folder: Path, fabric: Fabric, pack: MotionPack) -> str:
    kind = METHODS["svmac"]
    data = PackTrainingSet(pack), PackEvaluationSet(pack)
    try:
        train(kind.method, kind.settings(**{**TINY, "batch_size": 7}), *data, folder, fabric=fabric)
    except ConfigError as error:
        return str(error)
    return ""


def stopped_early(folder: Path, fabric: Fabric, pack: MotionPack) -> tuple[int, bool]:
    """The last step of a training that gets no better after its first validation; the first process alone validates."""
    kind, scores = METHODS["svmac"], iter([50.0, 60.0, 60.0, 40.0])

    def evaluate(*_: Any, **__: Any) -> Any:
        means = {"mpjpe_mm": 0.0, "p_mpjpe_mm": next(scores)}
        return SimpleNamespace(means=lambda: means)

    settings, data = (
        kind.settings(**{**TINY, "patience": 2, "steps": 20}),
        (PackTrainingSet(pack), PackEvaluationSet(pack)),
    )
    with patch("rtpose.train.lifters.loop.evaluate_depth", evaluate):
        trained = train(kind.method, settings, *data, folder, fabric=fabric)
    return trained.last_step, trained.stopped_early


def main(folder: Path) -> None:
    faulthandler.dump_traceback_later(100, exit=True)  # rather than wait for the other for ever
    torch.set_num_threads(1)
    fabric, pack = start_fabric(), small_pack()
    found = {
        "gradients": {case: gradients(case, fabric, pack) for case in CASES},
        "weights": resumed_and_not(folder, fabric, pack),
        "stopped early": stopped_early(folder / "stopped", fabric, pack),
        "indivisible": indivisible(folder / "indivisible", fabric, pack),
    }
    torch.save(found, folder / f"{fabric.global_rank}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
