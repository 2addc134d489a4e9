"""Sizes and numbers of frames that a family can take, and what to take in place of others."""

from dataclasses import dataclass

from twospeed.core.errors import ConfigError, ShapeError
from twospeed.core.pictures import Size
from twospeed.worldmodel.settings import ModelSettings


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What frames, chunks and windows of one model must be."""

    side: int
    """Sides of frames are multiples of so many pixels."""

    frames: int
    """Chunks and pasts are multiples of so many frames; an episode is one frame more."""

    window: int | None = None
    """Most latents of past and new frames together; None is no bound."""

    size: Size | None = None
    """The one size of frames that weights of ours were trained on; None is any of such sides."""

    def check(self, settings: ModelSettings) -> None:
        """Hold settings to the rules.

        Raises:
            ConfigError: naming the next valid values.
        """
        if self.size not in (None, settings.size):
            raise ConfigError(
                f"this model's frames are of {self.size} pixels, got {settings.size}: take its own"
            )
        _check_multiple("frame_size", settings.size.height, self.side, "pixels")
        _check_multiple("frame_width", settings.size.width, self.side, "pixels")
        _check_multiple("chunk_frames", settings.chunk_frames, self.frames, "frames")
        past = settings.past_frames or settings.chunk_frames
        _check_multiple("past_frames", past, self.frames, "frames")
        window = past + settings.chunk_frames
        if self.window is not None and window > self.frames * self.window:
            raise ConfigError(
                f"past_frames and chunk_frames are {window} together, this model's window is"
                f" {self.frames * self.window} frames: take past_frames"
                f" {max(self.frames, self.frames * self.window - settings.chunk_frames)} or fewer"
            )

    def check_window(self, past: int, new: int) -> None:
        """Refuse a window of more latents than the model takes.

        Raises:
            ShapeError: naming the longest past.
        """
        if self.window is not None and past + new > self.window:
            raise ShapeError(
                f"{past} past and {new} new latents are more than this model's window of"
                f" {self.window}: give it a past of {max(self.window - new, 1)} or fewer"
            )


def _check_multiple(name: str, value: int, unit: int, of: str) -> None:
    if value % unit:
        less, more = value // unit * unit, (value // unit + 1) * unit
        nearest = f"{less} or {more}" if less else f"{more}"
        raise ConfigError(
            f"{name} of this model is a multiple of {unit} {of}, got {value}: take {nearest}"
        )
