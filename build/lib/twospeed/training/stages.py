"""The stages of training a world model, each with a folder of its own and resumable by itself.

autoencoder/   frames.npy, held_out.npy, fitted/, journal, checkpoint
text/          journal, checkpoint
latents/       the latent cache
denoiser/      journal, checkpoint
recalling/     journal, checkpoint
slow_fast/     journal, checkpoint
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor

from twospeed.core.errors import ConfigError
from twospeed.core.files import read_json, recover, written_aside
from twospeed.core.random import generator_of
from twospeed.core.video import Frames
from twospeed.training.autoencoder import fit_to_frames, psnr_of, train_decoder
from twospeed.training.checkpoint import FOLDER, Reached
from twospeed.training.latents import fill_cache
from twospeed.training.loop import run_loop
from twospeed.training.recalling import Recalling
from twospeed.training.run import RunConfig
from twospeed.training.slow import slow_loss
from twospeed.training.slow_fast import SlowFastLoop
from twospeed.training.sources import EpisodeSource, take_frames
from twospeed.training.text import train_text_encoder
from twospeed.training.vocabulary import Vocabulary, sayings_of, vocabulary_of
from twospeed.training.windows import LatentWindows, windows_to
from twospeed.worldmodel.autoencoder import FrameAutoencoder
from twospeed.worldmodel.build import build_denoiser, grown
from twospeed.worldmodel.diffusion import NoiseSchedule
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.text import TextEncoder

VALIDATION_BATCHES = 16
VALIDATION_ROUNDS = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Workshop:
    """What all stages of one run share."""

    config: RunConfig
    """The recipe."""

    source: EpisodeSource
    """What is learned from."""

    out: Path
    """The run's folder."""

    accelerator: Accelerator
    """Device, processes, precision."""

    workers: int
    """Processes that encode at once."""

    def reached(self, stage: str) -> Reached:
        """Say how far a stage has come."""
        path = self.out / stage / FOLDER / "state.json"
        if not path.exists():
            return Reached()
        state = read_json(path)
        return Reached(step=int(state["step"]), seconds=float(state["seconds"]))


def autoencoder_stage(
    shop: Workshop, initial: WorldModel | None, minutes: float | None
) -> tuple[Any, float]:
    """Fit and train the autoencoder; return it and its PSNR in dB on held-out frames."""
    folder = shop.out / "autoencoder"
    with shop.accelerator.main_process_first():
        frames, held_out = _frames(shop, folder)
        autoencoder = initial.autoencoder if initial else _fitted(shop, folder, frames)
    if isinstance(autoencoder, FrameAutoencoder):
        autoencoder = train_decoder(
            autoencoder,
            frames,
            shop.config.autoencoder,
            out=folder,
            minutes=minutes,
            accelerator=shop.accelerator,
        )
    return autoencoder, psnr_of(autoencoder, held_out)


def _frames(shop: Workshop, folder: Path) -> tuple[Frames, Frames]:
    paths = folder / "frames.npy", folder / "held_out.npy"
    if not paths[1].exists():
        for path, frames in zip(
            paths, take_frames(shop.source, shop.config.autoencoder.frames), strict=True
        ):
            with written_aside(path) as aside, aside.open("wb") as file:
                np.save(file, frames)
    train, held_out = (np.load(path, mmap_mode="r") for path in paths)
    size = shop.config.model.settings.frame_size
    if train.shape[1:3] != (size, size):
        raise ConfigError(
            f"the recipe takes frames of {size}x{size} pixels, the data have"
            f" {train.shape[1]}x{train.shape[2]}"
        )
    return train, held_out


def _fitted(shop: Workshop, folder: Path, frames: Frames) -> FrameAutoencoder:
    place = folder / "fitted"
    recover(place)
    if not place.exists():
        model = fit_to_frames(
            frames, shop.config.model.autoencoder, seed=shop.config.autoencoder.loop.seed
        )
        with written_aside(place) as aside:
            model.save_pretrained(aside)
    loaded: FrameAutoencoder = FrameAutoencoder.from_pretrained(place)
    return loaded


def text_stage(
    shop: Workshop, initial: WorldModel | None, vocabulary: Vocabulary, minutes: float | None
) -> tuple[TextEncoder, float]:
    """Train the text encoder; return it and its accuracy on held-out sayings, 0 to 1.

    A pretrained CLIP encoder of `initial` is kept as it is.
    """
    encoder = initial.text_encoder if initial else None
    if encoder and not encoder.is_ours:
        return encoder, float("nan")
    return train_text_encoder(
        vocabulary,
        shop.config.text,
        out=shop.out / "text",
        size=shop.config.model.text,
        initial=encoder,
        minutes=minutes,
        accelerator=shop.accelerator,
    )


