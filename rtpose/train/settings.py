"""What can be set for a training, with the papers' values as defaults where two cores allow. No torch in here."""

from __future__ import annotations

from typing import Annotated

import msgspec

Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(ge=0, lt=1)]
Count = Annotated[int, msgspec.Meta(ge=1)]


UNIT_PX = 103.0
"""Pixels of one mean joint distance: of someone 5 m from Human3.6M's cameras (focal length 1145 px, mean joint distance
0.45 m)."""


class CameraSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The random cameras that make 2D joints of motions."""

    elevation_deg: tuple[float, float] = (-10.0, 15.0)
    """Uniform; positive looks down."""
    roll_deg: NotNegative = 3.0
    """Standard deviation."""


class NoiseSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How detector-like the 2D joints are made. All zero and (1, 1) gives motion capture's own joints."""

    sigma: NotNegative = 0.01
    """Standard deviation of each joint, in shares of the person's extent in the picture."""
    sigma_px: NotNegative = 0.0
    """The same in pixels of a picture in which the mean joint distance is `UNIT_PX`: the papers' N(0, px)."""
    outlier_share: Share = 0.02
    """Share of joints that a detector only guesses."""
    outlier_sigma: NotNegative = 0.05
    """Their standard deviation, in the same unit."""
    clean_share: Share = 0.0
    """Share of the people (of motions: the clips) whose joints are found without noise: good detections are not to be
    distrusted for nothing."""
    gap_share: Share = 0.0
    """Chance that a detector does not see an arm, a leg or both legs (a desk, the picture's edge) and guesses it: the
    limb then has another person's directions."""
    hip_width: tuple[float, float] = (0.95, 1.3)
    """Range of the factor by which the detector's hips are further apart than motion capture's. BlazePose's were
    measured on rendered people (0.853 of anny's joints, whose hips are 1.3 times as wide as CMU's): 1.11."""
    shoulder_width: tuple[float, float] = (0.82, 1.0)
    """The same of the shoulders: 0.89."""


EXACT = NoiseSettings(sigma=0, outlier_share=0, hip_width=(1, 1), shoulder_width=(1, 1))
"""The joints as the data set gives them, on which the papers train."""


class TrainSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every training has."""

    width: Count = 512
    """The usual 1024 takes four times as long; two cores are what most people have."""
    distance: Positive = 10.0
    """c, the person's distance in mean joint distances."""
    batch_size: Annotated[int, msgspec.Meta(ge=2)] = 256
    """At least 2, for batch normalisation."""
    steps: Count = 8000
    learning_rate: Positive = 2e-4
    """The papers' 5.5e-5 and 8e-5 are for many more steps than two cores can do."""
    final_learning_rate: Positive = 2e-6
    """Reached by cosine decay at the last step."""
    betas: tuple[float, float] = (0.9, 0.999)
    ema_decay: Share = 0.999
    """Weight averaging; the averaged weights are validated and shipped. 0 turns it off."""
    validate_every: Count = 500
    patience: Annotated[int, msgspec.Meta(ge=0)] = 10
    """Stop after so many validations in a row without a better P-MPJPE. 0: never before `steps`."""
    seed: int = 0
    cameras: CameraSettings = CameraSettings()
    noise: NoiseSettings = NoiseSettings()

    @property
    def poses_per_step(self) -> int:
        """What a step is fed."""
        return self.batch_size


class SvmacWeights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """lambda 1 to 5 of Eq. 24, as printed in Section 3.5, and WGAN-GP's."""

    adversarial: float = 1.0
    angle: float = 1.0
    camera: float = 1.0
    symmetry: float = 0.01
    consistency_3d: float = 0.1
    svmac: float = 10.0
    gradient_penalty: float = 10.0
    """WGAN-GP's usual value; the paper does not print it."""
    supervised: float = 1.0
    """Of the variant with `supervised_share`, on the mean distance of the depths. The paper does not print it; it is
    30 in Table 4 here."""


