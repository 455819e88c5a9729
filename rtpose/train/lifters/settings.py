"""Settings of the lifters' trainings. The defaults are the papers' values where two cores allow. Does not import
torch."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from rtpose.config import Count, Positive
from rtpose.train.data.settings import CameraSettings, NoiseSettings, Share


class TrainSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings of every lifter's training."""

    width: Count = 512
    """The usual 1024 takes four times as long; the default suits two cores."""
    distance: Positive = 10.0
    """c, the person's distance from the camera in mean joint distances."""
    batch_size: Annotated[int, msgspec.Meta(ge=2)] = 256
    """At least 2, for batch normalisation."""
    steps: Count = 8000
    learning_rate: Positive = 2e-4
    """The papers' 5.5e-5 and 8e-5 need far more steps than two cores can run."""
    final_learning_rate: Positive = 2e-6
    """Reached by cosine decay at the last step."""
    betas: tuple[float, float] = (0.9, 0.999)
    ema_decay: Share = 0.999
    """Decay of the weight averaging. The averaged weights are validated and shipped. 0 turns it off."""
    validate_every: Count = 500
    choose_by: Literal["p_mpjpe_mm", "mpjpe_mm"] = "p_mpjpe_mm"
    """The validation error that chooses the best weights. Tables choose by the error that they print."""
    patience: Annotated[int, msgspec.Meta(ge=0)] = 10
    """Stop after this many validations in a row without a better error. 0: never stop early."""
    seed: int = 0
    networks: Count = 1
    """Train this many networks one after the other, with the seeds `seed`, `seed` + 1, …: the lifter is their mean."""
    cameras: CameraSettings = CameraSettings()
    noise: NoiseSettings = NoiseSettings()


class SvmacWeights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Weights of the losses: lambda 1 to 5 of Eq. 24, as printed in Section 3.5, and that of WGAN-GP."""

    adversarial: float = 1.0
    angle: float = 1.0
    camera: float = 1.0
    symmetry: float = 0.01
    consistency_3d: float = 0.1
    svmac: float = 10.0
    gradient_penalty: float = 10.0
    """WGAN-GP's usual value; the paper does not print it."""
    supervised: float = 1.0
    """For the variant with `supervised_share`: weight of the mean depth error. The paper does not print it; Table 4
    here uses 30."""


class SvmacSettings(TrainSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`rtpose train svmac`."""

    angles: Annotated[int, msgspec.Meta(ge=1, le=3)] = 2
    """n, the number of viewing angles that the generator must be consistent over (1, 2 or 3)."""
    dropout: Share = 0.0
    """The paper uses dropout but does not print its rate. Dropout makes the 2D poses of several angles disagree."""
    reprojection_alone: bool = True
    """n = 1 keeps the term of Eq. 15 that compares the estimate's projection with the input."""
    flip_averaging: bool = False
    """See `ConsistencySettings`."""
    adversarial_steps: Annotated[int, msgspec.Meta(ge=0)] | None = None
    """The adversarial loss has c times Eq. 24's weight in these first steps; None: in all. The critic sees points c
    times as large as Eq. 16's, without which it hardly learns, and its gradient is as much larger. At Eq. 24's balance
    the consistency losses pull n = 2 away from real poses (RESULTS.md)."""
    discriminator: bool = True
    """False: Table 4's "w/o Disc"."""
    critic_steps: Count = 1
    """Critic updates per generator update; not given in the paper."""
    supervised_share: Share = 0.0
    """Share of the frames with depth labels: 0.05 is the last row of Table 4. 0: training sees no 3D data."""
    betas: tuple[float, float] = (0.7, 0.9)
    weights: SvmacWeights = SvmacWeights()


class ConsistencyWeights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Weights of the losses: lambda of Eq. 13, and that of the critic's gradient penalty."""

    angle: float = 1.0
    gradient_penalty: float = 10.0
    """The paper uses the Wasserstein loss without saying how it keeps the Lipschitz bound; WGAN-GP trains stably."""


class ConsistencySettings(TrainSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`rtpose train consistency`."""

    flip_averaging: bool = False
    """Validate and ship a lifter that averages its output with that of the mirrored joints. Training does not
    change."""
    synchronous: bool = True
    """Train the reprojection network with the critic (Section 3.4). False: with the input's 2D joints ("Sep")."""
    weighted_kcs: bool = True
    """Weight the kinematic chain space by bone distances (Eq. 5 and 6)."""
    paired: bool = True
    """The critic's real poses are the labels of the poses it judges, rotated by the same angle (Section 3.7). False:
    labels of other frames, rotated by other angles."""
    reprojection_rate: Positive = 0.1
    """Factor on the reprojection network's learning rate: it starts close to the solution."""
    dropout: Share = 0.0
    """The paper uses dropout but does not print its rate."""
    critic_steps: Count = 1
    learning_rate: Positive = 1e-3
    """Gives 66 mm P-MPJPE on the validation subjects after fewer steps; 2e-4 gives 70 mm."""
    final_learning_rate: Positive = 1e-5
    betas: tuple[float, float] = (0.0, 0.9)
    weights: ConsistencyWeights = ConsistencyWeights()
