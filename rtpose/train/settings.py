"""What can be set for a training, with the papers' values as defaults where two cores allow. No torch in here."""

from __future__ import annotations

import msgspec


class CameraSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The random cameras that make 2D joints of motions."""

    elevation_deg: tuple[float, float] = (-10.0, 15.0)
    """Uniform; positive looks down."""
    roll_deg: float = 3.0
    """Standard deviation."""


class NoiseSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How detector-like the 2D joints are made. All zero and (1, 1) gives motion capture's own joints."""

    sigma: float = 0.01
    """Standard deviation of each joint, in shares of the person's extent in the picture."""
    outlier_share: float = 0.02
    """Share of joints that a detector only guesses."""
    outlier_sigma: float = 0.05
    """Their standard deviation, in the same unit."""
    hip_width: tuple[float, float] = (0.95, 1.3)
    """Range of the factor by which the detector's hips are further apart than motion capture's. BlazePose's were
    measured on rendered people (0.853 of anny's joints, whose hips are 1.3 times as wide as CMU's): 1.11."""
    shoulder_width: tuple[float, float] = (0.82, 1.0)
    """The same of the shoulders: 0.89."""


class LossWeights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """lambda 1 to 5 of Eq. 24, as printed in Section 3.5, and WGAN-GP's."""

    adversarial: float = 1.0
    angle: float = 1.0
    camera: float = 1.0
    symmetry: float = 0.01
    consistency_3d: float = 0.1
    svmac: float = 10.0
    gradient_penalty: float = 10.0
    """WGAN-GP's usual value; the paper does not print it."""


class SvmacSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`rtpose train svmac`."""

    angles: int = 2
    """n, how many views the generator is made consistent over (1, 2 or 3)."""
    width: int = 512
    dropout: float = 0.0
    distance: float = 10.0
    """c, the person's distance in mean joint distances."""
    normalise_reprojections: bool = True
    """Bring reprojections to the same mean joint distance as the data (Section 3) before the generator and the
    critic see them. Otherwise their size alone, smaller for bodies seen from the side, gives them away."""
    discriminator: bool = True
    """False: Table 4's "w/o Disc"."""
    critic_steps: int = 1
    """Critic updates for each generator update; the paper does not say."""
    batch_size: int = 256
    steps: int = 8000
    learning_rate: float = 2e-4
    """The paper's 5.5e-5 is for many more steps than two cores can do."""
    final_learning_rate: float = 2e-6
    """Reached by cosine decay at the last step."""
    betas: tuple[float, float] = (0.7, 0.9)
    ema_decay: float = 0.999
    """Weight averaging; the averaged weights are validated and shipped. 0 turns it off."""
    validate_every: int = 500
    seed: int = 0
    cameras: CameraSettings = CameraSettings()
    noise: NoiseSettings = NoiseSettings()
    weights: LossWeights = LossWeights()

    def __post_init__(self) -> None:
        if not 1 <= self.angles <= 3:
            raise ValueError("angles must be 1, 2 or 3")
        if min(self.steps, self.batch_size, self.validate_every, self.critic_steps) < 1:
            raise ValueError("steps, batch_size, validate_every and critic_steps must be at least 1")
