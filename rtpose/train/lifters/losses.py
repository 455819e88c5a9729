"""The six loss terms of SVMAC (Deng et al., 3DV 2021). Every function returns a scalar, averaged over the batch.

N is the batch here, J the joints. Poses are (N, J, 3) in camera axes with z away from the camera, cameras (N, 2, 3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from rtpose.skeleton import H36M17
from rtpose.train.distributed import rand_rows

_LEFT_CHILD, _LEFT_PARENT, _RIGHT_CHILD, _RIGHT_PARENT = (
    [H36M17.index_of[bones[side][end]] for bones in H36M17.twin_bones] for side in (0, 1) for end in (0, 1)
)


_HIPS, _KNEES, _FEET = (H36M17.indices(f"left_{name}", f"right_{name}") for name in ("hip", "knee", "foot"))


def consistency_3d_loss(lifted: Sequence[Tensor], rotated: Sequence[Tensor]) -> Tensor:
    """Eq. 11: the poses lifted from the reprojections against the rotated poses that were projected.

    Both hold n - 1 tensors (N, J, 3). The rotated poses are the target and get no gradient: otherwise nearly all of it
    (98 % along the rays after 100 steps) makes the target easy to lift instead of right.
    """
    per_angle = [((a - b.detach()) ** 2).sum((1, 2)).mean() / a.shape[1] for a, b in zip(lifted, rotated, strict=True)]
    return torch.stack(per_angle).mean()


def camera_equal_loss(cameras: Sequence[Tensor]) -> Tensor:
    """Eq. 12: the cameras of all pairs of the n angles are equal. 6 is the number of K's entries."""
    pairs = [
        (cameras[i] - cameras[j]).abs().sum((1, 2)).mean() / 6
        for i in range(len(cameras))
        for j in range(i + 1, len(cameras))
    ]
    return torch.stack(pairs).mean()


def svmac_loss(projections: Sequence[Sequence[Tensor]]) -> Tensor:
    """Eq. 15: 2D poses of the same angle agree. The inner sum runs over the pairs a < b.

    projections[i]: the m_i tensors (N, J, 2) for angle i: the generator's 2D input there, and the projections of the
    pose lifted from it by each of the n cameras (Eq. 13).
    """
    per_angle = []
    for views in projections:
        joints, count = views[0].shape[1], len(views)
        pairs = [((views[a] - views[b]) ** 2).sum((1, 2)).mean() for a in range(count) for b in range(a + 1, count)]
        per_angle.append(torch.stack(pairs).sum() / (joints * count))
    return torch.stack(per_angle).mean()


def weak_camera_loss(cameras: Sequence[Tensor]) -> Tensor:
    """Eq. 17 to 19: K K^T is a multiple of the identity."""
    total = []
    for camera in cameras:
        gram = camera @ camera.transpose(1, 2)
        trace = gram.diagonal(dim1=1, dim2=2).sum(-1).clamp(min=1e-12)
        off = 2 / trace[:, None, None] * gram - torch.eye(2, device=gram.device)
        # The Frobenius norm has no gradient at 0, and the camera can get there.
        total.append((off.square().sum((1, 2)) + 1e-12).sqrt().mean())
    return torch.stack(total).sum()


def symmetry_loss(poses: Tensor) -> Tensor:
    """Eq. 21: left and right bones have the same length."""
    left = (poses[:, _LEFT_CHILD] - poses[:, _LEFT_PARENT]).norm(dim=-1)
    right = (poses[:, _RIGHT_CHILD] - poses[:, _RIGHT_PARENT]).norm(dim=-1)
    loss: Tensor = (left - right).square().mean()
    return loss


def facing_sine(poses: Tensor) -> Tensor:
    """(N,) sin beta of Eq. 22: negative if the front of the body is where the shoulders say.

    The paper's v points from the neck to the nose, a joint that h36m17 lacks. Its head is the middle of the ears, which
    is in front of the neck in only 74 % of the training frames. Knees bend forward, so here v points from the middle
    of hip and foot to the knee, both legs together; this is right in 99.8 %.

    The sign: z points away from the camera, so a person who faces the camera has v_z < 0 and, with the left shoulder on
    the right side of the picture, w_x > 0. The product is negative for a correct pose, seen from any side, and positive
    for its depth-mirrored twin. This is the second form printed in Eq. 23, not the ">= 0" of Eq. 22. Tests check the
    share of correct poses on real motions, including the training pack's.
    """
    i = H36M17.index_of
    v = (poses[:, _KNEES] - (poses[:, _HIPS] + poses[:, _FEET]) / 2).sum(1)
    w = poses[:, i["left_shoulder"]] - poses[:, i["right_shoulder"]]
    cross = v[:, 2] * w[:, 0] - v[:, 0] * w[:, 2]
    sine: Tensor = cross / (v.norm(dim=-1) * w.norm(dim=-1)).clamp(min=1e-9)
    return sine


def angle_loss(poses: Tensor) -> Tensor:
    """Eq. 23: depths are not mirrored. See `facing_sine` for the sign."""
    return facing_sine(poses).clamp(min=0).mean()


def gradient_penalty_of(critic: Callable[..., Tensor], real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """WGAN-GP's (|grad| - 1)^2, the last part of Eq. 16, which is printed without norm and square.

    real, fake: the critic's inputs, each (N, …). The gradient is taken at random points on the lines between them, with
    respect to all inputs together.
    """
    mix = rand_rows(real[0])
    between = []
    for a, b in zip(real, fake, strict=True):
        share = mix.reshape(-1, *[1] * (a.dim() - 1))
        between.append((share * a + (1 - share) * b).detach().requires_grad_(True))
    gradients = torch.autograd.grad(critic(*between).sum(), between, create_graph=True)
    norm = torch.cat([g.flatten(1) for g in gradients], dim=1).norm(dim=1)
    penalty: Tensor = (norm - 1).square().mean()
    return penalty
