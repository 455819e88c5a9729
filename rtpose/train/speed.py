"""How fast a training is, and how much of a step is spent on anything but matrix products."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.profiler import ProfilerActivity, profile

os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # the profiler tells of each start on stderr

_WARM_UP, _PROFILED = 5, 3
_MATRIX = ("aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm")
"""What `nn.Linear`, `@` and their gradients come down to. Convolutions count as well, whatever computes them."""


class Speed:
    """Times the steps of a training. Steps 6 to 8 of a process are profiled: a look at them, not a trace to keep."""

    def __init__(self, device: torch.device, poses_per_step: int, seconds: float = 0.0) -> None:
        """poses_per_step: of all processes together. seconds: spent before a training was resumed."""
        self.seconds = seconds
        """Spent in steps."""
        self.not_matrix_share = math.nan
        """Share of a step's time in which no matrix product ran; NaN before it was measured.

        The steps are timed while profiled, which makes what is not matrix work a little slower.
        """
        self._device = device
        self._poses_per_step = poses_per_step
        self._steps = 0
        self._timed: list[float] = []
        self._profiled: list[tuple[float, float]] = []

    @contextmanager
    def step(self) -> Iterator[None]:
        """Around every step."""
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
        """Of this process's last so many steps, else of all; those profiled left out. NaN without any."""
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
        if self._device.type == "cuda":  # which works behind the program's back
            torch.cuda.synchronize(self._device)
        return time.monotonic() - began
