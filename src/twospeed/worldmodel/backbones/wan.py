"""Wan 2.1 and 2.2: a space-time transformer that predicts velocities, a level for every token.

Wan 2.2 TI2V is trained for a clean first frame among noise; all others were told one level a clip,
and learn more clean frames by slow learning. Image-to-video weights get the clean past beside the
noise (wan_pictures.py).
"""

from typing import Any

import torch
from diffusers import WanTransformer3DModel
from torch import Tensor, nn
from torch.nn import functional

from twospeed.core.random import generator_of, normal
from twospeed.core.shapes import check_shapes
from twospeed.worldmodel.backbones.base import Backbone
from twospeed.worldmodel.backbones.texts import TextRule
from twospeed.worldmodel.backbones.wan_experts import joined
from twospeed.worldmodel.backbones.wan_pictures import Pictures, Shown, look
from twospeed.worldmodel.settings import ModelSettings

ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
FEED_FORWARD = ("ffn.net.0.proj", "ffn.net.2")
TEXT = TextRule(length=512, is_masked=True, is_zeroed=True, is_cleaned=True)
"""UMT5's features, zeros from the end of the text on."""

IMAGE_TEXT = 512
"""Text tokens that the weights of Wan 2.1 with an encoder of pictures count on."""


class WanDenoiser(WanTransformer3DModel):  # type: ignore[misc]
    """`WanTransformer3DModel` behind the contract `Denoiser`.

    Attributes:
        pictures: what shows image-to-video weights the given frames; None for all others.
    """

    pictures: Pictures | None = None

    def forward(self, noisy_BCTHW: Tensor, level_BT: Tensor, text_BND: Tensor) -> Tensor:
        """Return the velocity of every frame, (B, C, T, H, W).

        Image-to-video weights are shown given frames, those below a clip's greatest level, clean in
        channels of their own, and noised like the others beside them, as they were trained.
        """
        check_shapes(noisy=(noisy_BCTHW, "BCTHW"), level=(level_BT, "BT"), text=(text_BND, "BND"))
        if self.pictures is None:
            return self._velocity(noisy_BCTHW, level_BT, text_BND)
        level_B1 = level_BT.amax(dim=1, keepdim=True)
        is_given_BT = level_BT < level_B1
        shown = self.pictures.of(noisy_BCTHW, is_given_BT)
        noisy_BCTHW = _noised_where(is_given_BT, noisy_BCTHW, level_B1)
        return self.beside(shown, noisy_BCTHW, level_B1.expand_as(level_BT), text_BND)

    def beside(
        self, shown: Shown, noisy_BCTHW: Tensor, level_BT: Tensor, text_BND: Tensor
    ) -> Tensor:
        """Return the velocity of every frame, (B, C, T, H, W), beside what is shown."""
        sample = torch.cat([noisy_BCTHW, shown.channels_BCTHW.to(noisy_BCTHW)], dim=1)
        tokens = shown.tokens_BND
        if tokens is not None:
            tokens = tokens.to(sample.device, self.dtype)
            text_BND = functional.pad(text_BND, (0, 0, 0, IMAGE_TEXT - text_BND.shape[1]))
        return self._velocity(sample, level_BT, text_BND, tokens).to(noisy_BCTHW.dtype)

    def _velocity(
        self, sample: Tensor, level_BT: Tensor, text_BND: Tensor, tokens: Tensor | None = None
    ) -> Tensor:
        velocity: Tensor = super().forward(
            sample.to(self.dtype),
            level_of_tokens(level_BT, sample, self.config.patch_size),
            text_BND.to(sample.device, self.dtype),
            encoder_hidden_states_image=tokens,
            return_dict=False,
        )[0]
        return velocity.to(sample.dtype)


def level_of_tokens(level_BT: Tensor, noisy_BCTHW: Tensor, patch: tuple[int, int, int]) -> Tensor:
    """Return the level of every token, (B, tokens), or of every clip, (B,), where frames agree."""
    if bool((level_BT == level_BT[:, :1]).all()):
        return level_BT[:, 0]
    _, height, width = patch
    tokens = (noisy_BCTHW.shape[3] // height) * (noisy_BCTHW.shape[4] // width)
    return level_BT.repeat_interleave(tokens, dim=1)


def _noised_where(is_given_BT: Tensor, noisy_BCTHW: Tensor, level_B1: Tensor) -> Tensor:
    """Return latents whose given ones, clean until now, are noised to the level of the others."""
    given = is_given_BT[:, None, :, None, None].to(noisy_BCTHW)
    sigma = (level_B1 / 1000).to(noisy_BCTHW)[:, :, None, None, None]
    noise = normal(tuple(noisy_BCTHW.shape[1:]), generator_of("given frames"), noisy_BCTHW)
    return noisy_BCTHW.lerp((1 - sigma) * noisy_BCTHW + sigma * noise, given)


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
    look=look,
)
"""Wan 2.1 and 2.2."""
