"""The training methods by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rtpose.train.lifters.consistency import Consistency
from rtpose.train.lifters.settings import ConsistencySettings, SvmacSettings, TrainSettings
from rtpose.train.lifters.svmac import Svmac


@dataclass(frozen=True)
class MethodKind:
    """A method and its settings."""

    settings: type[TrainSettings]
    method: Any
    """(settings, `rtpose.train.data.sets.TrainingSet`) -> `rtpose.train.lifters.method.Method`."""


METHODS = {
    "svmac": MethodKind(SvmacSettings, Svmac),
    "consistency": MethodKind(ConsistencySettings, Consistency),
}