class SvmacSettings(TrainSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`rtpose train svmac`."""

    angles: Annotated[int, msgspec.Meta(ge=1, le=3)] = 2
    """n, how many views the generator is made consistent over (1, 2 or 3)."""
    dropout: Share = 0.0
    """The paper has dropout but not its rate. With it, the 2D poses of several angles disagree by chance."""
    normalise_reprojections: bool = True
    """Bring reprojections to the same mean joint distance as the data (Section 3) before the generator and the
    critic see them. Otherwise their size alone, smaller for bodies seen from the side, gives them away."""
    discriminator: bool = True
    """False: Table 4's "w/o Disc"."""
    critic_steps: Count = 1
    """Critic updates for each generator update; the paper does not say."""
    supervised_share: Share = 0.0
    """Share of the frames whose depth is told, too: 0.05 is Table 4's last row. 0: no 3D number is in reach."""
    betas: tuple[float, float] = (0.7, 0.9)
    weights: SvmacWeights = SvmacWeights()


class ConsistencyWeights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """lambda of Eq. 13, and what keeps the critic Lipschitz."""

    angle: float = 1.0
    gradient_penalty: float = 10.0
    """The paper names the Wasserstein loss but not how its Lipschitz bound is kept: WGAN-GP's penalty trains stably."""


class ConsistencySettings(TrainSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`rtpose train consistency`."""

    flip_averaging: bool = False
    """As of `BaselineSettings`."""
    synchronous: bool = True
    """Train the reprojection network by the critic (Section 3.4), False: by the input's 2D joints ("Sep")."""
    weighted_kcs: bool = True
    """Weigh the kinematic chain space by bone distances (Eq. 5 and 6)."""
    dropout: Share = 0.0
    """The paper has dropout but not its rate."""
    critic_steps: Count = 1
    learning_rate: Positive = 1e-3
    """66 instead of 70 mm P-MPJPE on the validation subjects, after fewer steps than with 2e-4."""
    final_learning_rate: Positive = 1e-5
    betas: tuple[float, float] = (0.0, 0.9)
    weights: ConsistencyWeights = ConsistencyWeights()


class BaselineSettings(TrainSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`rtpose train baseline`: what labels would give."""

    flip_averaging: bool = False
    """The lifter that is validated and shipped averages its answer with that to the mirrored joints; training itself
    is not changed."""
    dropout: Share = 0.1
    learning_rate: Positive = 1e-3
    final_learning_rate: Positive = 1e-6


class TimeNoiseSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the noise of `NoiseSettings` goes on from frame to frame. Each frame alone looks the same whatever is set
    here but `level`. Ranges are drawn from once per clip, uniformly."""

    jitter_share: tuple[float, float] = (0.2, 1.0)
    """Share of the variance that is new in each frame; the rest is a slow error, AR(1)."""
    correlation_s: tuple[float, float] = (0.1, 0.6)
    """After this time the slow error still correlates by 1/e with what it was."""
    outlier_s: Positive = 0.15
    """A joint stays guessed (`outlier_share`), or well seen, until a moment that comes once in this time on average,
    when it is drawn anew."""
    level: tuple[float, float] = (0.0, 1.2)
    """Factor of the noise's size."""


class TemporalWeights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of the terms besides the distance of the 3D joints from the truth, all in mean joint distances."""

    velocity: NotNegative = 2.0
    """Distance of the joints' movements from one frame to the next."""
    acceleration: NotNegative = 6.0
    """The same of the change of these movements: what is seen as trembling."""
    points_2d: NotNegative = 0.5
    """Distance of the corrected 2D joints."""


class TemporalSettings(TrainSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`rtpose train temporal`: a causal temporal network on top of a single-frame one."""

    init_from: str | None = "baseline"
    """The trunk: a shipped lifter's name or the .onnx file of `rtpose train baseline`. It stays as it is, and the
    temporal part is trained. None: a trunk of `width` is trained together with it."""
    width: Count = 256
    """Channels of the convolutions over time, and of a trunk that is not taken from a file."""
    kernel: Annotated[int, msgspec.Meta(ge=2)] = 3
    dilations: tuple[Count, ...] = (1, 3, 9)
    """Of the convolutions, in frames: with kernel 3 a receptive field of 27 frames, 0.9 s at 30 Hz."""
    clip_frames: Annotated[int, msgspec.Meta(ge=3)] = 54
    strides: tuple[Positive, ...] = (0.5, 1.0, 2.0, 3.0)
    """Every so many frames of the pack's 30 Hz, drawn for each clip: trained for 60, 30, 15 and 10 a second."""
    batch_size: Annotated[int, msgspec.Meta(ge=2)] = 24
    """Clips."""
    steps: Count = 4000
    learning_rate: Positive = 1e-3
    final_learning_rate: Positive = 1e-6
    ema_decay: Share = 0.99
    noise: NoiseSettings = NoiseSettings(clean_share=0.5)
    time_noise: TimeNoiseSettings = TimeNoiseSettings()
    weights: TemporalWeights = TemporalWeights()

    @property
    def poses_per_step(self) -> int:
        """What a step is fed."""
        return self.batch_size * self.clip_frames
