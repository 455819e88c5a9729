"""What `rtpose eval --input` feeds to a lifter: exact, noisy or detector-like 2D joints."""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec

from rtpose.errors import ConfigError
from rtpose.train.data.settings import EXACT, NoiseSettings, TimeNoiseSettings

AS_IN_VIDEO = TimeNoiseSettings(jitter_share=(0.3, 0.3), correlation_s=(0.3, 0.3), outlier_s=0.15, level=(1, 1))
"""How noise changes from frame to frame in `detected-video`, where each clip has one body. Each single frame looks like
one of `detected`."""


@dataclass(frozen=True)
class InputKind:
    """The 2D joints that a lifter is given: `gt`, `noise:PX`, `noise-all:PX`, `detected` or `detected-video`."""

    name: str
    noise: NoiseSettings
    in_time: TimeNoiseSettings | None = None
    """None: every frame has its own body and its own noise."""

    @classmethod
    def parse(cls, text: str) -> InputKind:
        """Errors: `ConfigError` for anything else."""
        if text == "gt":
            return cls(text, EXACT)
        if text == "detected":
            return cls(text, NoiseSettings())
        if text == "detected-video":
            return cls(text, NoiseSettings(), AS_IN_VIDEO)
        if match := re.fullmatch(r"noise(-all)?:(\d+(?:\.\d+)?)", text):
            noise = msgspec.structs.replace(EXACT, sigma_px=float(match[2]), on_all_joints=match[1] is not None)
            return cls(text, noise)
        raise ConfigError(
            f"unknown input '{text}': choose gt, detected, detected-video, noise:PX or noise-all:PX (on all joints, as "
            "the papers do), for example noise:10"
        )
