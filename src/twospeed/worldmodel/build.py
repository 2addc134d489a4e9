"""Build an untrained world model from configurations: the start of every training.

Holds: `WorldModelConfig`, `build_denoiser`. The sizes of the parts that must fit
each other (latent channels, text features) stand here once.
"""

from dataclasses import dataclass, field
from typing import Annotated

import torch
from torch import nn

from twospeed.core.capacity import check_fits
from twospeed.core.errors import ConfigError, lookup
from twospeed.core.fields import check_fields
from twospeed.core.random import initial_weights_of
from twospeed.core.ranges import Width, Within
from twospeed.worldmodel.autoencoder import AutoencoderConfig
from twospeed.worldmodel.contract import Denoiser, as_module
from twospeed.worldmodel.denoiser import UNet3D, small_unet3d
from twospeed.worldmodel.diffusion import DiffusionConfig
from twospeed.worldmodel.settings import ModelSettings
from twospeed.worldmodel.text import TextEncoderConfig
from twospeed.worldmodel.transformer import MOST_CELLS, MOST_FRAMES, SpaceTimeTransformer

KINDS: dict[str, type[nn.Module]] = {"transformer": SpaceTimeTransformer, "unet3d": UNet3D}
"""Denoiser of a recipe -> class: ours, and the paper's."""

BYTES_A_PARAMETER = 20
"""In training: the weight, its average, its gradient, Adam's two averages."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WorldModelConfig:
    """Sizes of all parts of a world model."""

    denoiser: str = "transformer"
    """"transformer" (ours) or "unet3d" (the paper's)."""

    width: Width = 192
    """Features of a transformer token."""

    depth: Annotated[int, Within(1, 1000)] = 6
    """Transformer blocks."""

    heads: Annotated[int, Within(1, 1024)] = 3
    """Attention heads."""

    conv_channels: Width = 64
    """Channels of the transformer's convolutions."""

    conv_blocks: Annotated[int, Within(0, 100)] = 2
    """Residual blocks of convolutions before and after the transformer."""

    shows_last: bool = True
    """Whether the transformer's convolutions of new frames see the last past frame directly."""

    attends_last: bool = False
    """Whether every cell of the transformer's new frames attends to all of the last past frame."""

    recall_keys: Annotated[int, Within(0, 65_536)] = 256
    """Features of the keys of the transformer's layer for fast weights (recall.py); 0 for none."""

    autoencoder: AutoencoderConfig = field(default_factory=AutoencoderConfig)
    """The frame autoencoder."""

    text: TextEncoderConfig = field(default_factory=TextEncoderConfig)
    """The text encoder."""

    diffusion: DiffusionConfig = field(default_factory=DiffusionConfig)
    """Noise schedule and prediction."""

    settings: ModelSettings = field(default_factory=ModelSettings)
    """World, chunk length, frame size, sampling."""

    def __post_init__(self) -> None:
        check_fields(self)
        lookup(KINDS, self.denoiser, "denoiser")
        self._check_cells()
        if self.denoiser == "transformer":
            self._check_transformer()

    def _check_cells(self) -> None:
        size, block = self.settings.frame_size, self.autoencoder.block
        least = 4 if self.recall_keys or self.denoiser == "unet3d" else 2
        if size % (least * block):
            raise ConfigError(
                f"settings.frame_size must be a multiple of {least * block}, {least} blocks of"
                f" {block} pixels, got {size}"
            )

    def _check_transformer(self) -> None:
        for name, value, factor in (
            ("width", self.width, 4),
            ("width", self.width, self.heads),
            ("conv_channels", self.conv_channels, 16),
        ):
            if value % factor:
                raise ConfigError(f"{name} must be a multiple of {factor}, got {value}")
        cells, frames = self.settings.frame_size // self.autoencoder.block, MOST_FRAMES
        if cells > MOST_CELLS or 2 * self.settings.chunk_frames > frames:
            raise ConfigError(
                f"a transformer takes frames of at most {MOST_CELLS} blocks a side and windows of"
                f" {frames} frames, got {cells} blocks and two chunks of"
                f" {self.settings.chunk_frames}"
            )


def build_denoiser(config: WorldModelConfig, *, seed: int) -> Denoiser:
    """Return an untrained denoiser whose weights depend on the seed alone.

    Raises:
        ConfigError: when this machine's memory cannot hold its training.
    """
    with torch.device("meta"):  # shapes alone, no memory
        count = sum(tensor.numel() for tensor in as_module(_denoiser_of(config)).parameters())
    check_fits(BYTES_A_PARAMETER * count, f"training a denoiser of {count:,} parameters")
    with initial_weights_of(seed):
        return _denoiser_of(config)


def _denoiser_of(config: WorldModelConfig) -> Denoiser:
    if config.denoiser == "unet3d":
        unet: Denoiser = small_unet3d(config.autoencoder.latent_channels, config.text.width)
        return unet
    transformer: Denoiser = SpaceTimeTransformer(
        latent_channels=config.autoencoder.latent_channels,
        text_width=config.text.width,
        width=config.width,
        depth=config.depth,
        heads=config.heads,
        conv_channels=config.conv_channels,
        conv_blocks=config.conv_blocks,
        shows_last=config.shows_last,
        attends_last=config.attends_last,
        recall_keys=config.recall_keys,
        recall_cells=config.settings.frame_size // config.autoencoder.block,
        recall_frames=config.settings.chunk_frames,
    )
    return transformer
