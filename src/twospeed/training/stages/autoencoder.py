"""Train the frame autoencoder: fit its encoder in closed form, then learn the decoder's correction.

Latents depend on the encoder alone, so they stay valid while the decoder gets better.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, cast

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from twospeed.core.fields import check_fields
from twospeed.core.random import generator_of, initial_weights_of, normal
from twospeed.core.ranges import Batch, Within
from twospeed.training.loop import run_loop
from twospeed.training.loop_config import LoopConfig
from twospeed.worldmodel.autoencoder import AutoencoderConfig, FrameAutoencoder, fit_encoder
from twospeed.worldmodel.codec import decode_latents, encode_frames, to_pixels


@dataclass(frozen=True, kw_only=True, slots=True)
class AutoencoderRun:
    """Everything that a training of the autoencoder depends on, beside its size."""

    frames: Annotated[int, Within(1, 10_000_000)] = 16_384
    """Frames taken from the recording, spread over it; the encoder is fitted to 4,096."""

    batch_size: Batch = 32
    """Frames in a batch."""

    latent_noise: Annotated[float, Within(0, 1000)] = 0.05
    """Deviation of noise on the decoder's input: generated latents are not perfect either."""

    loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(steps=6_000, learning_rate=1e-3, ema_decay=0.995)
    )
    """How the decoder is trained."""

    def __post_init__(self) -> None:
        check_fields(self)


def fit_to_frames(
    frames_THWC: NDArray[np.uint8], config: AutoencoderConfig, *, seed: int
) -> FrameAutoencoder:
    """Return an autoencoder whose encoder is fitted to frames drawn at random and their mirrors.

    Args:
        frames_THWC: uint8 (T, H, W, 3), any frames of the world; may be mapped from disk.
        config: its size.
        seed: decides the frames and the first weights of the decoder.
    """
    count = min(len(frames_THWC), 4096)
    pixels = _draw_pixels(frames_THWC, count, generator_of(seed, "fit"))
    pixels = torch.cat([pixels, pixels.flip(-1)])
    with initial_weights_of(seed):
        return fit_encoder(pixels, config)


def train_decoder(
    autoencoder: FrameAutoencoder,
    frames_THWC: NDArray[np.uint8],
    run: AutoencoderRun,
    *,
    out: Path,
    minutes: float | None = None,
    accelerator: Accelerator | None = None,
) -> FrameAutoencoder:
    """Learn the decoder on frames drawn at random, half of them mirrored; resumes from `out`.

    Only the decoder has parameters; the encoder is made of buffers and stays as it is.

    Args:
        autoencoder: a fitted one; trained in place.
        frames_THWC: uint8 (T, H, W, 3), any frames of the world; may be mapped from disk.
        run: how.
        out: folder for journal and checkpoint.
        minutes: stop after this long; None runs to the last step.
        accelerator: device and processes; by default one is made.

    Returns:
        A copy with averaged weights.
    """

    def loss_of(step: int, generator: torch.Generator) -> Tensor:  # noqa: ARG001
        pixels = _draw_pixels(frames_THWC, run.batch_size, generator).to(autoencoder.device)
        return reconstruction_loss(autoencoder, pixels, run.latent_noise, generator)

    averaged: Any = run_loop(
        autoencoder,
        loss_of,
        run.loop,
        out=out,
        minutes=minutes,
        accelerator=accelerator,
        label="autoencoder",
    )
    return cast(FrameAutoencoder, averaged)


def reconstruction_loss(
    autoencoder: FrameAutoencoder,
    pixels_BCHW: Tensor,
    latent_noise: float,
    generator: torch.Generator,
) -> Tensor:
    """Return the mean squared error of decoded pixels in [-1, 1], with noise on the latents."""
    latents = autoencoder.encode(pixels_BCHW)
    noise = normal(tuple(latents.shape), generator, latents)
    return functional.mse_loss(autoencoder.decode(latents + latent_noise * noise), pixels_BCHW)


def psnr_of(autoencoder: FrameAutoencoder, frames_THWC: NDArray[np.uint8]) -> float:
    """Return the mean PSNR, in dB, of frames (T, H, W, 3) that were encoded and decoded."""
    values = [
        _psnr(decode_latents(autoencoder, encode_frames(autoencoder, part[None]))[0], part)
        for part in np.array_split(frames_THWC, -(-len(frames_THWC) // 256))
    ]
    return float(np.concatenate(values).mean())


def _psnr(decoded: NDArray[np.uint8], true: NDArray[np.uint8]) -> NDArray[np.float64]:
    error: NDArray[np.float64] = np.square(decoded.astype(np.float64) - true).mean((1, 2, 3))
    return 10 * np.log10(255**2 / np.maximum(error, 1e-6))


def _draw_pixels(frames_THWC: NDArray[np.uint8], count: int, generator: torch.Generator) -> Tensor:
    chosen = torch.randint(len(frames_THWC), (count,), generator=generator).numpy()
    frames = np.stack([frames_THWC[index] for index in chosen])
    half = count // 2
    frames[:half] = frames[:half, :, ::-1]
    return to_pixels(frames[None])
