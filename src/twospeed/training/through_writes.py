"""Learning through writes: slow weights learn what is worth writing, and how it is read.

A write that is one plain gradient step on `up` is a differentiable function of the slow weights
and of the projections `down`. So the loss on later chunks, with the written memory added, is
minimised through the write itself (second order), while the slow-fast loop of the paper holds the
memory fixed (slow_fast.py). The learned `down` travels with the model as its ``fast_weights/``.

Holds: `ThroughWritesConfig`, `ThroughWrites`. Holds not: the steps (loop.py).
"""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from twospeed.core.config import to_json
from twospeed.core.errors import ConfigError
from twospeed.core.random import generator_of
from twospeed.memory.adapters import Adapters
from twospeed.memory.config import FastLearningConfig
from twospeed.memory.objective import draw_write, write_loss
from twospeed.training.latents import (
    EpisodeLatents,
    LatentWindows,
    chunks_before,
    windows_of,
    windows_to,
)
from twospeed.training.loop import LoopConfig
from twospeed.training.slow import SlowLearningConfig, Windows, slow_loss
from twospeed.worldmodel.fast_start import FastStart
from twospeed.worldmodel.model import WorldModel

RATE_SPEED = 30.0
"""The logarithm of a layer's rate is so many times its parameter, which then moves fast enough."""


