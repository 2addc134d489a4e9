"""Frames <-> latents through any image autoencoder, one frame at a time.

Takes our `FrameAutoencoder` and diffusers' `AutoencoderKL` (Stable Diffusion's, which
ModelScopeT2V uses). Frames are uint8 (B, T, H, W, 3); latents float (B, C, T, h, w).
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from torch import Tensor

from twospeed.core.errors import ShapeError, lookup
from twospeed.worldmodel.autoencoder import FrameAutoencoder
from twospeed.worldmodel.loading import class_name_in, load_network

AUTOENCODERS: dict[str, Any] = {
    "AutoencoderKL": AutoencoderKL,
    "FrameAutoencoder": FrameAutoencoder,
}
"""Class name in ``vae/config.json`` -> class."""


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


def cell_side(autoencoder: Any) -> int:
    """Return the pixels that one latent cell covers along a side."""
    if isinstance(autoencoder, FrameAutoencoder):
        return int(autoencoder.config.block)
    return int(2 ** (len(autoencoder.config.block_out_channels) - 1))


@torch.no_grad()
def encode_frames(autoencoder: Any, frames_BTHWC: NDArray[np.uint8] | Tensor) -> Tensor:
    """Encode uint8 frames (B, T, H, W, 3) to unit-variance latents (B, C, T, h, w).

    Raises:
        ShapeError: when the frames have another form, or a side that latent cells do not fill.
    """
    pixels = to_pixels(frames_BTHWC).to(device=autoencoder.device, dtype=autoencoder.dtype)
    side = cell_side(autoencoder)
    if pixels.shape[-1] % side or pixels.shape[-2] % side:
        raise ShapeError(
            f"frame sides must be multiples of {side} pixels, got {tuple(pixels.shape[-2:])}"
        )
    latents = autoencoder.encode(pixels)
    if isinstance(autoencoder, AutoencoderKL):
        latents = latents.latent_dist.mean * autoencoder.config.scaling_factor
    windows: Tensor = latents.unflatten(0, (len(frames_BTHWC), -1)).transpose(1, 2)
    return windows.float().contiguous()


@torch.no_grad()
def decode_latents(autoencoder: Any, latents_BCTHW: Tensor) -> NDArray[np.uint8]:
    """Decode latents (B, C, T, h, w) to uint8 frames (B, T, H, W, 3)."""
    latents = latents_BCTHW.transpose(1, 2).flatten(0, 1)
    latents = latents.to(device=autoencoder.device, dtype=autoencoder.dtype)
    if isinstance(autoencoder, AutoencoderKL):
        pixels = autoencoder.decode(latents / autoencoder.config.scaling_factor).sample
    else:
        pixels = autoencoder.decode(latents)
    frames = to_frames(pixels)
    return frames.reshape(len(latents_BCTHW), -1, *frames.shape[1:])


def load_autoencoder(folder: Path) -> Any:
    """Load ``vae/`` of a model folder.

    Raises:
        DataError: when it is missing or its file is damaged.
        UnknownNameError: when the class in its configuration is none we know.
    """
    place = folder / "vae"
    kind = lookup(AUTOENCODERS, class_name_in(place), "autoencoder")
    return load_network(kind, "autoencoder", place)
