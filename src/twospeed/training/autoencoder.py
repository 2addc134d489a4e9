"""Train the frame autoencoder on frames in memory (or mapped from disk)."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from torch import Tensor

from twospeed.training.loop import LoopConfig, run_loop
from twospeed.worldmodel.autoencoder import (
    AutoencoderConfig,
    build_autoencoder,
    measure_statistics_,
    reconstruction_loss,
    to_pixels,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class AutoencoderRun:
    """Everything that a training of the autoencoder depends on."""

    model: AutoencoderConfig = field(default_factory=AutoencoderConfig)
    """Its size."""

    batch_size: int = 32
    """Frames in a batch."""

    loop: LoopConfig = field(default_factory=lambda: LoopConfig(steps=4_000, learning_rate=1e-3))
    """How it is trained."""


def train_autoencoder(
    frames_THWC: NDArray[np.uint8], run: AutoencoderRun, *, out: Path, minutes: float | None = None
) -> AutoencoderKL:
    """Train on frames drawn at random, half of them mirrored; resumes from `out`.

    Args:
        frames_THWC: uint8 (T, H, W, 3), any frames of the world; may be mapped from disk.
        run: sizes and steps.
        out: folder for journal and checkpoint.
        minutes: stop after this long; None runs to the last step.
    """
    torch.manual_seed(run.loop.seed)  # diffusers draws its initial weights from the global state
    autoencoder = build_autoencoder(run.model)

    def loss_of(step: int, generator: torch.Generator) -> Tensor:  # noqa: ARG001
        pixels = _draw_pixels(frames_THWC, run.batch_size, generator).to(autoencoder.device)
        return reconstruction_loss(
            autoencoder, pixels, kl_weight=run.model.kl_weight, generator=generator
        )

    averaged: AutoencoderKL = run_loop(autoencoder, loss_of, run.loop, out=out, minutes=minutes)
    sample = _draw_pixels(frames_THWC, 512, torch.Generator().manual_seed(run.loop.seed))
    measure_statistics_(averaged, sample.to(averaged.device))
    return averaged


def _draw_pixels(frames_THWC: NDArray[np.uint8], count: int, generator: torch.Generator) -> Tensor:
    chosen = torch.randint(len(frames_THWC), (count,), generator=generator).numpy()
    frames = np.stack([frames_THWC[index] for index in chosen])
    half = count // 2
    frames[:half] = frames[:half, :, ::-1]
    return to_pixels(frames[None])
