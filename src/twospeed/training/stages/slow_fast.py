"""The slow-fast loop: slow weights learn how to predict with what memories make of them.

SlowFast-VGen, Algorithm 1(b). A round lets the fast weights of several episodes learn their first
chunks, with the slow weights fixed; then the slow weights take steps on chunks that follow, with
every episode's own fast weights frozen and added. The paper pairs a memory with the very next
chunk; here it is paired with every later chunk of its episode, since a memory has to last.

Holds: `SlowFastConfig`, `Beside`, `loss_beside`, `SlowFastLoop`. Holds not: the steps (loop.py),
the write (memory/), memories that lie on disk (consolidation/).
"""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from twospeed.core.fields import check_fields
from twospeed.core.random import generator_of
from twospeed.core.ranges import Batch, Count, Share
from twospeed.memory.config import FastLearningConfig
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.presets import gradient
from twospeed.training.data.latents import EpisodeLatents
from twospeed.training.data.windows import (
    LatentWindows,
    chunks_before,
    stacked,
    windows_of,
    windows_to,
)
from twospeed.training.loop_config import LoopConfig
from twospeed.training.stages.slow import SlowLearningConfig, Windows, slow_loss
from twospeed.worldmodel.model import WorldModel


@dataclass(frozen=True, kw_only=True, slots=True)
class SlowFastConfig:
    """How rounds are made."""

    episodes: Batch = 8
    """Episodes whose memories are written side by side in a round."""

    least_written: Count = 2
    """Fewest chunks that are written before the slow weights take their steps; the number is
    drawn anew for each round, up to all chunks of an episode but one."""

    windows_per_episode: Batch = 2
    """Windows of every episode in the batch of one step of the slow weights."""

    steps_per_round: Count = 8
    """Steps of the slow weights on what one round of writing left."""

    without_memory: Share = 0.25
    """Share of those steps that see no memory, so that the slow weights stay good alone."""

    memory: FastLearningConfig = field(default_factory=gradient)
    """How the fast weights learn."""

    loop: LoopConfig = field(default_factory=lambda: LoopConfig(steps=0, learning_rate=3e-4))
    """How the slow weights learn."""

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Beside:
    """Episodes and their frozen memories, side by side."""

    episodes: Sequence[EpisodeLatents]

    memory: FastWeights
    """One memory an episode."""

    chunks: Sequence[range]
    """What is drawn of each episode: chunks that its memory has not learned."""

    @classmethod
    def frozen(
        cls, episodes: Sequence[EpisodeLatents], memory: FastWeights, chunks: Sequence[range]
    ) -> "Beside":
        """Freeze the memories: gradients pass through them and change none."""
        for tensor in memory.adapters.tensors():
            tensor.requires_grad_(False)
        return cls(episodes=episodes, memory=memory, chunks=chunks)

    def draw(self, windows_per_episode: int, generator: torch.Generator) -> Windows:
        """Draw windows, episode by episode."""
        parts = []
        for episode, chunks in zip(self.episodes, self.chunks, strict=True):
            for _ in range(windows_per_episode):
                index = int(torch.randint(len(chunks), (1,), generator=generator))
                parts.append((episode, chunks[index]))
        return windows_of(parts, self.memory.model.text_encoder)


def loss_beside(
    beside: Beside,
    windows: Windows,
    slow: SlowLearningConfig,
    generator: torch.Generator,
    *,
    with_memory: bool,
) -> Tensor:
    """Return the diffusion loss of the slow weights with every episode's own memory added.

    Args:
        beside: the memories.
        windows: as many of every episode, episode by episode.
        slow: how they are noised.
        generator: decides the noise.
        with_memory: False asks the slow weights alone.
    """
    model = beside.memory.model
    like = next(model.denoiser.parameters())
    no_text = model.text_encoder.encode([""]).to(like)
    batch = windows_to(windows, no_text)
    attached = beside.memory.adapters.attached() if with_memory else nullcontext()
    with attached:
        return slow_loss(model.denoiser, batch, no_text, model.schedule, slow, generator)


def writes_of(
    model: WorldModel,
    config: FastLearningConfig,
    episodes: Sequence[EpisodeLatents],
    written: int,
    seeds: Sequence[int],
) -> FastWeights:
    """Let fresh memories learn the first chunks of episodes, side by side.

    Args:
        model: the slow weights.
        config: how the memories learn.
        episodes: one a memory.
        written: how many chunks.
        seeds: one an episode, of the writes.
    """
    like = next(model.denoiser.parameters())
    memory = FastWeights(model, config, seeds=seeds)
    for chunk in range(written):
        window, actions, past = stacked([(episode, chunk) for episode in episodes])
        memory.observe(window.to(like), actions, past_frames=past)
    return memory


class SlowFastLoop:
    """The loss of the slow weights beside the memories of the current round.

    Args:
        model: whose denoiser learns.
        windows: cached episodes, all of the same number of chunks.
        slow: how windows are noised.
        config: rounds.
    """

    def __init__(
        self,
        model: WorldModel,
        windows: LatentWindows,
        slow: SlowLearningConfig,
        config: SlowFastConfig,
    ) -> None:
        self.model = model
        self.windows = windows
        self.slow = replace(slow, joint_share=0.0)
        self.config = config
        self._round: _Round | None = None

    def loss(self, step: int, generator: torch.Generator) -> Tensor:
        """Return the loss of one step; the first step of a round writes its memories."""
        index = step // self.config.steps_per_round
        if self._round is None or self._round.index != index:
            self._round = self._write_round(index, held_out=False)
        alone = bool(torch.rand((), generator=generator) < self.config.without_memory)
        return self._loss_of(self._round, generator, with_memory=not alone)

    @torch.no_grad()
    def held_out_losses(self, rounds: int) -> tuple[float, float]:
        """Return the mean loss on held-out episodes with and without their memory."""
        losses: dict[bool, list[Tensor]] = {True: [], False: []}
        for index in range(rounds):
            written = self._write_round(index, held_out=True)
            for step in range(self.config.steps_per_round):
                for with_memory, found in losses.items():
                    generator = generator_of("held out", index, step)
                    found.append(self._loss_of(written, generator, with_memory=with_memory))
        on, off = (float(torch.stack(losses[key]).mean()) for key in (True, False))
        return on, off

    def _write_round(self, index: int, *, held_out: bool) -> "_Round":
        generator = generator_of(self.config.loop.seed, "round", index, int(held_out))
        episodes = self.windows.draw_episodes(generator, self.config.episodes, held_out=held_out)
        written = chunks_before(episodes, self.config.least_written, generator)
        seeds = torch.randint(2**31, (len(episodes),), generator=generator).tolist()
        memory = writes_of(self.model, self.config.memory, episodes, written, seeds)
        later = [range(written, len(episode.actions)) for episode in episodes]
        return _Round(index=index, beside=Beside.frozen(episodes, memory, later))

    def _loss_of(
        self, written: "_Round", generator: torch.Generator, *, with_memory: bool
    ) -> Tensor:
        windows = written.beside.draw(self.config.windows_per_episode, generator)
        return loss_beside(written.beside, windows, self.slow, generator, with_memory=with_memory)


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class _Round:
    """What one round of writing left."""

    index: int
    beside: Beside
