"""What a seen view tells of every place in it: features, how far away it is, and how surely.

Axes: B views, S pixels of a side, C features.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from twospeed.worldmodel.blocks import ResidualBlock

_WIDTHS = (32, 48, 64)


class ViewEncoder(nn.Module):
    """Convolutions at halves, quarters and eighths, where whole columns are seen at once.

    Args:
        features: C.
        side: S, a multiple of 8.
    """

    def __init__(self, features: int, side: int) -> None:
        super().__init__()
        half, quarter, eighth = _WIDTHS
        self.enter = nn.Conv2d(14, half, 3, padding=1)
        self.before = ResidualBlock(half)
        self.to_quarter = nn.Conv2d(half, quarter, 3, stride=2, padding=1)
        self.quarter = ResidualBlock(quarter)
        self.to_eighth = nn.Conv2d(quarter, eighth, 3, stride=2, padding=1)
        self.eighth = nn.Sequential(ResidualBlock(eighth), ResidualBlock(eighth))
        self.columns = nn.Linear(eighth * side // 8, eighth * side // 8)
        self.from_eighth = nn.Conv2d(eighth, quarter, 1)
        self.quarter_again = ResidualBlock(quarter)
        self.from_quarter = nn.Conv2d(quarter, half, 1)
        self.after = ResidualBlock(half)
        self.leave = nn.Conv2d(half, features + 2, 3, padding=1)

    def forward(self, pixels_B3SS: Tensor) -> Tensor:
        """Return (B, C + 2, S / 2, S / 2): features, log of the depth in metres, its log precision.

        Args:
            pixels_B3SS: in [-1, 1].
        """
        halves = functional.pixel_unshuffle(pixels_B3SS, 2)
        halves = self.before(self.enter(torch.cat([halves, _places_like(halves)], 1)))
        quarters = self.quarter(self.to_quarter(halves))
        eighths = self._by_columns(self.eighth(self.to_eighth(quarters)))
        quarters = self.quarter_again(quarters + _twice(self.from_eighth(eighths)))
        halves = self.after(halves + _twice(self.from_quarter(quarters)))
        told: Tensor = self.leave(functional.silu(halves))
        return told

    def _by_columns(self, cells_BCHW: Tensor) -> Tensor:
        columns_BWD = cells_BCHW.permute(0, 3, 1, 2).flatten(2)
        told = self.columns(functional.silu(columns_BWD)).unflatten(2, cells_BCHW.shape[1:3])
        mixed: Tensor = cells_BCHW + told.permute(0, 2, 3, 1)
        return mixed


def _twice(cells_BCHW: Tensor) -> Tensor:
    return functional.interpolate(cells_BCHW, scale_factor=2)


def _places_like(cells_BCHW: Tensor) -> Tensor:
    """Return the row and the column of every cell, -1 to 1, (B, 2, H, W)."""
    batch, _, height, width = cells_BCHW.shape
    rows, columns = (torch.linspace(-1, 1, it).to(cells_BCHW) for it in (height, width))
    both = torch.stack(torch.meshgrid(rows, columns, indexing="ij"))
    return both.expand(batch, -1, -1, -1)
