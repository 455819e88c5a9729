"""The network of "Deep Monocular 3D Human Pose Estimation via Cascaded Dimension-Lifting" (Zhang et al., AAAI 2021).

Letters in shapes: N pictures, S the input's side, H = S / 4 the heatmaps' side, W the branches' width, J joints,
B bones, C depth channels. The paper's size is S = 256, H = C = 64. What the paper leaves open (widths of the
branches, kernel sizes, dilations) is chosen here and said at each block.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from rtpose.errors import ModelError
from rtpose.modules.blazepose_trunk import BlazePoseTrunk
from rtpose.modules.resnet import ResNet
from rtpose.skeleton import H36M17

Variant = Literal["baseline", "jh", "bj", "full"]
VARIANTS: tuple[Variant, ...] = ("baseline", "jh", "bj", "full")
"""The rows of Table 4: context branch alone; with joint heatmaps; with bone heatmaps too; with the depth-centric block.
Blocks without supervision are left out."""

JOINT_COUNT = len(H36M17.joints)
BONE_COUNT = len(H36M17.bones)
SHARPNESS = 5.0
"""Factor on the input of the softmax over a volume. The last convolution could learn it, but from its usual
initialisation a volume of 32,000 voxels stays flat for long: with this factor the 2.5D joints are learned about twice
as fast."""
REFERENCE_M = 1.077
"""Section "3D Lifting block": the average length from neck to knee along the bones in Human3.6M's training set."""


