"""Building blocks that the lifters share (Martinez et al. 2017)."""

from __future__ import annotations

from torch import Tensor, nn

LEAKY_SLOPE = 0.01


class DenseLayer(nn.Sequential):
    """Linear, then batch normalisation, leaky ReLU and dropout: (N, inputs) -> (N, width)."""

    def __init__(self, inputs: int, width: int, *, batch_norm: bool = True, dropout: float = 0.0) -> None:
        layers: list[nn.Module] = [nn.Linear(inputs, width)]
        if batch_norm:
            layers.append(nn.BatchNorm1d(width))
        layers.append(nn.LeakyReLU(LEAKY_SLOPE))
        if dropout > 0:
            layers.append(nn.Dropout(dropout))
        super().__init__(*layers)


class ResidualBlock(nn.Module):
    """Two dense layers and a shortcut: (N, width) -> (N, width)."""

    def __init__(self, width: int, *, batch_norm: bool = True, dropout: float = 0.0) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            DenseLayer(width, width, batch_norm=batch_norm, dropout=dropout),
            DenseLayer(width, width, batch_norm=batch_norm, dropout=dropout),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, width) -> (N, width)."""
        y: Tensor = x + self.layers(x)
        return y
