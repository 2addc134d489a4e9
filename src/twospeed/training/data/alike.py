"""One size of frames and chunks in all episodes that are learned from."""

from collections.abc import Iterator
from dataclasses import dataclass

from twospeed.core.errors import ConfigError, DataError
from twospeed.core.pictures import Size
from twospeed.data.episode import Episode
from twospeed.training.data.sources import Contents, EpisodeSource, read_whole


@dataclass(frozen=True, kw_only=True, slots=True)
class AlikeSource:
    """Episodes that must all have frames and chunks of one size; an `EpisodeSource`."""

    source: EpisodeSource
    frame_size: Size
    chunk_frames: int
    asked_by: str = "the recipe takes"
    """Who wants that size, in a message."""

    @classmethod
    def of(cls, source: EpisodeSource) -> "AlikeSource":
        """Return a source held to the size of its first whole episode.

        Raises:
            DataError: when none can be read.
        """
        for group in source.groups():
            for episode in read_whole(source, group):
                return cls(
                    source=source,
                    frame_size=Size(*episode.frames.shape[1:3]),
                    chunk_frames=episode.chunk_frames,
                    asked_by="shards before it have",
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
            found = Size(*episode.frames.shape[1:3]), episode.chunk_frames
            if found != (self.frame_size, self.chunk_frames):
                raise ConfigError(
                    f"{group} has frames of {_said(*found)}, {self.asked_by}"
                    f" {_said(self.frame_size, self.chunk_frames)}: record or import all alike"
                )
            yield episode

    def contents(self) -> Contents:
        """See `EpisodeSource`."""
        return self.source.contents()

    def rates(self) -> set[float]:
        """See `EpisodeSource`."""
        return self.source.rates()


def _said(size: Size, chunk_frames: int) -> str:
    return f"{size} pixels in chunks of {chunk_frames}"
