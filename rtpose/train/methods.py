"""The training methods by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rtpose.train.baseline import Baseline
from rtpose.train.consistency import Consistency
from rtpose.train.settings import BaselineSettings, ConsistencySettings, SvmacSettings, TemporalSettings, TrainSettings
from rtpose.train.svmac import Svmac
from rtpose.train.temporal import Temporal


@dataclass(frozen=True)
class MethodKind:
    """A method and what can be set for it."""

    settings: type[TrainSettings]
    method: Any
    """(settings, `rtpose.train.data.TrainingData`) -> `rtpose.train.method.Method`."""


METHODS = {
    "svmac": MethodKind(SvmacSettings, Svmac),
    "consistency": MethodKind(ConsistencySettings, Consistency),
    "baseline": MethodKind(BaselineSettings, Baseline),
    "temporal": MethodKind(TemporalSettings, Temporal),
}
