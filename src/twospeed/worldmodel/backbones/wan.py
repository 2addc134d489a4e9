"""Wan 2.1 and 2.2: a space-time transformer that predicts velocities, a level for every token.

Wan 2.2 TI2V is trained for a clean first frame among noise; all others were told one level a clip,
and learn more clean frames by slow learning. Image-to-video weights with channels for a picture get
the clean past in these and noise in its place.
"""

from pathlib import Path
from typing import Any

import torch
from diffusers import WanTransformer3DModel
from torch import Tensor, nn

from twospeed.core.errors import DataError
from twospeed.core.random import generator_of, normal
from twospeed.core.shapes import check_shapes
from twospeed.worldmodel.backbones.base import Backbone, Index
from twospeed.worldmodel.backbones.texts import TextRule
from twospeed.worldmodel.backbones.wan_experts import joined
from twospeed.worldmodel.settings import ModelSettings

ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
FEED_FORWARD = ("ffn.net.0.proj", "ffn.net.2")
TEXT = TextRule(length=512, is_masked=True, is_zeroed=True, is_cleaned=True)
"""UMT5's features, zeros from the end of the text on."""

MASK_CHANNELS = 4
"""Channels of an image-to-video model that mark given frames, one for each frame of a latent."""


class WanDenoiser(WanTransformer3DModel):  # type: ignore[misc]
    """`WanTransformer3DModel` behind the contract `Denoiser`."""

    def forward(self, noisy_BCTHW: Tensor, level_BT: Tensor, text_BND: Tensor) -> Tensor:
        """Return the velocity of every frame, (B, C, T, H, W)."""
        check_shapes(noisy=(noisy_BCTHW, "BCTHW"), level=(level_BT, "BT"), text=(text_BND, "BND"))
        sample, told_BT = noisy_BCTHW, level_BT
        if self.config.in_channels > self.config.out_channels:
            sample, told_BT = _with_picture(noisy_BCTHW, level_BT)
        velocity: Tensor = super().forward(
            sample.to(self.dtype),
            level_of_tokens(told_BT, noisy_BCTHW, self.config.patch_size),
            text_BND.to(noisy_BCTHW.device, self.dtype),
            return_dict=False,
        )[0]
        return velocity.to(noisy_BCTHW.dtype)


def level_of_tokens(level_BT: Tensor, noisy_BCTHW: Tensor, patch: tuple[int, int, int]) -> Tensor:
    """Return the level of every token, (B, tokens), or of every clip, (B,), where frames agree."""
    if bool((level_BT == level_BT[:, :1]).all()):
        return level_BT[:, 0]
    _, height, width = patch
    tokens = (noisy_BCTHW.shape[3] // height) * (noisy_BCTHW.shape[4] // width)
    return level_BT.repeat_interleave(tokens, dim=1)


def _with_picture(noisy_BCTHW: Tensor, level_BT: Tensor) -> tuple[Tensor, Tensor]:
    """Return latents, marks and given frames side by side, and one level a clip.

    Given frames, at level 0, are noised like the others and stand clean in their own channels, as
    the weights were trained; where nothing is given these are zeros.
    """
    level_B1 = level_BT.amax(dim=1, keepdim=True)
    is_given_BT = level_BT < level_B1
    given = is_given_BT[:, None, :, None, None].to(noisy_BCTHW)
    sigma = (level_B1 / 1000).to(noisy_BCTHW)[:, :, None, None, None]
    noise = normal(tuple(noisy_BCTHW.shape[1:]), generator_of("given frames"), noisy_BCTHW)
    noised = noisy_BCTHW.lerp((1 - sigma) * noisy_BCTHW + sigma * noise, given)
    marks = given.expand(-1, MASK_CHANNELS, -1, *noisy_BCTHW.shape[3:])
    return torch.cat([noised, marks, given * noisy_BCTHW], dim=1), level_B1.expand_as(level_BT)


def _check(index: Index, folder: Path) -> None:
    if (index.get("image_encoder") or [None])[0] is not None:
        raise DataError(
            f"{folder} holds an encoder of the first picture (image_encoder/), which a dream does"
            " not ask: take Wan 2.1 T2V, Wan 2.2 or another model without one"
        )


def patch_of(denoiser: nn.Module) -> int:
    """Return the latent cells that one token covers along a side."""
    config: Any = denoiser.config
    return int(config.patch_size[1])


WAN = Backbone(
    name="wan",
    pipelines=("WanPipeline", "WanImageToVideoPipeline"),
    part="transformer",
    denoiser=WanDenoiser,
    stored_as="WanTransformer3DModel",
    levels="one for every token; TI2V is trained for a clean first frame, others for one a clip",
    text=TEXT,
    attention=ATTENTION,
    feed_forward=FEED_FORWARD,
    settings=ModelSettings(
        world="",
        chunk_frames=4,
        frame_size=480,
        frames_per_second=16.0,
        sampling_steps=50,
        guidance=4.0,
        guided_from=0,
    ),
    window=81,
    patch=patch_of,
    join=joined,
    check=_check,
)
"""Wan 2.1 and 2.2."""
