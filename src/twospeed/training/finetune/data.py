"""Recorded episodes as windows of latents for a model that has its own rules of sizes."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from twospeed.core.errors import ConfigError, DataError
from twospeed.data.episode import Episode
from twospeed.training.data.latents import fill_cache
from twospeed.training.data.sources import Contents, EpisodeSource, read_whole
from twospeed.training.data.windows import LatentWindows
from twospeed.worldmodel.loading import working
from twospeed.worldmodel.model import WorldModel


@dataclass(frozen=True, kw_only=True, slots=True)
class AlikeSource:
    """Episodes that must all have frames and chunks of one size; an `EpisodeSource`."""

    source: EpisodeSource
    frame_size: tuple[int, int]
    chunk_frames: int

    @classmethod
    def of(cls, source: EpisodeSource) -> "AlikeSource":
        """Return a source held to the sizes of its first whole episode.

        Raises:
            DataError: when none can be read.
        """
        for group in source.groups():
            for episode in read_whole(source, group):
                height, width = episode.frames.shape[1:3]
                return cls(
                    source=source, frame_size=(height, width), chunk_frames=episode.chunk_frames
                )
        raise DataError("no episode of these data can be read")

    def groups(self) -> dict[str, str]:
        """See `EpisodeSource`."""
        return self.source.groups()

    def read(self, group: str) -> Iterator[Episode]:
        """See `EpisodeSource`.

        Raises:
            ConfigError: when an episode has another size.
        """
        for episode in self.source.read(group):
            found = episode.frames.shape[1:3], episode.chunk_frames
            if found != (self.frame_size, self.chunk_frames):
                raise ConfigError(
                    f"{group} has frames of {found[0][0]}x{found[0][1]} pixels in chunks of"
                    f" {found[1]}, shards before it {self.frame_size[0]}x{self.frame_size[1]} in"
                    f" chunks of {self.chunk_frames}: record or import all alike"
                )
            yield episode

    def contents(self) -> Contents:
        """See `EpisodeSource`."""
        return self.source.contents()

    def rates(self) -> set[float]:
        """See `EpisodeSource`."""
        return self.source.rates()


def fit_model(model: WorldModel, source: AlikeSource) -> None:
    """Let the model's settings follow the data.

    Raises:
        ConfigError: when the model cannot take frames or chunks of this size.
    """
    height, width = source.frame_size
    if height != width:
        raise ConfigError(f"frames must be square, the data have {height}x{width} pixels")
    model.configure(frame_size=height, chunk_frames=source.chunk_frames, past_frames=None)
    if model.origin is None:
        model.rules.check(model.settings)


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