def latents_stage(shop: Workshop, autoencoder: Any) -> tuple[LatentWindows, Vocabulary]:
    """Encode all episodes; return the windows to draw from and what is said in them."""
    on_cpu = autoencoder.device.type == "cpu"
    with shop.accelerator.main_process_first():
        folder = fill_cache(
            shop.source,
            autoencoder,
            shop.out / "latents",
            workers=shop.workers if on_cpu else 1,
        )
    windows = LatentWindows(folder, groups=list(shop.source.groups()))
    vocabulary = vocabulary_of(windows.texts())
    windows.sayings = sayings_of(vocabulary)
    return windows, vocabulary


def denoiser_stage(
    shop: Workshop,
    initial: WorldModel | None,
    windows: LatentWindows,
    text_encoder: TextEncoder,
    minutes: float | None,
) -> tuple[Any, Callable[[Any], float]]:
    """Train the denoiser; return it with averaged weights.

    Returns:
        The denoiser, and a function from denoisers to their loss on held-out episodes.
    """
    slow = shop.config.slow
    seed = slow.loop.seed
    denoiser = (
        grown(initial.denoiser, shop.config.model, seed=seed)
        if initial
        else build_denoiser(shop.config.model, seed=seed)
    )
    loss_of = _slow_loss_of(shop, initial, windows, text_encoder)

    def train_loss(step: int, generator: torch.Generator) -> Tensor:  # noqa: ARG001
        return loss_of(denoiser, generator, held_out=False)

    averaged = run_loop(
        denoiser,
        train_loss,
        slow.loop,
        out=shop.out / "denoiser",
        minutes=minutes,
        accelerator=shop.accelerator,
        label="denoiser",
    )
    return averaged, functools.partial(_held_out_loss, loss_of)


def _slow_loss_of(
    shop: Workshop, initial: WorldModel | None, windows: LatentWindows, text_encoder: TextEncoder
) -> Callable[..., Tensor]:
    slow = shop.config.slow
    schedule = initial.schedule if initial else NoiseSchedule.of(shop.config.model.diffusion)
    no_text = text_encoder.encode([""]).to(shop.accelerator.device)

    def loss_of(denoiser: Any, generator: torch.Generator, *, held_out: bool) -> Tensor:
        batch = windows.draw(
            generator,
            batch=slow.batch_size,
            past_lengths=slow.past_lengths,
            new_frames=slow.new_frames,
            text_encoder=text_encoder,
            even_share=slow.even_share,
            held_out=held_out,
        )
        return slow_loss(denoiser, windows_to(batch, no_text), no_text, schedule, slow, generator)

    return loss_of


@torch.no_grad()
def _held_out_loss(loss_of: Callable[..., Tensor], denoiser: Any) -> float:
    losses = [
        loss_of(denoiser, generator_of("held out", index), held_out=True)
        for index in range(VALIDATION_BATCHES)
    ]
    return float(torch.stack(losses).mean())


def recalling_stage(
    shop: Workshop, model: WorldModel, windows: LatentWindows, minutes: float | None
) -> tuple[float, float]:
    """Train the model's denoiser to recall; the model gets the averaged weights.

    Returns:
        Losses on held-out episodes with and without their memory.
    """
    config = shop.config.recalling
    model.denoiser.requires_grad_(True)  # averaged weights come without
    learning = Recalling(model, windows, shop.config.slow, config)
    averaged = run_loop(
        model.denoiser,
        learning.loss,
        config.loop,
        out=shop.out / "recalling",
        minutes=minutes,
        accelerator=shop.accelerator,
        label="recalling",
    )
    model.denoiser.load_state_dict(averaged.state_dict())
    return learning.held_out_losses(VALIDATION_ROUNDS)


def slow_fast_stage(
    shop: Workshop, model: WorldModel, windows: LatentWindows, minutes: float | None
) -> tuple[float, float]:
    """Train the model's denoiser beside memories; the model gets the averaged weights.

    Returns:
        Losses on held-out episodes with and without their memory.
    """
    config = shop.config.slow_fast
    model.denoiser.requires_grad_(True)  # averaged weights come without
    learning = SlowFastLoop(model, windows, shop.config.slow, config)
    model.denoiser = run_loop(
        model.denoiser,
        learning.loss,
        config.loop,
        out=shop.out / "slow_fast",
        minutes=minutes,
        accelerator=shop.accelerator,
        label="slow-fast loop",
        round_steps=config.steps_per_round,
    )
    return learning.held_out_losses(VALIDATION_ROUNDS)
