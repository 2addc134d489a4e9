"""`AutoencoderKLLTXVideo`: eight frames a latent after the first; its decoder looks both ways."""

from typing import Any

import torch
from torch import Tensor

from twospeed.worldmodel.backbones.packing import WindowDecoding, encoded_mode

CONTEXT = 8
"""Latents before a chunk that are decoded again with it."""


class LTXPacking:
    """`AutoencoderKLLTXVideo` behind the contract `Packing`.

    Args:
        autoencoder: as diffusers loads it.
    """

    def __init__(self, autoencoder: Any) -> None:
        self.autoencoder = autoencoder
        self.channels = int(autoencoder.config.latent_channels)
        self.side = int(autoencoder.spatial_compression_ratio)
        self.frames = int(autoencoder.temporal_compression_ratio)

    def encode(self, pixels_BCTHW: Tensor) -> Tensor:
        """See `Packing`.

        Raises:
            ShapeError: when there are not 1 + 8 k frames.
        """
        latents = encoded_mode(self, pixels_BCTHW)
        mean, deviation = self._moments(latents)
        return (latents - mean) / deviation

    def decode(self, latents_BCTHW: Tensor) -> Tensor:
        """See `Packing`; a decoder that is told a noise level is told 0."""
        mean, deviation = self._moments(latents_BCTHW)
        level = None
        if self.autoencoder.config.timestep_conditioning:
            level = torch.zeros(len(latents_BCTHW)).to(latents_BCTHW)
        pixels: Tensor = self.autoencoder.decode(latents_BCTHW * deviation + mean, level).sample
        return pixels

    def decoding(self) -> WindowDecoding:
        """See `Packing`."""
        return WindowDecoding(self, context=CONTEXT)

    def _moments(self, like: Tensor) -> tuple[Tensor, Tensor]:
        autoencoder = self.autoencoder
        mean, deviation = autoencoder.latents_mean.to(like), autoencoder.latents_std.to(like)
        deviation = deviation / autoencoder.config.scaling_factor
        return mean.view(1, -1, 1, 1, 1), deviation.view(1, -1, 1, 1, 1)
