"""Settings of the training of `cascaded`. The defaults are the paper's values. Does not import torch."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from rtpose.config import Count, NotNegative, Positive
from rtpose.pose.cascaded.crop_codec import CropCodec
from rtpose.train.data.settings import Share


class NetworkSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """See `rtpose.modules.cascaded.Cascaded`."""

    variant: Literal["baseline", "jh", "bj", "full"] = "full"
    """The rows of Table 4."""
    input_px: Count = 256
    depth_channels: Count = 64
    """C. The side of the heatmaps is a quarter of the input's."""
    trunk: Literal["resnet18", "resnet34", "resnet50", "blazepose"] = "resnet50"
    """blazepose: the first layers of its landmark network, pretrained on real pictures."""
    trunk_width: Positive = 1.0
    """Factor on a ResNet's channels."""
    width: Count = 256
    """Channels of the branches. Not printed in the paper; its baseline has 256."""
    lift_width: Count = 1024
    dropout: Share = 0.5
    """Dropout of the lifting block. Not printed; the block of Martinez et al. 2017 has 0.5."""
    scale_branch: bool = False
    """Scale poses to 1.077 m from neck to knee, with a branch for their size (Eq. 10). Off, as in the paper's
    results."""


class TargetSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sizes of the training targets."""

    joint_sigma_px: Positive = 2.0
    """Sigma of the joint heatmaps, in heatmap pixels."""
    bone_sigma_px: tuple[Positive, Positive] = (6.0, 2.0)
    """Sigma of the bone heatmaps in the first epoch, and from `bone_sigma_epochs` on, linear in between. The paper says
    that it shrinks with the epochs, but not how."""
    bone_sigma_epochs: Count = 10
    depth_range_m: Positive = 2.0
    ordinal_from: Positive = 0.5
    """The ordinal loss (Eq. 4) covers the pixels where a joint's heatmap has at least this value."""


class LossWeights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Weights of the losses, not printed in the paper. Heatmap losses are sums over pixels and means over labelled
    channels: at first they are three to seven times as large as the coordinate loss and must not dominate it."""

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
    """Augmentation of the crops. Rotation, flip and occlusion are from the paper."""

    rotation_deg: NotNegative = 30.0
    """Largest rotation; uniform."""
    rotation_share: Share = 0.6
    """Share of rotated crops."""
    flip: bool = True
    scale: NotNegative = 0.2
    """Largest relative change of the square's side; uniform."""
    shift: NotNegative = 0.06
    """Largest shift as a share of the square's side, since a detector's boxes are not exact."""
    colour: NotNegative = 0.2
    """Largest relative change of each colour channel."""
    occlusion_share: Share = 0.5
    """Share of crops with a patch of noise or plain colour over 1 to 25 % of the area."""


class StageSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One training stage. An epoch is a fixed number of steps."""

    epochs: Count = 20
    steps_per_epoch: Count = 2000
    learning_rate: Positive = 1e-3
    schedule: Literal["step", "cosine"] = "step"
    """step: a tenth of the rate from epoch `drop_epoch` on, as in the paper. cosine: decay to a hundredth."""
    drop_epoch: Count = 17
    warmup_steps: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Steps of linear warm-up, for a trunk without pretrained weights."""
    growing: tuple[tuple[Count, Count], ...] = ()
    """(side in pixels, last epoch) of smaller pictures at the start, in order: an untrained network sees more people in
    the same time (progressive resizing, as in EfficientNetV2, Tan & Le 2021). Sides are multiples of 32."""

    def __post_init__(self) -> None:
        """Errors: `ValueError` for sides that the trunk does not support."""
        for side, _ in self.growing:
            if side % 32:
                raise ValueError(f"pictures of {side} px are not supported: growing takes multiples of 32")

    def picture_px(self, epoch: int, full_px: int) -> int:
        """Side of the pictures in epoch 0, 1, …"""
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
    """Only the lifting block, on 3D data."""
    early_lifting: bool = True
    """Also train the lifting block in stage one, on detached 2.5D joints. This costs almost nothing, changes nothing
    else, and makes the validation error meaningful from the start."""
    batch_size: Annotated[int, msgspec.Meta(ge=2)] = 64
    share_2d: Share = 0.5
    """Share of each batch from `--data-2d`, if given: pictures with only 2D labels. Their z loss is zero."""
    imagenet: str | None = None
    """A file of ImageNet weights for a ResNet (.pth or .safetensors, with torchvision's names)."""
    trunk_learns: Literal["all", "late", "nothing"] = "all"
    """Which convolutions of the trunk are trained. late: for blazepose, the 1x1 convolutions on its smallest maps (see
    `BlazePoseTrunk.late`)."""
    trunk_rate: Positive = 1.0
    """Factor on the trunk's learning rate; below 1 for a pretrained trunk."""
    trunk_from_epoch: Annotated[int, msgspec.Meta(ge=0)] = 0
    """The trunk's convolutions are frozen in stage one before this epoch: untrained branches would distort pretrained
    features (Kumar et al. 2022, "Fine-Tuning can Distort Pretrained Features")."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto: a GPU if torch finds one."""
    bf16: Literal["auto", "on", "off"] = "auto"
    """Mixed precision. auto: if the CPU has bfloat16 (1.6 times as fast on one core of an AMD Zen 4)."""
    ema_decay: Share = 0.999
    """Decay of the weight averaging. The averaged weights are validated and shipped. 0 turns it off."""
    validate_every: Count = 1000
    validation_people: Count = 500
    """Most people in each validation, spread over the pictures."""
    native_pictures: bool = False
    """For the trunk blazepose: pictures have twice the side, so the trunk need not enlarge them."""
    flip_averaging: bool = False
    """The written file averages its output with that for the mirrored picture. Takes twice the time."""
    seed: int = 0

    def __post_init__(self) -> None:
        """Errors: `ValueError` for pictures that grow beyond the network's input or never reach it, and for native
        pictures with another trunk."""
        if self.native_pictures and self.network.trunk != "blazepose":
            raise ValueError("native_pictures is for network.trunk=blazepose, the only one that enlarges pictures")
        sides = [side for stage in (self.stage_one, self.stage_two) for side, _ in stage.growing]
        if any(side > self.picture_px for side in sides):
            raise ValueError(f"growing to {max(sides)} px: the network's pictures have {self.picture_px}")
        if any(last >= self.stage_two.epochs for _, last in self.stage_two.growing):
            raise ValueError("stage_two.growing leaves no epoch at full size, and only weights of full size are kept")

    @property
    def picture_px(self) -> int:
        """Side of the pictures."""
        return 2 * self.network.input_px if self.native_pictures else self.network.input_px

    def codec(self) -> CropCodec:
        """The codec for the network's sizes."""
        heatmap_px = self.network.input_px // 4
        return CropCodec(self.picture_px, heatmap_px, self.network.depth_channels, self.targets.depth_range_m)
