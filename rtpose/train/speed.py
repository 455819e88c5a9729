"""Measures the speed of a training and the share of a step not spent on matrix products."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.profiler import ProfilerActivity, profile

os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # the profiler reports each start on stderr

_WARM_UP, _PROFILED = 5, 3
_MATRIX = ("aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm")
"""The operations behind `nn.Linear`, `@` and their gradients. Convolutions are counted as well."""


class StepTimer:
    """Times the steps of a training, and profiles steps 6 to 8 of a process."""

    def __init__(self, device: torch.device, poses_per_step: int, seconds: float = 0.0) -> None:
        """poses_per_step: of all processes together. seconds: time spent before the training was resumed."""
        self.seconds = seconds
        """Time spent in steps."""
        self.not_matrix_share = math.nan
        """Share of a step's time without matrix products; NaN until measured.

        Profiling slows down other work a little, so the share is slightly too high.
        """
        self._device = device
        self._poses_per_step = poses_per_step
        self._steps = 0
        self._timed: list[float] = []
        self._profiled: list[tuple[float, float]] = []

    @contextmanager
    def step(self) -> Iterator[None]:
        """Context of one step."""
        self._steps += 1
        if _WARM_UP < self._steps <= _WARM_UP + _PROFILED:
            with self._profile():
                yield
            return
        began = time.monotonic()
        yield
        self._timed.append(self._since(began))
        self.seconds += self._timed[-1]

    def poses_per_second(self, last: int | None = None) -> float:
        """Mean over the `last` steps of this process, or over all; profiled steps are left out. NaN without steps."""
        timed = self._timed[-last:] if last else self._timed
        return len(timed) * self._poses_per_step / sum(timed) if timed else math.nan

    @contextmanager
    def _profile(self) -> Iterator[None]:
        on_gpu = self._device.type == "cuda"
        with profile(activities=[ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]) as profiler:
            began = time.monotonic()
            yield
            took = self._since(began)
        matrix_us = sum(
            event.self_device_time_total if on_gpu else event.self_cpu_time_total
            for event in profiler.key_averages()
            if event.key in _MATRIX or "convolution" in event.key
        )
        self.seconds += took
        self._profiled.append((matrix_us / 1e6, took))
        matrix_s, all_s = (sum(column) for column in zip(*self._profiled, strict=True))
        self.not_matrix_share = 1 - matrix_s / all_s

    def _since(self, began: float) -> float:
        if self._device.type == "cuda":  # GPUs work asynchronously
            torch.cuda.synchronize(self._device)
        return time.monotonic() - began
