"""The stages of training a world model, each with a folder of its own and resumable by itself.

autoencoder/   frames.npy, held_out.npy, fitted/, journal, checkpoint
text/          journal, checkpoint
latents/       the latent cache
denoiser/      journal, checkpoint
recalling/     journal, checkpoint
slow_fast/     journal, checkpoint

Holds: `RunContext`, the first three. Holds not: the last three (denoiser.py).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from accelerate import Accelerator

from twospeed.core.errors import DataError
from twospeed.core.files import written_aside
from twospeed.core.folders import folder_aside, recover
from twospeed.core.untrusted import resuming
from twospeed.core.video import Frames
from twospeed.training.checkpoint import Reached, reached_in
from twospeed.training.data.latents import fill_cache
from twospeed.training.data.sources import EpisodeSource, take_frames
from twospeed.training.data.vocabulary import Actions, actions_of, sayings_of
from twospeed.training.data.windows import LatentWindows
from twospeed.training.run import RunConfig
from twospeed.training.stages.autoencoder import fit_to_frames, psnr_of, train_decoder
from twospeed.training.stages.text import train_text_encoder
from twospeed.worldmodel.autoencoder import FrameAutoencoder
from twospeed.worldmodel.catalogue import NETWORK
from twospeed.worldmodel.loading import load_network
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.text import TextEncoder
from twospeed.worldmodel.vocabulary import Vocabulary


@dataclass(frozen=True, kw_only=True, slots=True)
class RunContext:
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
        return reached_in(self.out / stage)


def autoencoder_stage(
    context: RunContext, initial: WorldModel | None, minutes: float | None
) -> tuple[Any, float]:
    """Fit and train the autoencoder; return it and its PSNR in dB on held-out frames."""
    folder = context.out / "autoencoder"
    with context.accelerator.main_process_first():
        frames, held_out = _frames(context, folder)
        autoencoder = initial.autoencoder if initial else _fitted(context, folder, frames)
    if isinstance(autoencoder, FrameAutoencoder):
        autoencoder = train_decoder(
            autoencoder,
            frames,
            context.config.autoencoder,
            out=folder,
            minutes=minutes,
            accelerator=context.accelerator,
        )
    return autoencoder, psnr_of(autoencoder, held_out)


def _frames(context: RunContext, folder: Path) -> tuple[Frames, Frames]:
    paths = folder / "frames.npy", folder / "held_out.npy"
    if not all(path.exists() for path in paths):
        for path, frames in zip(
            paths, take_frames(context.source, context.config.autoencoder.frames), strict=True
        ):
            with written_aside(path) as aside, aside.open("wb") as file:
                np.save(file, frames)
    return _read_frames(paths[0]), _read_frames(paths[1])


def _read_frames(path: Path) -> Frames:
    with resuming(path):
        frames: Frames = np.load(path, mmap_mode="r", allow_pickle=False)
        if frames.dtype != np.uint8 or frames.ndim != 4 or not len(frames):
            raise DataError(f"it should hold uint8 (N, H, W, 3), got {frames.dtype} {frames.shape}")
    return frames


def _fitted(context: RunContext, folder: Path, frames: Frames) -> FrameAutoencoder:
    place = folder / "fitted"
    recover(place, NETWORK)
    if not place.exists():
        model = fit_to_frames(
            frames, context.config.model.autoencoder, seed=context.config.autoencoder.loop.seed
        )
        with folder_aside(place, NETWORK) as aside:
            model.save_pretrained(aside)
    with resuming(place):
        loaded: FrameAutoencoder = load_network(FrameAutoencoder, "autoencoder", place)
    return loaded


def text_stage(
    context: RunContext, initial: WorldModel | None, actions: Actions, minutes: float | None
) -> tuple[TextEncoder, float]:
    """Train the text encoder; return it and its accuracy on held-out sayings, 0 to 1.

    A pretrained CLIP encoder of `initial` is kept as it is.
    """
    encoder = initial.text_encoder if initial else None
    if encoder and not encoder.is_ours:
        return encoder, float("nan")
    return train_text_encoder(
        actions,
        context.config.text,
        out=context.out / "text",
        size=context.config.model.text,
        initial=encoder,
        minutes=minutes,
        accelerator=context.accelerator,
    )


def latents_stage(
    context: RunContext, autoencoder: Any, before: Vocabulary | None
) -> tuple[LatentWindows, Actions]:
    """Encode all episodes; return the windows to draw from, and the actions to tell apart.

    These are the moves, what is said in the windows, and what the weights learned `before`.
    """
    on_cpu = autoencoder.device.type == "cpu"
    with context.accelerator.main_process_first():
        folder = fill_cache(
            context.source,
            autoencoder,
            context.out / "latents",
            workers=context.workers if on_cpu else 1,
        )
    windows = LatentWindows(folder, groups=list(context.source.groups()))
    actions = actions_of(windows.said_in(), before)
    windows.sayings = sayings_of(actions)
    return windows, actions
