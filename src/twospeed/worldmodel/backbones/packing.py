"""How an autoencoder packs time: the first frame of an episode is one latent, then r frames each.

Holds: `Packing`, `Decoding`, `ImagePacking` and the table of autoencoders. Axes: B clips, C
channels, T frames or latents, H and W pixels or cells.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor

from twospeed.core.errors import ShapeError


class Decoding(Protocol):
    """A decoder in the middle of one episode of every clip."""

    def next(self, latents_BCTHW: Tensor) -> Tensor:
        """Return the pixels (B, 3, T, H, W) of the latents that come next."""
        ...

    def skip(self, latents_BCTHW: Tensor) -> None:
        """Go past latents whose pixels nobody wants."""
        ...

    def state(self) -> dict[str, Tensor]:
        """Return what the next call depends on, by name."""
        ...

    def load_state_(self, named: Mapping[str, Tensor]) -> None:
        """Take over what `state` gave."""
        ...


class Packing(Protocol):
    """An autoencoder of videos, whichever it is."""

    autoencoder: Any
    """As its maker's class has it."""

    channels: int
    """Channels of a latent."""

    side: int
    """Pixels that one latent cell covers along a side."""

    frames: int
    """r, the frames of every latent but an episode's first, which is one frame."""

    def encode(self, pixels_BCTHW: Tensor) -> Tensor:
        """Encode pixels in [-1, 1] of 1 + r k frames, or any number where r is 1, to latents."""
        ...

    def decode(self, latents_BCTHW: Tensor) -> Tensor:
        """Return the pixels of latents that begin with an episode's first."""
        ...

    def decoding(self) -> Decoding:
        """Return a decoder before the first latent of an episode."""
        ...


def latents_of(num_frames: int, frames: int) -> int:
    """Return how many latents an episode of so many frames has.

    Raises:
        ShapeError: naming the next numbers that are possible.
    """
    whole, rest = divmod(num_frames - 1, frames)
    if num_frames < 1 or rest:
        less, more = 1 + frames * max(whole, 0), 1 + frames * (whole + 1)
        raise ShapeError(
            f"this autoencoder takes 1 frame and {frames} more for each latent after it, got"
            f" {num_frames}: take {less} or {more}"
        )
    return 1 + whole


def encoded_mode(packing: Packing, pixels_BCTHW: Tensor) -> Tensor:
    """Return the raw latents at which the posterior of diffusers' autoencoder is highest.

    Raises:
        ShapeError: when there are not 1 + r k frames.
    """
    latents_of(pixels_BCTHW.shape[2], packing.frames)
    latents: Tensor = packing.autoencoder.encode(pixels_BCTHW).latent_dist.mode()
    return latents


class ImagePacking:
    """An autoencoder of single frames: every frame is a latent.

    Args:
        autoencoder: `encode` and `decode` map (N, 3, H, W) to (N, C, h, w) and back.
        channels: C.
        side: pixels of a cell.
    """

    frames = 1

    def __init__(self, autoencoder: Any, *, channels: int, side: int) -> None:
        self.autoencoder, self.channels, self.side = autoencoder, channels, side

    def encode(self, pixels_BCTHW: Tensor) -> Tensor:
        """See `Packing`."""
        flat = self._encoded(pixels_BCTHW.transpose(1, 2).flatten(0, 1))
        latents: Tensor = flat.unflatten(0, (len(pixels_BCTHW), -1)).transpose(1, 2)
        return latents

    def decode(self, latents_BCTHW: Tensor) -> Tensor:
        """See `Packing`."""
        flat = self._decoded(latents_BCTHW.transpose(1, 2).flatten(0, 1))
        pixels: Tensor = flat.unflatten(0, (len(latents_BCTHW), -1)).transpose(1, 2)
        return pixels

    def decoding(self) -> "WindowDecoding":
        """See `Packing`."""
        return WindowDecoding(self, context=0)

    def _encoded(self, pixels_NCHW: Tensor) -> Tensor:
        latents: Tensor = self.autoencoder.encode(pixels_NCHW)
        return latents

    def _decoded(self, latents_NCHW: Tensor) -> Tensor:
        pixels: Tensor = self.autoencoder.decode(latents_NCHW)
        return pixels


class KLImagePacking(ImagePacking):
    """diffusers' `AutoencoderKL`: the mean of its posterior, scaled to unit variance."""

    def _encoded(self, pixels_NCHW: Tensor) -> Tensor:
        posterior = self.autoencoder.encode(pixels_NCHW).latent_dist
        latents: Tensor = posterior.mean * self.autoencoder.config.scaling_factor
        return latents

    def _decoded(self, latents_NCHW: Tensor) -> Tensor:
        latents = latents_NCHW / self.autoencoder.config.scaling_factor
        pixels: Tensor = self.autoencoder.decode(latents).sample
        return pixels


class WindowDecoding:
    """Decodes latents beside the last ones before them, for decoders without a state of their own.

    Args:
        packing: decodes them.
        context: how many latents before the new ones are decoded again.
    """

    def __init__(self, packing: Packing, *, context: int) -> None:
        self.packing, self.context = packing, context
        self._before: Tensor | None = None

    def next(self, latents_BCTHW: Tensor) -> Tensor:
        """See `Decoding`."""
        both = latents_BCTHW
        if self._before is not None:
            both = torch.cat([self._before, latents_BCTHW], dim=2)
        pixels = self.packing.decode(both)
        is_first = self._before is None and self.packing.frames > 1
        wanted = self.packing.frames * latents_BCTHW.shape[2] - (self.packing.frames - 1) * is_first
        self.skip(latents_BCTHW)
        return pixels[:, :, -wanted:]

    def skip(self, latents_BCTHW: Tensor) -> None:
        """See `Decoding`."""
        if not self.context:
            return
        before = [] if self._before is None else [self._before]
        self._before = torch.cat([*before, latents_BCTHW], dim=2)[:, :, -self.context :].clone()

    def state(self) -> dict[str, Tensor]:
        """See `Decoding`."""
        return {} if self._before is None else {"before": self._before}

    def load_state_(self, named: Mapping[str, Tensor]) -> None:
        """See `Decoding`."""
        self._before = named.get("before")
