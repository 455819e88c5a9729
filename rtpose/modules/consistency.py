"""The three networks of "3D Human Pose Estimation Based on 2D-3D Consistency with Synchronized Adversarial Training",
Sections 3.1 to 3.3, and the weighted kinematic chain space."""

from __future__ import annotations

from collections import deque

import torch
from torch import Tensor, nn

from rtpose.modules.blocks import DenseLayer, ResidualBlock
from rtpose.skeleton import H36M17, Skeleton


def bone_matrix(skeleton: Skeleton = H36M17) -> Tensor:
    """C of Eq. 1 to 3, (J, B): a pose (3, J) times it gives the bones, child minus parent."""
    matrix = torch.zeros(len(skeleton.joints), len(skeleton.bones))
    for column, (child, parent) in enumerate(skeleton.bones):
        matrix[skeleton.index_of[child], column] = 1
        matrix[skeleton.index_of[parent], column] = -1
    return matrix


def bone_distances(skeleton: Skeleton = H36M17) -> Tensor:
    """d of Section 3.3, (B, B): 0 to itself, 1 between bones that share a joint, and so on (Figure 5)."""
    bones = skeleton.bones
    neighbours = [
        [j for j, other in enumerate(bones) if j != i and set(bone) & set(other)] for i, bone in enumerate(bones)
    ]
    distances = torch.zeros(len(bones), len(bones))
    for start in range(len(bones)):
        seen, queue = {start}, deque([(start, 0)])
        while queue:
            bone, distance = queue.popleft()
            distances[start, bone] = distance
            for other in neighbours[bone]:
                if other not in seen:
                    seen.add(other)
                    queue.append((other, distance + 1))
    return distances


def bone_weights(skeleton: Skeleton = H36M17) -> Tensor:
    """w of Eq. 5, (B, B): 1 for distances 0 and 1, tanh(1 / (d - 1)) beyond."""
    distances = bone_distances(skeleton)
    return torch.where(distances > 1, torch.tanh(1 / (distances - 1).clamp(min=1)), torch.ones_like(distances))


class KinematicChainSpace(nn.Module):
    """Eq. 4 and 6: products of all pairs of bones, weighted by how near they are to each other."""

    def __init__(self, *, weighted: bool, skeleton: Skeleton = H36M17) -> None:
        super().__init__()
        self.bones: Tensor
        self.weights: Tensor
        self.register_buffer("bones", bone_matrix(skeleton), persistent=False)
        count = len(skeleton.bones)
        weights = bone_weights(skeleton) if weighted else torch.ones(count, count)
        self.register_buffer("weights", weights, persistent=False)

    def forward(self, poses: Tensor) -> Tensor:
        """(N, J, 3) -> (N, B, B)."""
        bones = poses.transpose(1, 2) @ self.bones
        kcs: Tensor = self.weights * (bones.transpose(1, 2) @ bones)
        return kcs


class ConsistencyGenerator(nn.Module):
    """2D joints -> depths: a dense layer, two residual blocks, a linear layer (Section 3.1, Figure 3)."""

    def __init__(self, joint_count: int = 17, width: int = 1024, dropout: float = 0.0) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            DenseLayer(2 * joint_count, width, dropout=dropout),
            ResidualBlock(width, dropout=dropout),
            ResidualBlock(width, dropout=dropout),
            nn.Linear(width, joint_count),
        )

    def forward(self, points: Tensor) -> Tensor:
        """(N, 2 J) -> depth (N, J) relative to the root."""
        depth: Tensor = self.layers(points)
        return depth - depth[:, :1]


class ReprojectionNetwork(nn.Module):
    """3D pose -> 2D pose: the pose's own x and y, and a residual, of the generator's shape with one residual block
    (Section 3.2).

    The residual starts at zero, and its layers are not batch-normalised. Otherwise a network that only the critic
    teaches does not learn to reproject: it stayed 0.56 mean joint distances off.
    """

    def __init__(self, joint_count: int = 17, width: int = 1024) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            DenseLayer(3 * joint_count, width, batch_norm=False),
            ResidualBlock(width, batch_norm=False),
            nn.Linear(width, 2 * joint_count),
        )
        last = self.layers[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, poses: Tensor) -> Tensor:
        """(N, J, 3) root-relative -> (N, 2 J), both in mean joint distances."""
        residual: Tensor = self.layers(poses.flatten(1))
        return poses[..., :2].flatten(1) + residual


class PoseCritic(nn.Module):
    """3D pose, 2D pose and KCS -> how real they look together (Section 3.3, Figure 4).

    The 3D pose goes through a dense layer and a residual block, the others through a dense layer each; the three
    features of the same size are joined by a hidden and a last layer. With the last one alone the score is a sum of one
    term for each input, and which 2D pose belongs to which 3D pose makes no difference. The 2D input holds the
    distances from the 3D pose's x and y, too, in which a wrong pair shows.
    """

    def __init__(self, joint_count: int = 17, width: int = 1024, *, weighted: bool = True) -> None:
        """weighted: wKCS, else the plain KCS matrix."""
        super().__init__()
        self.kcs = KinematicChainSpace(weighted=weighted)
        bone_count = self.kcs.bones.shape[1]
        self.pose = nn.Sequential(
            DenseLayer(3 * joint_count, width, batch_norm=False), ResidualBlock(width, batch_norm=False)
        )
        self.points = DenseLayer(4 * joint_count, width, batch_norm=False)
        self.chain = DenseLayer(bone_count**2, width, batch_norm=False)
        self.score = nn.Sequential(DenseLayer(3 * width, width, batch_norm=False), nn.Linear(width, 1))

    def forward(self, poses: Tensor, points: Tensor) -> Tensor:
        """poses (N, J, 3) root-relative, points (N, 2 J), both in mean joint distances -> (N,)."""
        chain = self.kcs(poses).flatten(1)
        seen = torch.cat([points, points - poses[..., :2].flatten(1)], dim=1)
        features = torch.cat([self.pose(poses.flatten(1)), self.points(seen), self.chain(chain)], dim=1)
        score: Tensor = self.score(features)
        return score.squeeze(-1)
