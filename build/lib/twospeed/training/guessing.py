"""What the recall layer gives for whole episodes side by side, and what writes make of it.

Holds: `Guessing`, `noisy_past`. Holds not: the closed form of many writes (many_writes.py), the
loss (recalling.py). Axes: E episodes, M chunks of each, B = E * M, K features of a key, O what the
layer gives.
"""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from twospeed.memory.config import FastLearningConfig
from twospeed.memory.recall_writes import pairs_of
from twospeed.training.many_writes import Chunks, Memories, written
from twospeed.worldmodel.recall import LOOKS_AT, Recall


class Guessing:
    """Keys and guesses of chunks, and the memories that they leave.

    Args:
        denoiser: with a recall layer.
        memory: how that layer is written.
    """

    def __init__(self, denoiser: Any, memory: FastLearningConfig) -> None:
        self.denoiser, self.memory = denoiser, memory
        self.recall: Recall = denoiser.recall

    def memory_of(self, chunks: Chunks, place: slice) -> Memories:
        """Write some chunks of each episode to empty memories, as use will (recall_writes.py)."""
        past, new, text = (
            chunks.apart(it)[:, place].flatten(0, 1)
            for it in (chunks.past_BCPHW, chunks.new_BCNHW, chunks.text_BND)
        )
        action_BD = self.denoiser.action_of(text)
        pairs = pairs_of(self.recall, past, new, action_BD, both_ways=self.memory.both_ways)
        keys_EMK, targets_EMO = (
            torch.cat([chunks.apart(it) for it in side], dim=1) for side in zip(*pairs, strict=True)
        )
        errors_EMO = targets_EMO - self.recall.layer(keys_EMK)
        return written(keys_EMK, errors_EMO, ridge=self.memory.ridge)

    def guess(self, chunks: Chunks, place: slice) -> tuple[Tensor, Tensor]:
        """Return keys (E, M, K) and slow guesses (E, M, O) of some chunks of each episode."""
        past, text = (
            chunks.apart(it)[:, place].flatten(0, 1) for it in (chunks.past_BCPHW, chunks.text_BND)
        )
        keys = self.recall.keys(past, self.denoiser.action_of(text))
        return chunks.apart(keys), chunks.apart(self.recall.layer(keys))

    def mixed(self, chunks: Chunks, recalled_EMO: Tensor, share_E: Tensor) -> Chunks:
        """Let past frames of later chunks go over to what is recalled of them.

        Args:
            chunks: of all episodes.
            recalled_EMO: of the chunks that are not written.
            share_E: how far, 0 to 1, for each episode.
        """
        before = recalled_EMO[:, :-1, :-1].unflatten(2, self.recall.shape)
        before = before.transpose(2, 3)  # (E, later - 1, C, N, H, W)
        past = chunks.apart(chunks.past_BCPHW).clone()
        place = slice(chunks.written + 1, None)
        share = share_E.to(past).view(-1, 1, 1, 1, 1, 1)
        past[:, place] = past[:, place].lerp(before[:, :, :, -LOOKS_AT:], share)
        return replace(chunks, past_BCPHW=past.flatten(0, 1))


def noisy_past(chunks: Chunks, deviation: float, generator: torch.Generator) -> Chunks:
    """Add noise to past frames, of a deviation drawn for each chunk up to this one."""
    past = chunks.past_BCPHW
    deviation_B = deviation * torch.rand(len(past), generator=generator)
    drawn = torch.randn(past.shape, generator=generator).to(past)
    noisy = past + deviation_B.to(past)[:, None, None, None, None] * drawn
    return replace(chunks, past_BCPHW=noisy)
