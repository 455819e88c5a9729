"""Settings for turning motions into 2D joints: cameras and detector noise. Does not import torch."""

from __future__ import annotations

from typing import Annotated, Protocol

import msgspec

from rtpose.config import NotNegative, Positive

Share = Annotated[float, msgspec.Meta(ge=0, lt=1)]

UNIT_PX = 103.0
"""One mean joint distance in pixels: a person 5 m from the cameras of Human3.6M (focal length 1145 px, mean joint
distance 0.45 m)."""


class CameraSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Random cameras that project motions to 2D joints."""

    elevation_deg: tuple[float, float] = (-10.0, 15.0)
    """Uniform; positive: the camera looks down."""
    roll_deg: NotNegative = 3.0
    """Standard deviation."""


class NoiseSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How exact 2D joints are changed to look like those of a detector. All zero and (1, 1): no change."""

    sigma: NotNegative = 0.01
    """Standard deviation of each joint, as a share of the person's size in the picture."""
    sigma_px: NotNegative = 0.0
    """The same in pixels, for a mean joint distance of `UNIT_PX`: N(0, px) in the papers."""
    on_all_joints: bool = False
    """Independent noise on all 17 joints, as the papers add it. False: joints that a detector derives from others
    follow them."""
    outlier_share: Share = 0.02
    """Share of outliers: joints that a detector guesses."""
    outlier_sigma: NotNegative = 0.05
    """Standard deviation of the outliers, in the unit of `sigma`."""
    clean_share: Share = 0.0
    """Share of people (of clips, in time) without noise, so that the lifter also trusts good detections."""
    gap_share: Share = 0.0
    """Probability that an arm, a leg or both legs are hidden (a desk, the edge of the picture) and guessed: the limb
    then gets the directions of another person's limb."""
    hip_width: tuple[float, float] = (0.95, 1.3)
    """Range of the factor from motion capture's hip width to the detector's. For BlazePose, 1.11 was measured on
    rendered people: 0.853 of anny's hip width, which is 1.3 times that of CMU."""
    shoulder_width: tuple[float, float] = (0.82, 1.0)
    """The same for the shoulders; 0.89 was measured."""


EXACT = NoiseSettings(sigma=0, outlier_share=0, hip_width=(1, 1), shoulder_width=(1, 1))
"""The joints exactly as in the data set. The papers train on these."""


class TimeNoiseSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the noise of `NoiseSettings` changes from frame to frame. Except for `level`, nothing here changes what a
    single frame looks like. Values are drawn uniformly from the ranges, once per clip."""

    jitter_share: tuple[float, float] = (0.2, 1.0)
    """Share of the variance that is independent in each frame; the rest is slowly changing noise, AR(1)."""
    correlation_s: tuple[float, float] = (0.1, 0.6)
    """Time after which the correlation of the slow noise falls to 1/e."""
    outlier_s: Positive = 0.15
    """Mean time between random draws of whether a joint is an outlier (`outlier_share`)."""
    level: tuple[float, float] = (0.0, 1.2)
    """Factor on the noise."""


class SamplingSettings(Protocol):
    """What a training set needs to draw batches of single frames. The lifters' settings have it."""

    @property
    def cameras(self) -> CameraSettings: ...

    @property
    def noise(self) -> NoiseSettings: ...

    @property
    def seed(self) -> int: ...
