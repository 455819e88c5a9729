"""The network of the lifter `fusion`: what one frame shows of a person, then memory over time.

`FusionNet` is what is trained. `FusionLifterNet` is what runs: the same with flip averaging, one frame at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

COUNT = 28
"""Joints of rtpose28."""


class Block(nn.Module):
    """Two linear layers and a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))

    def forward(self, x: Tensor) -> Tensor:
        """(N, width) -> (N, width)."""
        out: Tensor = x + self.layers(x)
        return out


class FrameNet(nn.Module):
    """A perceptron over the features of one frame."""

    def __init__(self, features: int, width: int = 384, blocks: int = 2) -> None:
        """features: numbers that describe a frame, see `rtpose.pose.lift.fusion_codec.features`."""
        super().__init__()
        self.enter = nn.Linear(features, width)
        self.blocks = nn.Sequential(*(Block(width) for _ in range(blocks)))
        self.leave = nn.Sequential(nn.LayerNorm(width), nn.GELU())
        self.pose = nn.Linear(width, 3 * COUNT)
        self.direct = nn.Linear(features, 3 * COUNT, bias=False)
        self.error = nn.Linear(width, COUNT)
        self.gravity = nn.Linear(width, 3)
        nn.init.zeros_(self.direct.weight)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """(N, features) -> joints (N, 28, 3) in metres of somebody 1.70 m tall, relative to the root; log of their
        error's scale in metres (N, 28); trunk (N, width); gravity (N, 3), not normalised."""
        trunk = self.leave(self.blocks(self.enter(x)))
        # Each product that runs for itself costs more than these few numbers.
        heads = (self.pose, self.error, self.gravity)
        said = nn.functional.linear(trunk, torch.cat([h.weight for h in heads]), torch.cat([h.bias for h in heads]))
        pose, error, gravity = torch.split(said, [3 * COUNT, COUNT, 3], -1)
        pose = (pose + self.direct(x)).reshape(*x.shape[:-1], COUNT, 3)
        return pose - pose[..., :1, :], error, trunk, torch.tanh(gravity)


