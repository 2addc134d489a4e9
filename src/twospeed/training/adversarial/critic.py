"""The critic: tells chunks of the data from generated ones, with the action that led to them.

Convolutions over the latents of a chunk and of the frame before it; scores of places and of the
whole are added. Axes: B clips, C channels, T frames, H and W cells, N tokens, D features.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

_FASTER = 6.0
"""Weights are stored divided by it: one step of Adam moves what they mean so much farther."""


class _Layer(nn.Module):
    """A convolution over frames and cells with weights stored small."""

    def __init__(
        self, entering: int, leaving: int, sides: tuple[int, int, int], stride: int = 1
    ) -> None:
        super().__init__()
        made = nn.Conv3d(entering, leaving, sides)
        self.weight = nn.Parameter(made.weight.detach() / _FASTER)
        self.bias = nn.Parameter(torch.zeros(leaving))
        self.stride = (1, stride, stride)
        self.padding = tuple((side - 1) // 2 for side in sides)

    def forward(self, x_BCTHW: Tensor) -> Tensor:
        """Return what comes out, (B, leaving, T, H / stride, W / stride)."""
        weight, bias = _FASTER * self.weight, _FASTER * self.bias
        return functional.conv3d(x_BCTHW, weight, bias, self.stride, self.padding)


class Critic(nn.Module):
    """Latents (B, C, T, H, W) and action tokens (B, N, D) -> scores (B,), high for true ones.

    Args:
        channels: of the latents.
        text_width: features of a text token.
        width: features inside.
    """

    def __init__(self, channels: int, text_width: int, width: int) -> None:
        super().__init__()
        near, wide = (3, 3, 3), (3, 4, 4)
        self.enter = _Layer(channels, width, near)
        self.fine = nn.ModuleList(_Layer(width, width, near) for _ in range(2))
        self.down = _Layer(width, 2 * width, wide, stride=2)
        self.coarse = nn.ModuleList(_Layer(2 * width, 2 * width, near) for _ in range(2))
        self.of_places = _Layer(2 * width, 1, (1, 1, 1))
        self.whole = _Layer(2 * width, 2 * width, wide, stride=2)
        self.of_whole = _Layer(2 * width, 1, (1, 1, 1))
        self.of_action = _Layer(text_width, 2 * width, (1, 1, 1))

    def forward(self, chunk_BCTHW: Tensor, text_BND: Tensor) -> Tensor:
        """Return the scores, (B,)."""
        x = self.enter(chunk_BCTHW)
        for layer in self.fine:
            x = x + 0.5 * layer(_bent(x))
        x = self.down(_bent(x))
        for layer in self.coarse:
            x = x + 0.5 * layer(_bent(x))
        places_B = self.of_places(_bent(x)).mean((1, 2, 3, 4))
        whole = _bent(self.whole(_bent(x))).mean((2, 3, 4), keepdim=True)
        action = self.of_action(text_BND.mean(1)[:, :, None, None, None].to(whole))
        fits_B = (action * whole).sum((1, 2, 3, 4)) / whole.shape[1] ** 0.5
        scores: Tensor = places_B + self.of_whole(whole).flatten() + fits_B
        return scores.to(torch.promote_types(scores.dtype, torch.float32))  # half is too coarse


def _bent(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, 0.2)
