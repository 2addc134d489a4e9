"""What a camera sees of the points around it: slopes of its rays, and places in its frame.

Slopes and depths are counted level, along the heading of a camera, though it may look down; so
what lies where does not depend on how a camera leans. Axes: N rays, S pixels of a side.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Camera:
    """One that stands level but for looking down."""

    reach: float = 1.0
    """Slope at the edge of a frame, in the camera's own axes; 1 for a field of view of 90
    degrees."""

    pitch: float = 0.0
    """Radians that it looks down."""

    def rays(self, side: int) -> Tensor:
        """Return the slopes of all pixels of a frame, row by row, (S * S, 2): right and down."""
        line = line_of(side, self.reach)
        down, right = torch.meshgrid(line, line, indexing="ij")
        if self.pitch:
            sine, cosine = math.sin(self.pitch), math.cos(self.pitch)
            ahead = cosine - down * sine
            right, down = right / ahead, (down * cosine + sine) / ahead
        return torch.stack([right, down], -1).flatten(0, 1)

    def places(self, ahead: Tensor, right: Tensor, down: Tensor) -> Tensor:
        """Return where in its frame points are, -1 to 1 across and down, (..., 2).

        Args:
            ahead: metres, above 0, (...).
            right: metres, (...).
            down: metres, (...).
        """
        if self.pitch:
            sine, cosine = math.sin(self.pitch), math.cos(self.pitch)
            ahead, down = (ahead * cosine + down * sine), down * cosine - ahead * sine
            ahead = ahead.clamp_min(1e-3)  # what lies steeply below is far beyond the frame's edge
        return torch.stack([right, down], -1) / ahead[..., None] / self.reach


def line_of(side: int, reach: float) -> Tensor:
    """Return the slopes of the pixels along a side of a frame, (S,)."""
    return ((torch.arange(side) + 0.5) / (side / 2) - 1) * reach


def turned_rays(slopes_N2: Tensor, turn: Tensor) -> Tensor:
    """Return the slopes of rays for cameras that look further to the left, (..., N, 2).

    Args:
        slopes_N2: right and down, (..., N, 2).
        turn: radians of each camera, (...,).
    """
    right, down = slopes_N2.unbind(-1)
    cosine, sine = turn.cos()[..., None], turn.sin()[..., None]
    ahead = cosine - right * sine
    return torch.stack([(sine + right * cosine) / ahead, down / ahead], -1)
