"""What an image-to-video Wan is told beside the noise: which frames are given, and their pictures.

Given are the frames at a lower level than a clip's noisiest. As the weights were trained, channels
of their own hold what the autoencoder makes of the given frames with grey ones after them, and four
marks a latent. Wan 2.1 also asks an encoder about the first frame: here it sees what the first
given latent decodes to, or grey.
"""

from collections import deque
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from twospeed.core.errors import DataError
from twospeed.worldmodel.backbones.image_encoder import ImageEncoder
from twospeed.worldmodel.backbones.wan_experts import WanExperts
from twospeed.worldmodel.codec import packing_of, to_frames
from twospeed.worldmodel.loading import working

MARKS = 4
"""Channels that mark given frames, one for each frame of a latent."""

KEPT = 4
"""Batches whose pictures are kept: a sampler asks about the same ones at every step."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Shown:
    """What stands beside the noise."""

    channels_BCTHW: Tensor
    """Marks and latents of the given frames."""

    tokens_BND: Tensor | None
    """Features of the first frame's picture; None where the weights ask none."""


class Pictures:
    """Shows a denoiser the frames that are given.

    Args:
        autoencoder: diffusers' `AutoencoderKLWan`.
        encoder: of pictures; None where the weights ask none.
    """

    def __init__(self, autoencoder: Any, encoder: ImageEncoder | None) -> None:
        self.autoencoder, self.encoder = autoencoder, encoder
        self.packing = packing_of(autoencoder)
        self._kept: deque[tuple[Tensor, Tensor, Shown]] = deque(maxlen=KEPT)

    @torch.no_grad()
    def of(self, latents_BCTHW: Tensor, is_given_BT: Tensor) -> Shown:
        """Return what is shown of windows whose given latents, at their start, are clean."""
        given = torch.where(_wide(is_given_BT), latents_BCTHW, 0)
        for before, is_before_BT, shown in self._kept:
            if _same(given, before) and _same(is_given_BT, is_before_BT):
                return shown
        with working(self.autoencoder, latents_BCTHW.device):
            pixels = self._pixels(given, is_given_BT)
            latents = torch.where(_wide(is_given_BT), given, self._encoded(pixels).to(given))
        shown = self._shown(latents, pixels, is_given_BT)
        self._kept.append((given, is_given_BT, shown))
        return shown

    @torch.no_grad()
    def of_pixels(self, pixels_BCTHW: Tensor, is_given_BT: Tensor) -> Shown:
        """Return what is shown of true pixels in [-1, 1], (B, 3, 1 + 4 k, H, W), grey being 0."""
        return self._shown(self._encoded(pixels_BCTHW), pixels_BCTHW, is_given_BT)

    def _pixels(self, given_BCTHW: Tensor, is_given_BT: Tensor) -> Tensor:
        """Return the given frames with grey ones after them."""
        packed, past = self.packing.frames, int(is_given_BT.sum(1).max())
        batch, _, latents, height, width = given_BCTHW.shape
        side = self.packing.side
        shape = batch, 3, 1 + packed * (latents - 1), side * height, side * width
        pixels = torch.zeros(shape, device=given_BCTHW.device, dtype=self.autoencoder.dtype)
        if past:
            seen = self.packing.decode(given_BCTHW[:, :, :past].to(pixels))
            is_seen_BT = is_given_BT[:, :past].repeat_interleave(packed, dim=1)[:, packed - 1 :]
            pixels[:, :, : seen.shape[2]] = torch.where(_wide(is_seen_BT), seen, 0)
        return pixels

    def _encoded(self, pixels_BCTHW: Tensor) -> Tensor:
        return self.packing.encode(pixels_BCTHW.to(self.autoencoder.dtype))

    def _shown(self, latents: Tensor, pixels: Tensor, is_given_BT: Tensor) -> Shown:
        marks = _wide(is_given_BT).to(latents).expand(-1, MARKS, -1, *latents.shape[3:])
        tokens = None
        if self.encoder is not None:
            with working(self.encoder.model, latents.device):
                tokens = self.encoder.encode(to_frames(pixels[:, :, 0]))
        return Shown(channels_BCTHW=torch.cat([marks, latents], dim=1), tokens_BND=tokens)


def look(denoiser: Any, autoencoder: Any, encoder: ImageEncoder | None) -> None:
    """Give the transformers of a pipeline that take pictures what they ask.

    Raises:
        DataError: when they ask an encoder of pictures that is not there, or two pictures.
    """
    parts: list[Any] = [denoiser]
    if isinstance(denoiser, WanExperts):
        parts = list(denoiser.children())
    for part in parts:
        config = part.config
        if config.in_channels == config.out_channels:
            continue
        if config.get("pos_embed_seq_len") is not None:
            raise DataError(
                "this pipeline asks a first and a last picture, and a dream has no last one: take"
                " one that asks a first picture alone"
            )
        if config.get("image_dim") is not None and encoder is None:
            raise DataError(
                "this pipeline's transformer asks an encoder of pictures and it has none: is it"
                " whole (image_encoder/)?"
            )
        asked = encoder if config.get("image_dim") is not None else None
        part.pictures = Pictures(autoencoder, asked)


def _wide(is_BT: Tensor) -> Tensor:
    return is_BT[:, None, :, None, None]


def _same(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and one.device == other.device and torch.equal(one, other)
