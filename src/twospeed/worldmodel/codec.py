"""Frames <-> latents through any autoencoder that packs them as `Packing` says.

Takes our `FrameAutoencoder`, diffusers' `AutoencoderKL` (Stable Diffusion's, which ModelScopeT2V
uses), `AutoencoderKLWan` and `AutoencoderKLLTXVideo`. Frames are uint8 (B, T, H, W, 3); latents
float (B, C, T, h, w).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, AutoencoderKLLTXVideo, AutoencoderKLWan
from numpy.typing import NDArray
from torch import Tensor

from twospeed.core.errors import ShapeError, lookup
from twospeed.worldmodel.autoencoder import FrameAutoencoder
from twospeed.worldmodel.backbones.ltx_packing import LTXPacking
from twospeed.worldmodel.backbones.packing import (
    Decoding,
    ImagePacking,
    KLImagePacking,
    Packing,
)
from twospeed.worldmodel.backbones.wan_packing import WanPacking
from twospeed.worldmodel.loading import class_name_in, load_network, working

AUTOENCODERS: dict[str, Any] = {
    "AutoencoderKL": AutoencoderKL,
    "AutoencoderKLLTXVideo": AutoencoderKLLTXVideo,
    "AutoencoderKLWan": AutoencoderKLWan,
    "FrameAutoencoder": FrameAutoencoder,
}
"""Class name in ``vae/config.json`` -> class."""


CONTEXT = 8
"""Latents before a chunk of real frames whose frames are encoded again with it."""


def packing_of(autoencoder: Any) -> Packing:
    """Return an autoencoder behind the contract of all."""
    return _PACKINGS[type(autoencoder)](autoencoder)


def _image(autoencoder: Any) -> Packing:
    config = autoencoder.config
    return ImagePacking(autoencoder, channels=int(config.latent_channels), side=int(config.block))


def _kl_image(autoencoder: Any) -> Packing:
    config = autoencoder.config
    side = 2 ** (len(config.block_out_channels) - 1)
    return KLImagePacking(autoencoder, channels=int(config.latent_channels), side=side)


_PACKINGS: dict[type, Callable[[Any], Packing]] = {
    FrameAutoencoder: _image,
    AutoencoderKL: _kl_image,
    AutoencoderKLWan: WanPacking,
    AutoencoderKLLTXVideo: LTXPacking,
}


def to_pixels(frames_BTHWC: NDArray[np.uint8] | Tensor) -> Tensor:
    """Map uint8 frames (B, T, H, W, 3) to float pixels (B*T, 3, H, W) in [-1, 1].

    Raises:
        ShapeError: when the frames have another form.
    """
    if isinstance(frames_BTHWC, np.ndarray) and not frames_BTHWC.flags.writeable:
        frames_BTHWC = frames_BTHWC.copy()  # torch takes no read-only array
    frames = torch.as_tensor(frames_BTHWC)
    if frames.ndim != 5 or frames.shape[-1] != 3 or frames.dtype != torch.uint8:
        raise ShapeError(
            f"frames should be uint8 (B, T, H, W, 3), got {frames.dtype} {tuple(frames.shape)}"
        )
    return frames.flatten(0, 1).permute(0, 3, 1, 2).float() / 127.5 - 1


def to_frames(pixels_BCHW: Tensor) -> NDArray[np.uint8]:
    """Map float pixels (B, 3, H, W) in [-1, 1] to uint8 frames (B, H, W, 3)."""
    rounded = ((pixels_BCHW.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return rounded.permute(0, 2, 3, 1).cpu().numpy()


def _windows(pixels_BCTHW: Tensor) -> NDArray[np.uint8]:
    frames = to_frames(pixels_BCTHW.transpose(1, 2).flatten(0, 1))
    return frames.reshape(len(pixels_BCTHW), -1, *frames.shape[1:])


@torch.no_grad()
def encode_frames(autoencoder: Any, frames_BTHWC: NDArray[np.uint8] | Tensor) -> Tensor:
    """Encode uint8 frames (B, T, H, W, 3) to unit-variance latents (B, C, T', h, w).

    Args:
        autoencoder: one of `AUTOENCODERS`.
        frames_BTHWC: from the first frame of an episode on, T = 1 + r k of them where an
            autoencoder packs r frames.

    Raises:
        ShapeError: when the frames have another form or number, or a side that latent cells do
            not fill.
    """
    pixels = to_pixels(frames_BTHWC).to(device=autoencoder.device, dtype=autoencoder.dtype)
    packing = packing_of(autoencoder)
    if pixels.shape[-1] % packing.side or pixels.shape[-2] % packing.side:
        raise ShapeError(
            f"frame sides must be multiples of {packing.side} pixels, got"
            f" {tuple(pixels.shape[-2:])}"
        )
    latents = packing.encode(pixels.unflatten(0, (len(frames_BTHWC), -1)).transpose(1, 2))
    return latents.float().contiguous()


@torch.no_grad()
def decode_latents(autoencoder: Any, latents_BCTHW: Tensor) -> NDArray[np.uint8]:
    """Decode latents (B, C, T', h, w) to uint8 frames (B, T, H, W, 3).

    Args:
        autoencoder: one of `AUTOENCODERS`.
        latents_BCTHW: an episode's first before all; `FrameStream` decodes those in its middle.
    """
    latents = latents_BCTHW.to(device=autoencoder.device, dtype=autoencoder.dtype)
    return _windows(packing_of(autoencoder).decode(latents))


class FrameStream:
    """One episode of every clip between frames and latents, chunk by chunk.

    What is decoded so is what decoding all at once gives. Real frames are encoded beside the last
    ones that were seen, where the autoencoder packs time.

    Args:
        autoencoder: one of `AUTOENCODERS`.
        device: where it works; None is where it is.
    """

    def __init__(self, autoencoder: Any, device: torch.device | None = None) -> None:
        self.autoencoder, self.device = autoencoder, device
        packing = packing_of(autoencoder)
        self.decoding: Decoding = packing.decoding()
        self._most_seen = 1 + CONTEXT * packing.frames if packing.frames > 1 else 0
        self._seen: NDArray[np.uint8] | None = None

    @torch.no_grad()
    def next(self, latents_BCTHW: Tensor) -> NDArray[np.uint8]:
        """Return the uint8 frames (B, T, H, W, 3) of the latents that come next."""
        with working(self.autoencoder, self.device):
            frames = _windows(self.decoding.next(self._ready(latents_BCTHW)))
        self._see(frames)
        return frames

    @torch.no_grad()
    def skip(self, latents_BCTHW: Tensor, frames_BTHWC: NDArray[np.uint8]) -> None:
        """Go past latents whose frames are known."""
        with working(self.autoencoder, self.device):
            self.decoding.skip(self._ready(latents_BCTHW))
        self._see(frames_BTHWC)

    def encode(self, frames_BTHWC: NDArray[np.uint8]) -> Tensor:
        """Return the latents (B, C, T', h, w) of real frames that come next."""
        with working(self.autoencoder, self.device):
            if self._seen is None:
                return encode_frames(self.autoencoder, frames_BTHWC)
            both = np.concatenate([self._seen, frames_BTHWC], axis=1)
            new = frames_BTHWC.shape[1] // packing_of(self.autoencoder).frames
            return encode_frames(self.autoencoder, both)[:, :, -new:].contiguous()

    def state(self) -> dict[str, Tensor]:
        """Return what the next call depends on, by name."""
        named = {f"stream.{name}": it for name, it in self.decoding.state().items()}
        if self._seen is not None:
            named["stream.seen"] = torch.from_numpy(self._seen.copy())
        return named

    def load_state_(self, named: dict[str, Tensor]) -> None:
        """Take over what `state` gave.

        Raises:
            DataError: when it is that of another autoencoder.
        """
        own = {name.removeprefix("stream."): it for name, it in named.items()}
        seen = own.pop("seen", None)
        self._seen = None if seen is None else seen.numpy()
        if own:
            self.decoding.load_state_({name: self._ready(it) for name, it in own.items()})

    def _see(self, frames_BTHWC: NDArray[np.uint8]) -> None:
        if self._most_seen:
            before = [] if self._seen is None else [self._seen]
            self._seen = np.concatenate([*before, frames_BTHWC], axis=1)[:, -self._most_seen :]

    def _ready(self, latents_BCTHW: Tensor) -> Tensor:
        dtype = self.autoencoder.dtype if latents_BCTHW.is_floating_point() else None
        return latents_BCTHW.to(device=self.device or self.autoencoder.device, dtype=dtype)


def load_autoencoder(
    folder: Path, *, dtype: torch.dtype = torch.float32, variant: str | None = None
) -> Any:
    """Load ``vae/`` of a model folder.

    Raises:
        DataError: when it is missing or its file is damaged.
        UnknownNameError: when the class in its configuration is none we know.
    """
    place = folder / "vae"
    kind = lookup(AUTOENCODERS, class_name_in(place), "autoencoder")
    return load_network(kind, "autoencoder", place, dtype=dtype, variant=variant)