def convolution(inputs: int, outputs: int, size: int = 3, dilation: int = 1) -> nn.Sequential:
    """Convolution that keeps H and W, batch normalisation, ReLU: (N, inputs, H, W) -> (N, outputs, H, W)."""
    padding = dilation * (size // 2)
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, padding=padding, dilation=dilation, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Upsampling(nn.Sequential):
    """Transposed convolutions (4x4, stride 2): (N, inputs, S / stride, S / stride) -> (N, W, H, H). Three for the
    paper's trunk, of stride 32.

    Used by the context branch, as in the PoseNet (Moon et al. 2019) on which the paper's baseline stands, and by the
    bone-joint block ("uses deconvolution to upsample the featuremaps extracted by the backbone").
    """

    def __init__(self, inputs: int, stride: int, width: int) -> None:
        layers: list[nn.Module] = []
        for i in range((stride // 4).bit_length() - 1):
            up = nn.ConvTranspose2d(inputs if i == 0 else width, width, 4, 2, 1, bias=False)
            nn.init.normal_(up.weight, std=(2.0 / (4 * up.in_channels)) ** 0.5)  # four taps reach each pixel
            layers += [up, nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        super().__init__(*layers)


class BoneJointBlock(nn.Module):
    """Trunk's features and context -> bone heatmaps, then joint heatmaps. Section "Bone-Joint Heatmap Block", Eq. 1, 2.

    Bone heatmaps come from the upsampled features by a 1x1 convolution. They are fused with those features and the
    context (1x1), and two 3x3 convolutions and a 1x1 make the joint heatmaps.
    """

    def __init__(self, inputs: int, stride: int, width: int, *, bones: bool) -> None:
        """bones: False leaves the bone heatmaps out (Table 4's "w/ JH")."""
        super().__init__()
        self.upsampling = Upsampling(inputs, stride, width)
        self.bones = nn.Conv2d(width, BONE_COUNT, 1) if bones else None
        self.fusion = convolution(2 * width + (BONE_COUNT if bones else 0), width, 1)
        self.refinement = nn.Sequential(convolution(width, width), convolution(width, width))
        self.joints = nn.Conv2d(width, JOINT_COUNT, 1)

    def forward(self, features: Tensor, context: Tensor) -> tuple[Tensor | None, Tensor]:
        """(N, inputs, S / stride, S / stride), (N, W, H, H) -> bones (N, B, H, H) or None, joints (N, J, H, H)."""
        up = self.upsampling(features)
        bones = None if self.bones is None else self.bones(up)
        fused = self.fusion(torch.cat([up, context] if bones is None else [up, context, bones], 1))
        return bones, self.joints(self.refinement(fused))


class DepthCentricBlock(nn.Module):
    """Joint heatmaps and context -> a volume of C depth channels. Section "Depth-Centric Block", Eq. 3, 4 and 5.

    The context goes through 3x3 convolutions of dilation 1, 2 and 4 one after the other (chosen here: they see 15
    pixels), meets the joint heatmaps, and two 1x1 convolutions in parallel give the volume and the ordinal scores.
    """

    def __init__(self, width: int, depth_channels: int, *, ordinal: bool = True) -> None:
        """ordinal: False leaves its convolution out, which training alone needs."""
        super().__init__()
        self.dilated = nn.Sequential(*(convolution(width, width, dilation=d) for d in (1, 2, 4)))
        self.fusion = convolution(width + JOINT_COUNT, width, 1)
        self.volume = nn.Conv2d(width, depth_channels, 1)
        self.ordinal = nn.Conv2d(width, depth_channels, 1) if ordinal else None

    def forward(self, joints: Tensor, context: Tensor) -> tuple[Tensor, Tensor | None]:
        """(N, J, H, H), (N, W, H, H) -> volume (N, C, H, H), ordinal (N, C, H, H) or None.

        The sigmoid of `ordinal` is P(depth bin of the pixel > c), Eq. 5.
        """
        fused = self.fusion(torch.cat([self.dilated(context), joints], 1))
        return self.volume(fused), None if self.ordinal is None else self.ordinal(fused)


def soft_argmax(volumes: Tensor) -> Tensor:
    """Expected position after a softmax over each volume, Eq. 7 and 8: (N, J, C, H, W) -> (N, J, 3) x, y, z in voxels.

    Computed from the three sums along the axes, so that nothing of the volume's size but the softmax is kept.
    """
    n, joints, depth, height, width = volumes.shape
    share = volumes.float().flatten(2).softmax(-1).view(n, joints, depth, height, width)
    plane = share.sum(2)
    along = (plane.sum(2), plane.sum(3), share.sum((3, 4)))  # (N, J, W), (N, J, H), (N, J, C)
    return torch.stack([(p * torch.arange(p.shape[-1], dtype=p.dtype, device=p.device)).sum(-1) for p in along], -1)


def resized_places(places: Tensor, size: int, new_size: int) -> Tensor:
    """Positions in a map of `size` pixels -> the same in one of `new_size`; the middle of the first pixel is 0."""
    return (places + 0.5) * (new_size / size) - 0.5


class LiftingBlock(nn.Module):
    """2.5D joints -> 3D pose: a linear layer, five residual blocks of two linear layers each with batch normalisation,
    ReLU and dropout, a linear layer. Section "Network Design"; the paper's width is 1024."""

    def __init__(self, heatmap_px: int, depth_channels: int, width: int, dropout: float) -> None:
        super().__init__()
        self.middle: Tensor
        middle = torch.tensor([heatmap_px, heatmap_px, depth_channels], dtype=torch.float32) / 2
        self.register_buffer("middle", middle, persistent=False)
        self.first = nn.Linear(3 * JOINT_COUNT, width)
        self.blocks = nn.ModuleList(_lifting_layers(width, dropout) for _ in range(5))
        self.last = nn.Linear(width, 3 * JOINT_COUNT)
        nn.init.normal_(self.last.weight, std=1e-3)
        nn.init.zeros_(self.last.bias)

    def forward(self, joints: Tensor) -> Tensor:
        """(N, J, 3) x, y, z in voxels -> (N, J, 3) metres, relative to the root, axes of the crop's view."""
        x = self.first((joints / self.middle - 1).flatten(1))
        for block in self.blocks:
            x = x + block(x)
        pose: Tensor = self.last(x).view(-1, JOINT_COUNT, 3)
        return pose - pose[:, :1]


def _lifting_layers(width: int, dropout: float) -> nn.Sequential:
    """A block that adds little at first: the network starts near a linear map, which is learned at once, and then
    learns the rest. From torch's own initialisation it takes thousands of steps to get as far."""
    layers: list[nn.Module] = []
    for _ in range(2):
        normalisation = nn.BatchNorm1d(width)
        layers += [nn.Linear(width, width), normalisation, nn.ReLU(inplace=True), nn.Dropout(dropout)]
    nn.init.constant_(normalisation.weight, 0.1)  # not 0: the ReLU after it would never pass a gradient
    return nn.Sequential(*layers)


@dataclass(frozen=True)
class Stages:
    """All supervised outputs; None for blocks that the variant lacks."""

    bones: Tensor | None
    """(N, B, H, H)."""
    heatmaps: Tensor | None
    """(N, J, H, H) of the joints."""
    volume: Tensor | None
    """(N, C, H, H)."""
    ordinal: Tensor | None
    """(N, C, H, H), before the sigmoid."""
    joints: Tensor
    """(N, J, 3) x, y, z in voxels."""
    pooled: Tensor
    """(N, channels) of the trunk, for the scale branch."""


class Cascaded(nn.Module):
    """Trunk, context branch, bone-joint block, depth-centric block, soft-argmax, lifting block (Figure 2).

    `forward` is what is shipped; training looks at `stages` and `lift`.
    """

    def __init__(
        self,
        *,
        variant: Variant = "full",
        input_px: int = 256,
        depth_channels: int = 64,
        trunk: str = "resnet50",
        trunk_width: float = 1.0,
        width: int = 256,
        lift_width: int = 1024,
        dropout: float = 0.5,
        scale_branch: bool = False,
        ordinal: bool = True,
        native_picture: bool = False,
    ) -> None:
        """The defaults are the paper's size. trunk: a ResNet, or "blazepose". trunk_width: factor on
        the ResNet's channels. scale_branch: the pose is
        of the size at which neck to knee is 1.077 m, and a branch says how much larger the person is (Eq. 10).
        ordinal: False for a network that is not trained. native_picture: see `BlazePoseTrunk`.

        Errors: `ModelError` for an unknown variant or trunk, or an invalid input size.
        """
        super().__init__()
        if variant not in VARIANTS:
            raise ModelError(f"no variant '{variant}' of cascaded: choose one of {', '.join(VARIANTS)}")
        if input_px % 32 or input_px <= 0:
            raise ModelError(f"an input of {input_px} px is not allowed: give a multiple of 32")
        self.depth_channels = depth_channels
        self.heatmap_px = input_px // 4
        if native_picture and trunk != "blazepose":
            raise ModelError("native_picture is for the trunk blazepose, which enlarges pictures: leave it out")
        self.trunk = BlazePoseTrunk(native=native_picture) if trunk == "blazepose" else ResNet(trunk, width=trunk_width)
        channels, stride = self.trunk.channels, self.trunk.stride
        self.context = Upsampling(channels, stride, width)
        self.bone_joint = (
            BoneJointBlock(channels, stride, width, bones=variant != "jh") if variant != "baseline" else None
        )
        self.depth_centric = DepthCentricBlock(width, depth_channels, ordinal=ordinal) if variant == "full" else None
        joined = width + (JOINT_COUNT if self.bone_joint else 0) + (depth_channels if self.depth_centric else 0)
        # Where the branches are joined: a 1x1 convolution to W, and one to J volumes.
        self.joining = convolution(joined, width, 1)
        self.volumes = nn.Conv2d(width, JOINT_COUNT * depth_channels, 1)
        self.lifting = LiftingBlock(input_px // 4, depth_channels, lift_width, dropout)
        self.scale = nn.Linear(channels, 1) if scale_branch else None

    def stages(self, image: Tensor) -> Stages:
        """(N, 3, S, S) normalised -> everything before the lifting block.

        Training may begin with smaller pictures (`StageSettings.growing`): heatmaps shrink with them, the joints are
        given in the voxels of the full size, for which labels and lifting block are made.
        """
        features = self.trunk.features(image)
        context = self.context(features)
        bones = heatmaps = volume = ordinal = None
        parts = [context]
        if self.bone_joint is not None:
            bones, heatmaps = self.bone_joint(features, context)
            parts.append(heatmaps)
            if self.depth_centric is not None:
                volume, ordinal = self.depth_centric(heatmaps, context)
                parts.append(volume)
        volumes = self.volumes(SHARPNESS * self.joining(torch.cat(parts, 1)))
        # Channel j C + c is depth c of joint j.
        joints = soft_argmax(volumes.unflatten(1, (JOINT_COUNT, self.depth_channels)))
        if volumes.shape[-1] != self.heatmap_px:
            plane = resized_places(joints[..., :2], volumes.shape[-1], self.heatmap_px)
            joints = torch.cat([plane, joints[..., 2:]], -1)
        return Stages(bones, heatmaps, volume, ordinal, joints, features.float().mean((2, 3)))

    def lift(self, joints: Tensor, pooled: Tensor) -> tuple[Tensor, Tensor | None]:
        """2.5D joints (N, J, 3) -> pose (N, J, 3) in metres; with the scale branch of the reference size, and the
        logarithm of the person's size over it (N,)."""
        pose: Tensor = self.lifting(joints)
        return pose, None if self.scale is None else self.scale(pooled)[:, 0]

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """image (N, 3, S, S) -> joints (N, J, 3) x, y, z in voxels; pose (N, J, 3) metres relative to the root, axes of
        the crop's view; confidence (N, J) 0..1, the joint heatmap's peak (1 for "baseline", which has no heatmaps)."""
        stages = self.stages(image)
        pose, log_scale = self.lift(stages.joints, stages.pooled)
        if log_scale is not None:
            pose = pose * log_scale.exp()[:, None, None]
        if stages.heatmaps is None:
            confidence = torch.ones_like(stages.joints[..., 0])
        else:
            confidence = stages.heatmaps.flatten(2).amax(-1).clamp(0, 1)
        return stages.joints, pose, confidence

    def before_lifting(self) -> list[nn.Parameter]:
        """Parameters of the first training stage."""
        return [p for name, p in self.named_parameters() if not name.startswith(("lifting.", "scale."))]

    def of_lifting(self) -> list[nn.Parameter]:
        """Parameters of the second training stage."""
        return [p for name, p in self.named_parameters() if name.startswith(("lifting.", "scale."))]
