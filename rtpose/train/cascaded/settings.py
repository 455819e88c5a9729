"""What can be set for a training of `cascaded`; the paper's values are the defaults. No torch in here."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from rtpose.pose.cascaded.crop_codec import CropCodec
from rtpose.train.settings import Count, NotNegative, Positive, Share


class NetworkSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """See `rtpose.modules.cascaded.Cascaded`."""

    variant: Literal["baseline", "jh", "bj", "full"] = "full"
    """The rows of Table 4."""
    input_px: Count = 256
    depth_channels: Count = 64
    """C; heatmaps have a quarter of the input's side."""
    trunk: Literal["resnet18", "resnet34", "resnet50", "blazepose"] = "resnet50"
    """blazepose: the first layers of its landmark network, which begin with what they learned on real pictures."""
    trunk_width: Positive = 1.0
    """Factor on a ResNet's channels."""
    width: Count = 256
    """Channels of the branches; not printed in the paper, its baseline's is 256."""
    lift_width: Count = 1024
    dropout: Share = 0.5
    """Of the lifting block; not printed, its model (Martinez et al. 2017) has 0.5."""
    scale_branch: bool = False
    """Poses of 1.077 m from neck to knee, and a branch for their size (Eq. 10). Off, as in the paper in the end."""


class TargetSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the labels are drawn."""

    joint_sigma_px: Positive = 2.0
    """Of the joints' heatmaps, in their pixels."""
    bone_sigma_px: tuple[Positive, Positive] = (6.0, 2.0)
    """Of the bones' heatmaps, in the first epoch and from `bone_sigma_epochs` on, linear between. The paper says
    that it shrinks by the epoch, not how."""
    bone_sigma_epochs: Count = 10
    depth_range_m: Positive = 2.0
    ordinal_from: Positive = 0.5
    """The ordinal loss (Eq. 4) looks at the pixels where a joint's heatmap is at least this."""


class LossWeights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Not printed in the paper. Heatmap losses are sums over pixels, means over the channels that are labelled: in
    the beginning three to seven times as large as the coordinates' loss, which they must not drown."""

    joints: NotNegative = 0.1
    """Eq. 2, joint heatmaps."""
    bones: NotNegative = 0.02
    """Eq. 2, bone heatmaps: a bone covers more pixels than a joint."""
    volume: NotNegative = 0.05
    """Eq. 3."""
    ordinal: NotNegative = 0.5
    """Eq. 4."""
    coordinates: NotNegative = 1.0
    """|x|, |y|, |z| of the 2.5D joints in voxels, as in the baseline (Moon et al. 2019)."""


class AugmentSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is done to the crops. Rotation, flip and occlusion are the paper's."""

    rotation_deg: NotNegative = 30.0
    """Largest turn, uniform."""
    rotation_share: Share = 0.6
    """Of the pictures that are turned."""
    flip: bool = True
    scale: NotNegative = 0.2
    """Largest relative change of the square's side, uniform."""
    shift: NotNegative = 0.06
    """Largest shift in shares of the square's side: a detector's boxes are not exact either."""
    colour: NotNegative = 0.2
    """Largest relative change of each colour channel's strength."""
    occlusion_share: Share = 0.5
    """Of the pictures that get a patch of noise or plain colour over 1 to 25 % of them."""


class StageSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One training stage. An epoch is a number of steps: rendered people have no end."""

    epochs: Count = 20
    steps_per_epoch: Count = 2000
    learning_rate: Positive = 1e-3
    schedule: Literal["step", "cosine"] = "step"
    """step: a tenth of the rate from epoch `drop_epoch` on, as in the paper. cosine: down to a hundredth."""
    drop_epoch: Count = 17
    warmup_steps: Annotated[int, msgspec.Meta(ge=0)] = 0
    """The rate rises linearly at first: a trunk that starts from nothing wants it."""
    growing: tuple[tuple[Count, Count], ...] = ()
    """(side in pixels, last epoch) of smaller pictures to begin with, in order: a network that starts from nothing
    sees more people in the same time (progressive resizing, as in EfficientNetV2, Tan & Le 2021). Sides are
    multiples of 32."""

    def __post_init__(self) -> None:
        """Errors: `ValueError` for sides that the trunk cannot take."""
        for side, _ in self.growing:
            if side % 32:
                raise ValueError(f"pictures of {side} px cannot be learned from: growing wants multiples of 32")

    def picture_px(self, epoch: int, full_px: int) -> int:
        """The pictures' side in epoch 0, 1, …."""
        return next((side for side, last in self.growing if epoch < last), full_px)


class CascadedSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`rtpose train cascaded`."""

    network: NetworkSettings = NetworkSettings()
    targets: TargetSettings = TargetSettings()
    weights: LossWeights = LossWeights()
    augment: AugmentSettings = AugmentSettings()
    stage_one: StageSettings = StageSettings()
    """All but the lifting block."""
    stage_two: StageSettings = StageSettings()
    """The lifting block alone, on 3D data."""
    early_lifting: bool = True
    """Train the lifting block in stage one too, on 2.5D joints that are cut off from the rest of the network: nothing
    else changes, it costs next to nothing, and the validation error means something from the start."""
    batch_size: Annotated[int, msgspec.Meta(ge=2)] = 64
    share_2d: Share = 0.5
    """Of each batch, from data with 2D labels alone where `--data-2d` names some; their z loss is zero."""
    imagenet: str | None = None
    """A file of ImageNet weights for a ResNet (.pth or .safetensors, names as torchvision's)."""
    trunk_learns: Literal["all", "late", "nothing"] = "all"
    """Which of the trunk's convolutions do not stay as they were loaded. late: of blazepose, the 1x1 convolutions on
    its smallest maps (see `BlazePoseTrunk.late`)."""
    trunk_rate: Positive = 1.0
    """Factor on the learning rate for the trunk: less for one that was learned elsewhere already."""
    trunk_from_epoch: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Its convolutions stand still in the epochs of stage one before this: branches that know nothing yet would pull
    learned features apart (Kumar et al. 2022, "Fine-Tuning can Distort Pretrained Features")."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto: a GPU where torch finds one."""
    bf16: Literal["auto", "on", "off"] = "auto"
    """Mixed precision; auto: where the processor has bfloat16 (1.6 times as fast on one core of an AMD Zen 4)."""
    ema_decay: Share = 0.999
    """Weight averaging; the averaged weights are validated and shipped. 0 turns it off."""
    validate_every: Count = 1000
    validation_people: Count = 500
    """At most so many people of the validation pictures, spread over them, are looked at each time."""
    seed: int = 0

    def __post_init__(self) -> None:
        """Errors: `ValueError` for pictures that grow beyond the network's, or are not whole in the end."""
        sides = [side for stage in (self.stage_one, self.stage_two) for side, _ in stage.growing]
        if any(side > self.network.input_px for side in sides):
            raise ValueError(f"growing to {max(sides)} px: the network's pictures have {self.network.input_px}")
        if any(last >= self.stage_two.epochs for _, last in self.stage_two.growing):
            raise ValueError("stage_two.growing leaves no epoch with whole pictures, whose weights could be kept")

    def codec(self) -> CropCodec:
        """The network's sizes."""
        size = self.network.input_px
        return CropCodec(size, size // 4, self.network.depth_channels, self.targets.depth_range_m)