def plain_writes() -> FastLearningConfig:
    """One plain gradient step a chunk on feed-forward layers, with learned `down`."""
    return FastLearningConfig(
        rank=128,
        targets=r"blocks\.\d+\.down$",
        down="learned",
        optimizer="gradient",
        learning_rate=30.0,
        objective="next",
        lowest_level=500,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class ThroughWritesConfig:
    """How the slow weights learn through writes."""

    episodes: int = 2
    """Episodes in a step."""

    written: int = 6
    """Windows of an episode that are written in a step, at one noise level each."""

    later: int = 4
    """Windows of later chunks that are predicted with the memory."""

    least_seen: int = 4
    """Fewest chunks that written windows are drawn from; drawn anew for each step."""

    written_share: float = 0.5
    """Weight of the written windows' own loss, without memory, beside that of the later ones."""

    memory: FastLearningConfig = field(default_factory=plain_writes)
    """How the fast weights learn; `down` "learned" and optimizer "gradient"."""

    loop: LoopConfig = field(default_factory=lambda: LoopConfig(steps=0, learning_rate=5e-4))
    """How the slow weights learn."""

    def __post_init__(self) -> None:
        for name in ("episodes", "written", "later"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be 1 or more, got {getattr(self, name)}")
        if self.least_seen < 2:
            raise ConfigError(f"least_seen must be 2 or more, got {self.least_seen}")
        if self.memory.down != "learned" or self.memory.optimizer != "gradient":
            raise ConfigError("learning through writes needs down=learned and optimizer=gradient")


class ThroughWrites:
    """The loss of slow weights, `down` and rates through the writes of a batch of episodes.

    Args:
        model: whose denoiser learns.
        windows: cached episodes.
        slow: how later windows are noised.
        config: the rest.
    """

    def __init__(
        self,
        model: WorldModel,
        windows: LatentWindows,
        slow: SlowLearningConfig,
        config: ThroughWritesConfig,
    ) -> None:
        self.model, self.windows, self.config = model, windows, config
        self.slow = replace(slow, joint_share=0.0, text_dropout=0.0)
        memory = config.memory
        self.adapters = Adapters(
            model.denoiser, rank=memory.rank, targets=memory.targets, episodes=config.episodes
        )
        self.learner = Learner(model.denoiser, self.adapters)

    def loss(self, step: int, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        """Return the loss of one step: later windows with the memory, written ones without."""
        written, later, _ = self._losses(generator, held_out=False)
        return self.config.written_share * written + later

    def held_out_losses(self, rounds: int) -> tuple[float, float]:
        """Return the mean loss on later chunks of held-out episodes, with and without memory."""
        pairs = []
        for index in range(rounds):
            _, on, off = self._losses(generator_of("held out", index), held_out=True)
            pairs.append(torch.stack([on.detach(), off]))
        on, off = torch.stack(pairs).mean(0).tolist()
        return on, off

    def fast_start(self) -> FastStart:
        """Return what the model's memories begin with; rates are taken into `down`."""
        return FastStart(down=self.learner.scaled_down(), config=to_json(self.config.memory))

    def _losses(
        self, generator: torch.Generator, *, held_out: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return losses: written windows alone, later ones with and (held out) without memory."""
        written, later = self._draw(generator, held_out=held_out)
        no_text = self.model.text_encoder.encode([""]).to(self._like)
        with sdpa_kernel(SDPBackend.MATH):  # the one that can be differentiated twice
            own, ups = self._write(written, no_text, generator, differentiable=not held_out)
            state = generator.get_state()
            with self.adapters.attached():
                self.adapters.act_as(self.learner.down_of(self.config.episodes), ups)
                on = self._later_loss(later, no_text, generator)
        off = own.new_zeros(())
        if held_out:
            generator.set_state(state)
            with torch.no_grad():
                off = self._later_loss(later, no_text, generator)
        return own, on, off

    def _later_loss(self, later: Windows, no_text: Tensor, generator: torch.Generator) -> Tensor:
        model = self.model
        return slow_loss(model.denoiser, later, no_text, model.schedule, self.slow, generator)

    def _write(
        self,
        written: Windows,
        no_text: Tensor,
        generator: torch.Generator,
        *,
        differentiable: bool,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Take the gradient step of an empty memory on every written window at once."""
        config = replace(self.config.memory, levels_per_update=self.config.written)
        seeds = torch.randint(2**31, (self.config.episodes,), generator=generator).tolist()
        clean = written.latents_BCTHW
        draws = draw_write(
            config,
            tuple(clean.shape[1:]),
            written.past_frames,
            [(seed, "write", 0, 0) for seed in seeds],
        )
        empty = {n: torch.zeros_like(up, requires_grad=True) for n, up in self.adapters.up.items()}
        self.adapters.act_as(self.learner.down_of(self.config.episodes), empty)
        with torch.enable_grad(), self.adapters.attached():
            losses = write_loss(
                self.model.denoiser,
                self.model.schedule,
                clean,
                written.text_BND,
                no_text,
                draws,
            )
            gradients = torch.autograd.grad(
                losses.sum(), list(empty.values()), create_graph=differentiable
            )
        rate = config.learning_rate
        ups = {n: -rate * gradient for n, gradient in zip(empty, gradients, strict=True)}
        return losses.mean(), ups

    def _draw(self, generator: torch.Generator, *, held_out: bool) -> tuple[Windows, Windows]:
        """Draw windows that are written and windows of later chunks, episode by episode."""
        config = self.config
        episodes = self.windows.draw_episodes(generator, config.episodes, held_out=held_out)
        seen = chunks_before(episodes, config.least_seen, generator)
        parts: tuple[list[tuple[EpisodeLatents, int]], ...] = ([], [])
        for episode in episodes:
            for part, count, first, end in (
                (parts[0], config.written, 1, seen),
                (parts[1], config.later, seen, len(episode.actions)),
            ):
                drawn = torch.randint(first, end, (count,), generator=generator).tolist()
                part += [(episode, chunk) for chunk in drawn]
        written, later = (windows_of(part, self.model.text_encoder) for part in parts)
        return windows_to(written, self._like), windows_to(later, self._like)

    @property
    def _like(self) -> Tensor:
        weight: Tensor = next(self.model.denoiser.parameters())
        return weight


class Learner(nn.Module):
    """All that learns through writes: the denoiser, a `down` for each layer, a rate for each.

    A layer's rate multiplies what one gradient step does; it is the scale of `down`, squared.
    """

    def __init__(self, denoiser: nn.Module, adapters: Adapters) -> None:
        super().__init__()
        self.denoiser = denoiser.requires_grad_(True)
        self.names = list(adapters.down)
        first = [adapters.down[name][0].detach().clone() for name in self.names]
        self.down = nn.ParameterList([nn.Parameter(tensor) for tensor in first])
        self.log_rate = nn.Parameter(first[0].new_zeros(len(first)))

    def scaled_down(self) -> dict[str, Tensor]:
        """Return layer -> (R, I), rates taken in, without a graph."""
        return {name: down.detach()[0].clone() for name, down in self.down_of(1).items()}

    def down_of(self, episodes: int) -> dict[str, Tensor]:
        """Return layer -> (E, R, I), the same for every episode, with its graph."""
        scale = torch.exp(0.5 * RATE_SPEED * self.log_rate)
        return {
            name: (scale[index] * self.down[index]).expand(episodes, -1, -1)
            for index, name in enumerate(self.names)
        }
