"""LTX-Video: a transformer over tokens of 32 x 32 pixels and 8 frames, a level for every token."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
from diffusers import LTXVideoTransformer3DModel
from torch import Tensor, nn

from twospeed.core.shapes import check_shapes
from twospeed.worldmodel.backbones.base import Backbone
from twospeed.worldmodel.backbones.texts import TextRule
from twospeed.worldmodel.backbones.wan import ATTENTION, WAN

FRAMES_PER_SECOND = 25
PACKED = (8, 32, 32)
"""Frames and pixels of a latent cell, by which the weights know places."""


class LTXDenoiser(LTXVideoTransformer3DModel):  # type: ignore[misc]
    """`LTXVideoTransformer3DModel` behind the contract `Denoiser`.

    Text tokens that are zeros are filling and are not looked at.
    """

    def forward(self, noisy_BCTHW: Tensor, level_BT: Tensor, text_BND: Tensor) -> Tensor:
        """Return the velocity of every frame, (B, C, T, H, W)."""
        check_shapes(noisy=(noisy_BCTHW, "BCTHW"), level=(level_BT, "BT"), text=(text_BND, "BND"))
        frames, height, width = noisy_BCTHW.shape[2:]
        text = text_BND.to(noisy_BCTHW.device, self.dtype)
        velocity: Tensor = super().forward(
            noisy_BCTHW.flatten(2).transpose(1, 2).to(self.dtype),
            text,
            level_BT.repeat_interleave(height * width, dim=1),
            text.abs().sum(dim=-1) > 0,
            num_frames=frames,
            height=height,
            width=width,
            rope_interpolation_scale=(PACKED[0] / FRAMES_PER_SECOND, *PACKED[1:]),
            return_dict=False,
        )[0]
        windows: Tensor = velocity.transpose(1, 2).unflatten(2, (frames, height, width))
        return windows.to(noisy_BCTHW.dtype)


def set_steps(scheduler: Any, count: int, shape: tuple[int, ...]) -> None:
    """Set a sampler's levels, which shift with the number of tokens of the window."""
    config = scheduler.config
    least, most = config.get("base_image_seq_len", 256), config.get("max_image_seq_len", 4096)
    low, high = config.get("base_shift", 0.5), config.get("max_shift", 1.15)
    shift = low + (high - low) * (math.prod(shape[1:]) - least) / (most - least)
    scheduler.set_timesteps(sigmas=np.linspace(1.0, 1 / count, count), mu=shift)


def _patch(denoiser: nn.Module) -> int:  # noqa: ARG001
    return 1


LTX = Backbone(
    name="ltx",
    pipelines=("LTXPipeline", "LTXImageToVideoPipeline", "LTXConditionPipeline"),
    part="transformer",
    denoiser=LTXDenoiser,
    stored_as="LTXVideoTransformer3DModel",
    levels="one for every token; trained for one a clip and for a clean first frame",
    text=TextRule(length=128, is_masked=False, is_zeroed=True),
    attention=ATTENTION,
    feed_forward=("ff.net.0.proj", "ff.net.2"),
    settings=replace(
        WAN.settings, chunk_frames=8, frame_size=512, frames_per_second=25.0, guidance=2.0
    ),
    window=161,
    patch=_patch,
    set_steps=set_steps,
)
"""LTX-Video."""
