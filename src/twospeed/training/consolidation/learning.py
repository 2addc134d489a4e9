"""Algorithm 1(b) on lessons: slow weights take steps beside memories that lie frozen on disk.

A lesson gives (X_i, X_{i+1}) of the chunks after those that its memory has learned, with that
memory added to the slow weights. Where a memory has learned its whole episode, one of the first
chunks is written in its place, as many as are drawn. To repeat the outer loop of the algorithm,
memories are kept anew with the model that came out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from twospeed.core.errors import ConfigError, DataError
from twospeed.core.random import generator_of
from twospeed.memory.memory_file import MemoryFile, memory_of, open_memories
from twospeed.memory.ways import hash_of
from twospeed.training.consolidation.config import ConsolidationConfig
from twospeed.training.consolidation.lessons import Lesson
from twospeed.training.stages.slow import Windows
from twospeed.training.stages.slow_fast import Beside, loss_beside, writes_of
from twospeed.worldmodel.contract import recall_denoiser
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.recall import recalled_target

HELD_OUT_DRAWS = 4
"""Batches of windows of each group of held-out lessons."""


def parted(lessons: Sequence[Lesson], every: int) -> tuple[list[Lesson], list[Lesson]]:
    """Return the lessons to learn from and those held out.

    Raises:
        DataError: when there are not two.
    """
    if len(lessons) < 2:
        raise DataError(
            "consolidation needs two memories or more, one of them held out, got"
            f" {len(lessons)}: keep more by twospeed plan ... --keep-memories"
        )
    every = min(every, len(lessons))
    held_out = [it for index, it in enumerate(lessons) if index % every == every - 1]
    return [it for index, it in enumerate(lessons) if index % every != every - 1], held_out


class LessonLoop:
    """The loss of the slow weights beside the memories of the current round of lessons.

    Args:
        model: whose denoiser learns.
        lessons: to learn from.
        config: rounds.
    """

    def __init__(
        self, model: WorldModel, lessons: Sequence[Lesson], config: ConsolidationConfig
    ) -> None:
        self.model, self.lessons, self.config = model, list(lessons), config
        self._round: tuple[int, _Round] | None = None

    def loss(self, step: int, generator: torch.Generator) -> Tensor:
        """Return the loss of one step; the first step of a round opens its memories."""
        index = step // self.config.steps_per_round
        if self._round is None or self._round[0] != index:
            draws = generator_of(self.config.loop.seed, "lessons", index)
            chosen = torch.randint(len(self.lessons), (self.config.episodes,), generator=draws)
            lessons = [self.lessons[it] for it in chosen.tolist()]
            self._round = index, open_round(self.model, lessons, draws)
        return self._loss(self._round[1], generator)

    def _loss(self, written: "_Round", generator: torch.Generator) -> Tensor:
        kind = float(torch.rand((), generator=generator))
        if kind < self.config.without_memory:
            return self.loss_of(written.everything, generator, with_memory=False)
        is_rehearsed = kind < self.config.without_memory + self.config.rehearsed
        beside = written.learned if is_rehearsed else written.later
        return self.loss_of(beside, generator, with_memory=True)

    def loss_of(self, beside: Beside, generator: torch.Generator, *, with_memory: bool) -> Tensor:
        """Return the loss on windows that are drawn beside some memories."""
        windows = beside.draw(self.config.windows_per_episode, generator)
        loss = loss_beside(beside, windows, self.config.slow, generator, with_memory=with_memory)
        if with_memory and self.config.recall_weight:
            loss = loss + self.config.recall_weight * recall_error(beside, windows)
        return loss

    @torch.no_grad()
    def held_out(self, lessons: Sequence[Lesson]) -> dict[str, float]:
        """Return what lessons that nothing was learned from say of the slow weights.

        Returns:
            Mean diffusion loss of their later chunks "with_memory" and "without_memory", and, where
            there is a recall layer, the squared error of what it "recalled".
        """
        found: dict[str, list[Tensor]] = {}
        for index, lesson in enumerate(lessons):
            later = open_round(self.model, [lesson], generator_of("held out", index)).later
            for draw in range(HELD_OUT_DRAWS):
                windows = later.draw(4, generator_of("windows", index, draw))
                for name, with_memory in (("with_memory", True), ("without_memory", False)):
                    noise, slow = generator_of("noise", index, draw), self.config.slow
                    loss = loss_beside(later, windows, slow, noise, with_memory=with_memory)
                    found.setdefault(name, []).append(loss)
                if recall_denoiser(self.model.denoiser) is not None:
                    found.setdefault("recalled", []).append(recall_error(later, windows))
        return {name: float(torch.stack(losses).mean()) for name, losses in found.items()}


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class _Round:
    """Lessons side by side: their chunks by what the memories know of them."""

    later: Beside
    learned: Beside
    everything: Beside


def open_round(model: WorldModel, lessons: Sequence[Lesson], generator: torch.Generator) -> _Round:
    """Open the frozen memories of some lessons side by side.

    Args:
        model: the slow weights.
        lessons: which.
        generator: decides how much is written of a lesson whose memory knows all of it.

    Raises:
        DataError: when a memory is damaged meanwhile.
    """
    saved, written = [], []
    for lesson in lessons:
        file, count = _memory_before(model, lesson, generator)
        here = hash_of(model, file.config)  # frozen while the slow weights move: checked before
        saved.append(replace(file, model_hash=here))
        written.append(count)
    seeds = [lesson.notes.seed for lesson in lessons]
    memory = open_memories(model, saved, seeds=seeds)
    episodes = [lesson.episode for lesson in lessons]
    ends = [len(episode.actions) for episode in episodes]

    def beside(chunks: list[range]) -> Beside:
        return Beside.frozen(episodes, memory, chunks)

    return _Round(
        later=beside([range(it, end) for it, end in zip(written, ends, strict=True)]),
        learned=beside([range(min(1, it - 1), it) for it in written]),
        everything=beside([range(min(1, end - 1), end) for end in ends]),
    )


def _memory_before(
    model: WorldModel, lesson: Lesson, generator: torch.Generator
) -> tuple[MemoryFile, int]:
    """Return a memory and how many chunks it has learned, so that some come later."""
    if lesson.later:
        return lesson.memory(), lesson.notes.written
    count = 1 + int(torch.randint(len(lesson.episode.actions) - 1, (1,), generator=generator))
    config, seeds = lesson.memory().config, [lesson.notes.seed]
    return memory_of(writes_of(model, config, [lesson.episode], count, seeds)), count


def recall_error(beside: Beside, windows: Windows) -> Tensor:
    """Return the mean squared error of what a recall layer gives beside memories; 0 without one.

    That of the chunk's latents, and of the familiarity score, which should be 1.
    """
    if recall_denoiser(beside.memory.model.denoiser) is None:
        return torch.zeros(())
    past, new = windows.latents_BCTHW.tensor_split([windows.past_frames], dim=2)
    _, given_BO = read_beside(beside, past, windows.text_BND)
    error_BO = recalled_target(new).to(given_BO) - given_BO
    return error_BO[:, :-1].square().mean() + error_BO[:, -1].square().mean()


def read_beside(beside: Beside, past_BCPHW: Tensor, text_BND: Tensor) -> tuple[Tensor, Tensor]:
    """Return keys (B, K) and what a recall layer gives of them beside memories, (B, O).

    Raises:
        ConfigError: when the denoiser has no recall layer.
    """
    recaller = recall_denoiser(beside.memory.model.denoiser)
    if recaller is None:
        raise ConfigError("this denoiser has no recall layer")
    like = next(beside.memory.model.denoiser.parameters())
    key_BK = recaller.keys_of(past_BCPHW.to(like), text_BND.to(like))
    with beside.memory.adapters.attached():
        given_BO: Tensor = recaller.recall.layer(key_BK)
    return key_BK, given_BO
