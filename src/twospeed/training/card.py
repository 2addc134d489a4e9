"""The model card: what a model was trained on, how, for how long, and what was measured."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version

import torch

from twospeed.training.data.sources import Contents
from twospeed.training.run import RunConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """What was measured at the end of a training."""

    autoencoder_psnr_db: float
    """PSNR of held-out frames, encoded and decoded."""

    text_accuracy: float
    """Share of held-out sayings that are understood, 0 to 1."""

    denoiser_loss: float
    """Mean diffusion loss on held-out episodes, averaged weights."""

    loss_with_memory: float | None
    """The same after the loops with memories, on chunks that follow written ones of their
    episode."""

    loss_without_memory: float | None
    """The same windows and noise without the memory; both None before there is such a loop."""

    views_psnr_db: float | None
    """PSNR of views of held-out episodes that the renderer drew from others; None without one."""

    autoencoder_steps: int
    """Steps of the decoder's training."""

    text_steps: int
    """Steps of the text encoder's training."""

    denoiser_steps: int
    """Steps of the denoiser's training."""

    recalling_steps: int
    """Steps in which the denoiser learned to recall."""

    slow_fast_steps: int
    """Steps of the denoiser beside memories."""

    adversarial_steps: int
    """Steps against a critic."""

    rendering_steps: int
    """Steps in which the renderer learned to draw views anew."""

    minutes: float
    """Wall-clock time of all trainings, those of earlier runs included."""

    num_parameters: int
    """Parameters of the denoiser."""

    device: str
    """Device of the last run."""


def device_name(device: torch.device) -> str:
    """Return the device's name as people know it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU ({platform.machine()}, {torch.get_num_threads()} threads)"


def write_card(
    name: str, config: RunConfig, contents: Contents, figures: Figures, *, begun_from: str | None
) -> str:
    """Return the text of a model folder's README.md.

    Args:
        name: of the model.
        config: of its training.
        contents: of the recording.
        figures: what was measured.
        begun_from: name and hash of the model that was trained on; None when it began anew.
    """
    rows = "\n".join(f"| {what} | {value} |" for what, value in _rows(config, figures).items())
    size = config.recording.frame_size
    started = f"the weights of `{begun_from}`" if begun_from else "untrained weights"
    return f"""---
license: apache-2.0
library_name: twospeed
tags: [world-model, video-generation, temp-lora]
---
# {name}

World model of {contents.origin}, {size}x{size} pixels, {config.recording.chunk_frames} frames a
command. Slow weights only: memory is written while it dreams.

- **Data**: {contents.num_episodes} episodes of {contents.origin} ({contents.num_frames} frames,
  seeds {contents.first_seed} to {contents.last_seed}; the last episode of every shard held out).
  Seeds from 800,000 on are for testing and were not used.
- **Training**: began from {started}; {figures.denoiser_steps} steps of {config.slow.batch_size}
  windows, {figures.recalling_steps} steps of learning to recall, {figures.slow_fast_steps} steps
  beside frozen memories (slow-fast loop), {figures.adversarial_steps} against a critic;
  seed {config.slow.loop.seed}; {figures.minutes:.1f} minutes in all on {figures.device}.
- **Software**: twospeed {version("twospeed")}, torch {torch.__version__.split("+")[0]}.

| figure | value |
|---|---|
{rows}
"""


def _rows(config: RunConfig, figures: Figures) -> Mapping[str, str]:
    rows = {
        "denoiser": f"{config.model.denoiser}, {figures.num_parameters / 1e6:.2f} M parameters",
        "autoencoder, held-out frames": f"{figures.autoencoder_psnr_db:.2f} dB PSNR",
        "held-out sayings understood": f"{figures.text_accuracy:.1%}",
        "diffusion loss, held-out episodes": f"{figures.denoiser_loss:.4f}",
        "steps (decoder, text, denoiser)": (
            f"{figures.autoencoder_steps}, {figures.text_steps}, {figures.denoiser_steps}"
        ),
    }
    if figures.loss_with_memory is not None:
        losses = f"{figures.loss_with_memory:.4f}, {figures.loss_without_memory:.4f}"
        rows["loss after written chunks, with memory, without"] = losses
    if figures.views_psnr_db is not None:
        views = f"{figures.views_psnr_db:.2f} dB PSNR after {figures.rendering_steps} steps"
        rows["views drawn from others, held-out episodes"] = views
    return rows
