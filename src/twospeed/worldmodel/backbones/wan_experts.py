"""Wan 2.2 A14B: two transformers, one for high noise and one for low, behind one denoiser."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from twospeed.core.errors import DataError
from twospeed.core.fields import shown
from twospeed.worldmodel.backbones.base import Index

SECOND = "transformer_2"
"""Folder of the one for low noise."""

LEVELS = 1000


class WanExperts(nn.Module):
    """Two `WanDenoiser`s behind the contract `Denoiser`; layers are named by part and layer.

    Args:
        transformer: asked where the noisiest frame's level is at or above the boundary.
        transformer_2: asked below it.
        boundary: 0 to 1, of the greatest level.
    """

    def __init__(self, transformer: nn.Module, transformer_2: nn.Module, boundary: float) -> None:
        super().__init__()
        self.transformer, self.transformer_2 = transformer, transformer_2
        self.boundary = boundary
        self._supports_gradient_checkpointing = True

    @property
    def config(self) -> Any:
        """Sizes of either transformer."""
        return self.transformer.config

    def enable_gradient_checkpointing(self) -> None:
        """Compute activations again for the gradient, in both."""
        for part in (self.transformer, self.transformer_2):
            network: Any = part
            network.enable_gradient_checkpointing()

    def forward(self, noisy_BCTHW: Tensor, level_BT: Tensor, text_BND: Tensor) -> Tensor:
        """Return the velocity of every frame, (B, C, T, H, W).

        Where a batch has clips on both sides, both are asked about all of it, so that clips and
        their adapters stay in their order.
        """
        asked = noisy_BCTHW, level_BT, text_BND
        is_high_B = level_BT.amax(dim=1) >= self.boundary * LEVELS
        if bool(is_high_B.all()):
            high: Tensor = self.transformer(*asked)
            return high
        low: Tensor = self.transformer_2(*asked)
        if not bool(is_high_B.any()):
            return low
        return torch.where(is_high_B[:, None, None, None, None], self.transformer(*asked), low)


def joined(denoiser: Any, load: Callable[[str], Any], index: Index) -> Any:
    """Return both transformers where a pipeline has two, or its one.

    Args:
        denoiser: the first.
        load: reads another part of the pipeline.
        index: what ``model_index.json`` says.

    Raises:
        DataError: when it does not say where one ends and the other begins.
    """
    if (index.get(SECOND) or [None])[0] is None:
        return denoiser
    boundary = index.get("boundary_ratio")
    if not isinstance(boundary, float) or not 0 < boundary < 1:
        raise DataError(
            f"a pipeline of two transformers says boundary_ratio, a number from 0 to 1, got"
            f" {shown(boundary)}"
        )
    return WanExperts(denoiser, load(SECOND), boundary).eval()