class FusionNet(nn.Module):
    """Frame after frame, with memory: a recurrent layer sees each frame's trunk and the last pose, and says how far the
    new pose goes from where the last one was expected to where this frame puts it."""

    def __init__(
        self, features: int, plain: int, width: int = 384, blocks: int = 2, memory: int = 192, glance: int = 160
    ) -> None:
        """features: numbers that describe a frame. plain: how many of them, the first, are not of the evidence; the
        last of these is the time since the last frame. memory: width of the recurrent layer. glance: how much of a
        frame's trunk it sees."""
        super().__init__()
        self.memory = memory
        self.plain = plain
        self.frame = FrameNet(features, width, blocks)
        self.glance = nn.Linear(width, glance)
        self.cell = nn.GRUCell(glance + 3 * COUNT + 3, memory)
        self.say = nn.Linear(memory + glance, 8 * COUNT + 3)
        nn.init.zeros_(self.say.weight)
        nn.init.zeros_(self.say.bias)

    def look(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What the frame alone shows: pose, log of the error, glance of the trunk, gravity.

        Of all but the glance it is the mean of what is seen with the evidence and without: their errors differ.
        """
        pose, log_error, trunk, gravity = self.see(x)
        return pose, log_error, self.glance(trunk), gravity

    def see(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """As `look`, with the whole trunk."""
        blind = torch.cat([x[:, : self.plain], torch.zeros_like(x[:, self.plain :])], -1)
        # In one pass: while it runs on a processor, most of the time goes into reading the weights.
        seen = self.frame(torch.cat([x, blind]))
        n = x.shape[0]
        pose, log_error, gravity = ((part[:n] + part[n:]) / 2 for part in (seen[0], seen[1], seen[3]))
        return pose, log_error, seen[2][:n], gravity

    def step(
        self, pose: Tensor, log_error: Tensor, glance: Tensor, gravity: Tensor, dt: Tensor, last: Tensor, hidden: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The part with memory. The first four are from `look`; dt: (N, 1) seconds since the last frame, 0 for a
        person never seen; last: (N, 28, 3) the last pose in this frame's axes; hidden: (N, memory).

        Returns pose, log of the error, gravity and hidden state.
        """
        old = (dt > 0).to(pose.dtype)
        hidden = hidden * old
        change = (last - pose).flatten(1) * old
        pace = torch.cat([dt * 10, torch.exp(-dt / 0.05), old], -1)
        hidden = self.cell(torch.cat([glance, change * 5, pace], -1), hidden)
        said = self.say(torch.cat([hidden, glance], -1))
        correction, drift, gate, error, down = said.split([3 * COUNT, 3 * COUNT, COUNT, COUNT, 3], -1)
        now = pose + 0.1 * correction.reshape(pose.shape)
        expected = last + 0.1 * drift.reshape(pose.shape)
        share = torch.sigmoid(gate + 1.0) * old + (1 - old)
        out = expected + share[..., None] * (now - expected)
        return out - out[:, :1], log_error + error, gravity + down, hidden

    def sequence(
        self, x: Tensor, turn: Tensor, *, trunk_is_given: bool = False
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Whole sequences. x: (N, T, features); turn: (N, T, 3, 3) axes of a frame = this @ axes of the one before.
        trunk_is_given: `frame` is not trained.

        Returns poses (N, T, 28, 3), log errors (N, T, 28), gravity (N, T, 3), and each frame's own pose.
        """
        n, t = x.shape[:2]
        with torch.set_grad_enabled(torch.is_grad_enabled() and not trunk_is_given):
            pose, log_error, trunk, down = (part.reshape(n, t, *part.shape[1:]) for part in self.see(x.flatten(0, 1)))
        glance, dt = self.glance(trunk), x[..., self.plain - 1 : self.plain]
        hidden, last = x.new_zeros(n, self.memory), x.new_zeros(n, COUNT, 3)
        poses, errors, gravities = [], [], []
        for i in range(t):
            last = last @ turn[:, i].transpose(-1, -2)
            last, error, gravity, hidden = self.step(
                pose[:, i], log_error[:, i], glance[:, i], down[:, i], dt[:, i], last, hidden
            )
            poses.append(last)
            errors.append(error)
            gravities.append(gravity)
        return torch.stack(poses, 1), torch.stack(errors, 1), torch.stack(gravities, 1), pose


class FusionLifterNet(nn.Module):
    """One frame of all people, as it runs: the mean of the frame and of its mirror image. The state is each person's
    last pose and two hidden states."""

    mirror: Tensor
    sign: Tensor
    twins: Tensor
    side: Tensor

    def __init__(self, network: FusionNet, mirror: Sequence[int], sign: Sequence[float], twins: Sequence[int]) -> None:
        """mirror, sign: the features of the mirror image are `sign * features[mirror]`. twins: of joints."""
        super().__init__()
        self.network = network
        self.register_buffer("mirror", torch.tensor(list(mirror)), persistent=False)
        self.register_buffer("sign", torch.tensor(list(sign)), persistent=False)
        self.register_buffer("twins", torch.tensor(list(twins)), persistent=False)
        self.register_buffer("side", torch.tensor([-1.0, 1.0, 1.0]), persistent=False)

    def forward(self, features: Tensor, last_pose: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """features: (N, features); last_pose: (N, 28, 3) in this frame's axes; hidden: (N, 2, memory).

        Returns pose (N, 28, 3), log of the error's scale (N, 28), gravity (N, 3), hidden (N, 2, memory).
        """
        x = torch.cat([features, features.index_select(1, self.mirror) * self.sign])
        last = torch.cat([last_pose, last_pose.index_select(1, self.twins) * self.side])
        state = hidden.transpose(0, 1).flatten(0, 1)
        dt = x[:, self.network.plain - 1 : self.network.plain]
        out, error, down, state = self.network.step(*self.network.look(x), dt, last, state)
        n = features.shape[0]
        return (
            (out[:n] + out[n:].index_select(1, self.twins) * self.side) / 2,
            (error[:n] + error[n:].index_select(1, self.twins)) / 2,
            (down[:n] + down[n:] * self.side) / 2,
            torch.stack([state[:n], state[n:]], 1),
        )
