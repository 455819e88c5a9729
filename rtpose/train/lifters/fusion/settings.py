"""Settings of `rtpose train fusion`. Does not import torch."""

from __future__ import annotations

from typing import Annotated

import msgspec

from rtpose.config import Count, NotNegative, Positive
from rtpose.train.data.settings import Share


class BodySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How bodies and motions are varied."""

    bone_sd: NotNegative = 0.06
    """Standard deviation of each bone's factor, clipped at twice that."""
    hip_width: tuple[Positive, Positive] = (0.95, 1.5)
    """Motion capture's hips are joint centres, 17 cm apart; detectors place them further apart."""
    mirror: bool = True
    mixed_legs: Share = 0.3
    """Share of people with the legs of another motion."""
    seated: Share = 0.05
    """Share of people whose thighs point forward, as on a chair."""


class ViewSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where cameras stand."""

    distance_m: tuple[Positive, Positive] = (1.2, 12.0)
    """From the middle of the clip, uniform in its logarithm."""
    usual_elevation_deg: tuple[float, float] = (14.0, 16.0)
    """Mean and standard deviation of most cameras; positive looks down."""
    any_elevation_deg: tuple[float, float] = (-25.0, 60.0)
    """Range of the other cameras."""
    any_share: Share = 0.5
    """Share of the other cameras."""
    nearest_m: Positive = 0.35
    """No joint comes closer to the camera."""


class ErrorSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Sizes of a detector's errors, relative to the person's size in the picture (the mean distance of the joints from
    the root)."""

    noise: tuple[Positive, Positive] = (0.012, 0.13)
    """Range of each person's own level of noise in the 2D joints, uniform in its logarithm."""
    bias: NotNegative = 0.02
    """Standard deviation of each joint's constant offset."""
    outliers: Share = 0.02
    missing: Share = 0.03
    without_ends: Share = 0.15
    """Share of people seen by a detector without feet and hands, as with COCO's 17 joints."""
    swapped: Share = 0.04
    """Share of frames with left and right swapped, in clips of more than one frame."""
    own: Share = 0.5
    """Share of people with the detector's own 3D."""
    own_depth_m: NotNegative = 0.06
    own_plane_m: NotNegative = 0.02
    own_tilt_deg: NotNegative = 10.0
    own_turn_deg: NotNegative = 12.0
    """About the body's own axis, legs and trunk separately."""
    own_flat: tuple[Positive, Positive] = (0.45, 1.1)
    """Range of the factor on its depths."""
    own_flips: Share = 0.05
    """Share of frames in which a limb's depth is reversed."""


class PhaseSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One of the two phases of training; these are the defaults of the first, single frames."""

    steps: Count = 5000
    batch_size: Count = 256
    """People."""
    learning_rate: Positive = 1e-3
    """Decays as a cosine to a hundredth of this."""
    ema_decay: Share = 0.998


class ClipPhaseSettings(PhaseSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The second phase."""

    steps: Count = 1200
    batch_size: Count = 48
    learning_rate: Positive = 1.5e-3
    ema_decay: Share = 0.995


class FusionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`rtpose train fusion`: a perceptron that sees one frame, then a recurrent layer on top of it."""

    width: Count = 384
    blocks: Count = 2
    memory: Count = 192
    """Width of the recurrent layer."""
    glance: Count = 160
    """How much of a frame's trunk output the recurrent layer sees."""
    frames: PhaseSettings = PhaseSettings()
    clips: ClipPhaseSettings = ClipPhaseSettings()
    clip_frames: Annotated[int, msgspec.Meta(ge=3)] = 16
    frame_rates_hz: tuple[Positive, ...] = (60.0, 60.0, 30.0, 30.0, 30.0, 25.0, 15.0, 10.0, 10.0, 6.0)
    """One is drawn for each clip."""
    dropped: Share = 0.02
    """Share of frames that never arrive."""
    acceleration: NotNegative = 0.02
    """Weight of the acceleration error, which is visible as jitter."""
    exercises: Share = 0.4
    """Share of people who do generated exercises, if the folder has `exercises.npz`."""
    error_factor: Positive = 1.5
    """Factor on the predicted errors, which are too small on people outside the simulation. The best is 1.6 on rendered
    people seen by the landmark networks, 1.4 on real ones."""
    save_every: Count = 500
    seed: int = 0
    bodies: BodySettings = BodySettings()
    views: ViewSettings = ViewSettings()
    errors: ErrorSettings = ErrorSettings()
    """In the first phase."""
    clip_errors: ErrorSettings = ErrorSettings(noise=(0.006, 0.05), bias=0.03)
    """In the second phase: with as much noise as in the first, memory trusts the past too much."""
