"""The training methods by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rtpose.train.lifters.baseline import Baseline
from rtpose.train.lifters.consistency import Consistency
from rtpose.train.lifters.settings import (
    BaselineSettings,
    ConsistencySettings,
    SvmacSettings,
    TemporalSettings,
    TrainSettings,
)
from rtpose.train.lifters.svmac import Svmac
from rtpose.train.lifters.temporal import Temporal


@dataclass(frozen=True)
class MethodKind:
    """A method and its settings."""

    settings: type[TrainSettings]
    method: Any
    """(settings, `rtpose.train.data.sets.TrainingSet`) -> `rtpose.train.lifters.method.Method`."""


METHODS = {
    "svmac": MethodKind(SvmacSettings, Svmac),
    "consistency": MethodKind(ConsistencySettings, Consistency),
    "baseline": MethodKind(BaselineSettings, Baseline),
    "temporal": MethodKind(TemporalSettings, Temporal),
}
