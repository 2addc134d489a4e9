"""Our frame autoencoder: a closed-form linear encoder and a learned decoder.

The encoder projects each block of pixels on its principal components, so it needs no training
and latents never change when the decoder gets better. Diffusion in these latents weighs errors
almost as pixels do. The decoder is the transpose of the encoder plus a convolutional correction
that starts at zero and learns to undo what the projection lost.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn
from torch.nn import functional

from twospeed.core.errors import ConfigError
from twospeed.core.fields import check_fields
from twospeed.core.ranges import Share, Width, Within
from twospeed.worldmodel.blocks import ResidualBlock


@dataclass(frozen=True, kw_only=True, slots=True)
class AutoencoderConfig:
    """Size of the frame autoencoder."""

    block: Annotated[int, Within(4, 64)] = 8
    """Side in pixels of the block that becomes one latent cell; a multiple of 4."""

    latent_channels: Width = 32
    """Principal components kept of a block."""

    whitening: Share = 0.5
    """0 keeps the components' own variances, 1 makes them equal."""

    width: Width = 96
    """Channels of the decoder's correction."""

    def __post_init__(self) -> None:
        check_fields(self)
        if self.block % 4 or self.latent_channels > 3 * self.block**2 or self.width % 2:
            raise ConfigError(
                "block must be a multiple of 4, latent_channels at most 3 * block**2 and width"
                f" even, got {self.block}, {self.latent_channels} and {self.width}"
            )


class FrameAutoencoder(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Pixels in [-1, 1] <-> latents of unit variance.

    Args:
        block: side in pixels of one latent cell.
        latent_channels: components kept.
        width: channels of the decoder's correction.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(self, block: int = 8, latent_channels: int = 32, width: int = 96) -> None:
        super().__init__()
        pixels = 3 * block**2
        self.register_buffer("mean", torch.zeros(pixels))
        self.register_buffer("analysis", torch.zeros(latent_channels, pixels))
        self.register_buffer("synthesis", torch.zeros(pixels, latent_channels))
        self.enter = nn.Conv2d(latent_channels, width, 3, padding=1)
        self.coarse = nn.Sequential(ResidualBlock(width), ResidualBlock(width))
        self.grow = nn.Conv2d(width, 4 * width // 2, 1)
        self.fine = nn.Sequential(ResidualBlock(width // 2), ResidualBlock(width // 2))
        self.leave = nn.Conv2d(width // 2, pixels // 4, 3, padding=1)
        for parameter in self.leave.parameters():
            nn.init.zeros_(parameter)

    def encode(self, pixels_BCHW: Tensor) -> Tensor:
        """Project frames (B, 3, H, W) to latents (B, C, H / block, W / block)."""
        cells = functional.pixel_unshuffle(pixels_BCHW, self.config.block).permute(0, 2, 3, 1)
        latents: Tensor = ((cells - self.mean) @ self.analysis.mT).permute(0, 3, 1, 2)
        return latents

    def decode(self, latents_BCHW: Tensor) -> Tensor:
        """Return frames (B, 3, H, W)."""
        cells = latents_BCHW.permute(0, 2, 3, 1) @ self.synthesis.mT + self.mean
        plain = functional.pixel_shuffle(cells.permute(0, 3, 1, 2), self.config.block)
        hidden = self.grow(self.coarse(self.enter(latents_BCHW)))
        hidden = self.fine(functional.pixel_shuffle(hidden, 2))
        return plain + functional.pixel_shuffle(self.leave(hidden), self.config.block // 2)


@torch.no_grad()
def fit_encoder(pixels_BCHW: Tensor, config: AutoencoderConfig) -> FrameAutoencoder:
    """Return an autoencoder whose encoder is fitted to frames, with an untrained correction.

    Args:
        pixels_BCHW: a few thousand frames in [-1, 1].
        config: its size.
    """
    model: FrameAutoencoder = FrameAutoencoder(config.block, config.latent_channels, config.width)
    cells = functional.pixel_unshuffle(pixels_BCHW, config.block).permute(0, 2, 3, 1)
    flat = cells.flatten(0, 2).double()
    mean = flat.mean(0)
    variance, basis = torch.linalg.eigh((flat - mean).mT @ (flat - mean) / len(flat))
    kept = slice(-config.latent_channels, None)
    variance, basis = variance[kept].flip(0), basis[:, kept].flip(1)
    variance = variance.clamp_min(1e-9 * float(variance.max()) + 1e-12)  # flat frames have none
    spread = variance.sqrt() ** config.whitening
    spread = spread * (variance / spread**2).mean().sqrt()
    model.mean.copy_(mean)
    model.analysis.copy_((basis / spread).mT)
    model.synthesis.copy_(basis * spread)
    return model
