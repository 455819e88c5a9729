"""Training on several processes (`torchrun`), each with its own rows of every batch.

The result equals that of one process: every process draws random numbers for the whole batch, layers that mix rows mix
those of all processes, and gradients are averaged. `batch_size` therefore means the same on any number of processes.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from typing import Any

import torch
import torch.distributed
from lightning_fabric import Fabric
from torch import Tensor, nn

from rtpose.errors import ConfigError

logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it logs every process that starts


def start_fabric() -> Fabric:
    """Join the processes that `torchrun` started. Without torchrun: this process alone, on one device.

    Errors: `ConfigError` for more processes than GPUs.
    """
    count, gpus = int(os.environ.get("LOCAL_WORLD_SIZE", 1)), torch.cuda.device_count()
    if 0 < gpus < count:
        raise ConfigError(
            f"{count} processes cannot share {gpus} GPU(s): pass --nproc-per-node={gpus} to torchrun, or hide the GPUs "
            "with CUDA_VISIBLE_DEVICES="
        )
    # Not accelerator="auto": it would also take Apple's GPUs, which lack operations used here.
    accelerator = "cuda" if gpus else "cpu"
    fabric = Fabric(accelerator=accelerator, devices=count, num_nodes=int(os.environ.get("GROUP_WORLD_SIZE", 1)))
    fabric.launch()
    return fabric


def share_batches(fabric: Fabric, networks: Iterable[nn.Module], optimisers: Iterable[torch.optim.Optimizer]) -> None:
    """Change networks and optimisers so that steps on each process's rows add up to one step on all rows.

    Does nothing for a single process.

    DistributedDataParallel does not fit: it expects one forward pass per backward pass and no second derivatives, while
    a step here has several passes and the critics' gradient penalty.
    """
    if fabric.world_size == 1:
        return
    for network in networks:
        for layer in network.modules():
            if type(layer) in _SHARED:
                layer.__class__ = _SHARED[type(layer)]  # keeps parameters, buffers and their names

    def average_gradients(optimiser: torch.optim.Optimizer, *_: Any) -> None:
        gradients = [p.grad for group in optimiser.param_groups for p in group["params"] if p.grad is not None]
        averaged = fabric.all_reduce(torch.cat([g.flatten() for g in gradients]), reduce_op="mean")
        assert isinstance(averaged, Tensor)
        parts = torch.split(averaged, [g.numel() for g in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    for optimiser in optimisers:
        optimiser.register_step_pre_hook(average_gradients)


def own_rows(rows: Tensor) -> Tensor:
    """Rows (N, …) of the whole batch -> this process's rows (N / processes, …)."""
    count, rank = _count_and_rank()
    return rows if count == 1 else rows.reshape(count, -1, *rows.shape[1:])[rank]


def rand_rows(rows: Tensor) -> Tensor:
    """Uniform random numbers (N,) in 0..1, one for each of this process's `rows` (N, …).

    They are drawn for the rows of all processes.
    """
    count, rank = _count_and_rank()
    drawn = torch.rand(count * len(rows), device=rows.device)
    return drawn.reshape(count, -1)[rank]


def _count_and_rank() -> tuple[int, int]:
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_world_size(), torch.distributed.get_rank()
    return 1, 0


class _MeanOverProcesses(torch.autograd.Function):
    """Mean of a tensor over all processes. torch's own differentiable collectives are deprecated."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        x = x.clone()
        torch.distributed.all_reduce(x)
        return x / torch.distributed.get_world_size()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        # The loss of every process depends on the x of every process.
        return _mean_over_processes(gradients[0])


def _mean_over_processes(x: Tensor) -> Tensor:
    mean: Tensor = _MeanOverProcesses.apply(x)  # type: ignore[no-untyped-call]
    return mean


class SharedBatchNorm(nn.BatchNorm1d):
    """Batch normalisation over the rows of all processes. torch's SyncBatchNorm does not run on the CPU."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C) or (N, C, L) -> the same shape."""
        if not self.training:
            return super().forward(x)
        others = [axis for axis in range(x.dim()) if axis != 1]
        mean = _mean_over_processes(x.mean(others, keepdim=True))
        variance = _mean_over_processes((x - mean).square().mean(others, keepdim=True))
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        with torch.no_grad():
            count = x.numel() // x.shape[1] * _count_and_rank()[0]
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean.flatten(), self.momentum)
            self.running_var.lerp_(variance.flatten() * (count / (count - 1)), self.momentum)
        scale, shift = self.weight.view_as(mean), self.bias.view_as(mean)
        return (x - mean) * (variance + self.eps).rsqrt() * scale + shift


class SharedDropout(nn.Dropout):
    """Dropout with one mask for the whole batch. Otherwise equal seeds would give every process the same mask."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, …) -> the same shape."""
        if not self.training:
            return x
        everyone = x.new_ones(_count_and_rank()[0] * len(x), *x.shape[1:])
        return x * own_rows(nn.functional.dropout(everyone, self.p))


_SHARED: dict[type[nn.Module], type[nn.Module]] = {nn.BatchNorm1d: SharedBatchNorm, nn.Dropout: SharedDropout}
