"""A memory module (worldmodel/memory_module.py) learns beside a frozen denoiser.

It sees the latents of recorded episodes alone. In the end its gate is set by held-out episodes:
what another episode's memory makes familiar must not be recalled, what was written must be.

model/   the model as it was, with memory_module/ in it
"""

import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from twospeed.core.arguments import check_kind
from twospeed.core.files import StrPath, as_path
from twospeed.core.random import generator_of, initial_weights_of
from twospeed.memory.presets import beside, recalling
from twospeed.memory.retrieval_gate import familiarity
from twospeed.training.checkpoint import reached_in
from twospeed.training.data.windows import LatentWindows
from twospeed.training.finetune.config import MemoryModuleConfig
from twospeed.training.finetune.preparing import prepared
from twospeed.training.loop import averaged_state
from twospeed.training.parallel.processes import make_accelerator
from twospeed.training.recall.drawing import Drawing
from twospeed.training.recall.dual_ridge import Chunks
from twospeed.training.recall.write_loss import WriteLoss
from twospeed.worldmodel.codec import packing_of
from twospeed.worldmodel.memory_module import FOLDER, MemoryModule
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.recall import LOOKS_AT, recalled_target

ROUNDS = 4
"""Batches of held-out episodes that the gate is set by."""

UNKNOWN = 0.95
"""Share of another episode's chunks that are less familiar than where the gate begins to count."""

OPENS = (0.2, 0.8)
"""Shares of the way from there to what was written, at which the gate begins to open and is open.
At 0.85 and 0.97 it was shut at places that were well recalled; one shut chunk loses an episode."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModuleTrained:
    """A finished training; errors are mean squares on later chunks of held-out episodes."""

    folder: Path
    """The model folder."""

    steps: int
    """Optimizer steps taken."""

    error_with_memory: float
    """Of what is recalled with the memory of the episode's first chunks."""

    error_without: float
    """With an empty memory."""

    retrieval_range: tuple[float, float]
    """Familiarity from which on, and at which wholly, what is recalled is taken."""


def train_memory_module(
    config: MemoryModuleConfig,
    initial: StrPath,
    data: StrPath,
    out: StrPath,
    *,
    minutes: float | None = None,
    device: str | None = None,
) -> ModuleTrained:
    """Train a memory module for a model; the same call goes on after a kill.

    Args:
        config: how.
        initial: a packaged model, a folder of ours or of a diffusers pipeline, or a hub id.
        data: folder or URL of recorded shards, best of episodes that see places again.
        out: folder of this run alone.
        minutes: about how long; None runs to the last step.
        device: "cpu" keeps it from a GPU that is there; None is what accelerate finds.

    Raises:
        DataError: when `out` holds another run, or the data are damaged or for testing only.
        ConfigError: when the model cannot take the data, or its frames are no multiple of 4 cells.
    """
    check_kind(config, MemoryModuleConfig, "config")
    began, out = time.monotonic(), as_path(out, "out")
    accelerator = make_accelerator(device=device)
    with prepared(config, initial, data, out, accelerator=accelerator, dtype=config.dtype) as (
        model,
        windows,
    ):
        if minutes is not None:
            minutes = max(0.0, minutes - (time.monotonic() - began) / 60)
        learning = _Learning(model, windows, config)
        averaged = averaged_state(
            learning.module,
            learning.loss,
            config.loop,
            out=out / FOLDER,
            minutes=minutes,
            accelerator=accelerator,
            label="memory module",
        )
        learning.module.load_state_dict(averaged)
        errors = learning.set_gate_()
        model.memory_module = learning.module.eval()
        if accelerator.is_main_process:
            model.to("cpu").save_pretrained(out / "model", half=model.origin is None, card=_CARD)
        accelerator.wait_for_everyone()
        return ModuleTrained(
            folder=out / "model",
            steps=reached_in(out / FOLDER).step,
            error_with_memory=errors[0],
            error_without=errors[1],
            retrieval_range=learning.module.config.retrieval_range,
        )


class _Learning:
    """The module, its loss, and what is measured of it."""

    def __init__(
        self, model: WorldModel, windows: LatentWindows, config: MemoryModuleConfig
    ) -> None:
        self.config = config
        self.module = _module_for(model, config).to(model.device)
        memory = beside(recalling(config.keys), self.module)
        self.write_loss = WriteLoss(self.module, memory, config)
        self.drawing = Drawing(
            windows,
            model.text_encoder,
            config.least_written,
            like=torch.zeros((), device=model.device),
            past_frames=min(LOOKS_AT, model.past_latents),
        )

    def loss(self, step: int, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        """Return the loss of one batch of episodes."""
        return self.write_loss(self._chunks(generator), generator)[1]

    def _chunks(self, generator: torch.Generator, *, held_out: bool = False) -> Chunks:
        return self.drawing.chunks(generator, self.config.episodes, held_out=held_out)

    @torch.no_grad()
    def set_gate_(self) -> tuple[float, float]:
        """Set the gate's range by held-out episodes; return errors with and without memory."""
        rounds = [self._measure(generator_of("gate", index)) for index in range(ROUNDS)]
        unknown, written, with_memory, without = map(torch.cat, zip(*rounds, strict=True))
        self.module.register_to_config(retrieval_range=range_between(unknown, written))
        return float(with_memory.mean()), float(without.mean())

    def _measure(self, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return familiarities with another memory and where written; errors on later chunks."""
        chunks, rollout = self._chunks(generator, held_out=True), self.write_loss.rollout
        first, later = slice(chunks.written), slice(chunks.written, None)
        memory = rollout.memory_of(chunks, first)
        past, text = chunks.apart(chunks.past_BCPHW), chunks.apart(chunks.text_BND)
        key_EMK, slow_EMO = rollout.guess(past, text)
        known_EM, strange_EM = (
            familiarity(slow_EMO[..., -1] + one.read(key_EMK)[..., -1], slow_EMO[..., -1])
            for one in (memory, memory.passed_on())
        )
        true_EMO = chunks.apart(recalled_target(chunks.new_BCNHW))[:, later, :-1]
        without_EMO = true_EMO - slow_EMO[:, later, :-1]
        with_EMO = without_EMO - memory.read(key_EMK[:, later])[..., :-1]
        with_memory, without = (it.square().mean(-1).flatten() for it in (with_EMO, without_EMO))
        return strange_EM.flatten(), known_EM[:, first].flatten(), with_memory, without


def range_between(unknown: Tensor, written: Tensor) -> tuple[float, float]:
    """Return where a gate begins to open and is open.

    Args:
        unknown: familiarities of chunks to another episode's memory, in any shape, 0 to 1.
        written: of chunks to a memory that they were written to.
    """
    low = float(unknown.quantile(UNKNOWN))
    high = max(float(written.median()), low + 0.01)
    begin, whole = (round(low + share * (high - low), 4) for share in OPENS)
    return begin, whole


def _module_for(model: WorldModel, config: MemoryModuleConfig) -> MemoryModule:
    """Build an untrained module whose weights depend on the seed alone."""
    packing, settings = packing_of(model.autoencoder), model.settings
    with initial_weights_of(config.loop.seed):
        module: MemoryModule = MemoryModule(
            latent_channels=packing.channels,
            cells=settings.size.square_side("a memory module takes") // packing.side,
            frames=model.latents_in(settings.chunk_frames),
            text_width=model.text_encoder.width,
            width=config.width,
            recall_keys=config.keys,
            both_ways=packing.frames == 1,
        )
    return module


_CARD = """# World model with a memory module

All parts are as they were; `memory_module/` was trained beside them on their latents. A memory
written with the preset `associative` is read by it.
"""
