"""Recorded episodes as windows of latents for a model that has its own rules of sizes."""

from pathlib import Path

import torch

from twospeed.training.data.alike import AlikeSource
from twospeed.training.data.latents import fill_cache
from twospeed.training.data.windows import LatentWindows
from twospeed.worldmodel.loading import working
from twospeed.worldmodel.model import WorldModel


def fit_model(model: WorldModel, source: AlikeSource) -> None:
    """Let the model's settings follow the data.

    Raises:
        ConfigError: when the model cannot take frames or chunks of this size.
    """
    model.configure(**source.frame_size.fields, chunk_frames=source.chunk_frames, past_frames=None)


def cached_windows(
    model: WorldModel, source: AlikeSource, folder: Path, device: torch.device
) -> LatentWindows:
    """Encode what is not encoded yet on a device, and return the windows to draw from.

    Raises:
        ConfigError: when an episode has another size than those before it.
        DataError: when nothing can be read, or the disk is full.
    """
    with working(model.autoencoder, device):
        place = fill_cache(source, model.autoencoder, folder)
    return LatentWindows(place, groups=list(source.groups()))
