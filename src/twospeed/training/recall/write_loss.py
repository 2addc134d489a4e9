"""The squared errors of a recall layer that is written with an episode's first chunks.

The recall layer of an empty memory is written as it will be in use (memory/ridge_writer.py); the
loss is how wrong it then is about later chunks, and along roll-outs over the written ones. No
denoiser takes part, so it is also how a memory module learns beside a frozen one.

Holds: `WriteLoss`. Holds not: what is drawn (drawing.py), keys and guesses (memory_rollout.py).
"""

import torch
from torch import Tensor

from twospeed.memory.config import RidgeConfig
from twospeed.training.recall.config import WriteLossConfig
from twospeed.training.recall.dual_ridge import Chunks, Memories
from twospeed.training.recall.memory_rollout import MemoryRollout, noisy_past, repeat_last_frame
from twospeed.worldmodel.contract import Recaller
from twospeed.worldmodel.recall import recalled_target


class WriteLoss:
    """Writes the first chunks of empty memories, and says how wrong they are about later ones.

    Args:
        recaller: whose recall layer learns.
        memory: how that layer is written.
        config: the rest.
    """

    def __init__(self, recaller: Recaller, memory: RidgeConfig, config: WriteLossConfig) -> None:
        self.memory, self.config = memory, config
        self.rollout = MemoryRollout(recaller, memory)

    def __call__(
        self, chunks: Chunks, generator: torch.Generator
    ) -> tuple[Memories, Tensor, Chunks]:
        """Write the first chunks of empty memories.

        Returns:
            The memories; the squared errors of the guesses of later chunks; and the chunks, with
            later past frames as they might have been generated.
        """
        first, later = slice(chunks.written), slice(chunks.written, None)
        target_EMO = chunks.apart(recalled_target(chunks.new_BCNHW))
        text = chunks.apart(chunks.text_BND)[:, later]
        written = repeat_last_frame(chunks, self.config.repeated_frame_share, generator)
        memory = self.rollout.memory_of(written, first)
        with torch.no_grad():
            key_EMK, slow_EMO = self.rollout.guess(chunks.apart(chunks.past_BCPHW)[:, later], text)
            recalled = slow_EMO + memory.read(key_EMK)
        chunks = self.rollout.mixed(chunks, recalled, self._shares(generator, chunks.episodes))
        past = chunks.apart(chunks.past_BCPHW)[:, later]
        noisy = noisy_past(past, self.config.past_noise, generator)
        key_EMK, slow_EMO = self.rollout.guess(noisy, text)
        without = (target_EMO[:, later] - slow_EMO)[
            ..., :-1
        ]  # an empty memory has no score to give
        with_memory = without - memory.read(key_EMK)[..., :-1]
        other_episode = memory.passed_on().read(key_EMK)  # it should add nothing
        errors = (without, with_memory, other_episode)
        squares = torch.stack([it.square().mean() for it in errors]).sum()
        squares = squares + self.rollout.forward_loss(chunks, memory, generator)
        if self.config.score_weight:
            squares = squares + self.config.score_weight * slow_EMO[..., -1].square().mean()
        if self.memory.both_ways:
            squares = squares + self.rollout.reverse_loss(chunks, memory, generator)
        return memory, squares, chunks

    def _shares(self, generator: torch.Generator, episodes: int) -> Tensor:
        """Draw how far each episode's later past frames go over to what is recalled, (E,)."""
        share_E = self.config.past_mix * torch.rand(episodes, generator=generator)
        return share_E * (torch.rand(episodes, generator=generator) < 0.5)
