"""Memories in weights: the paper's TEMP-LORA, its ablations, and ours. Axes as in base.py."""

from collections.abc import Callable

import torch
from torch import Tensor

from twospeed.core.random import generator_of
from twospeed.evaluation.matrix.base import Make, Shown, bytes_of, next_chunk
from twospeed.memory.config import FastLearningConfig
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.memory_file import memory_of
from twospeed.worldmodel.model import WorldModel


class InWeights:
    """Fast weights that learn chunk after chunk.

    Args:
        model: the backbone.
        config: how they are written.
        seed: of the noise of writes.
        past_frames: of the past, what is generated from and learned; None all of it.
        whole_sequence: learn a random chunk of all so far, instead of the one just finished.
    """

    def __init__(
        self,
        model: WorldModel,
        config: FastLearningConfig,
        seed: int,
        *,
        past_frames: int | None = None,
        whole_sequence: bool = False,
    ) -> None:
        self.model, self.seed = model, seed
        self.past_frames, self.whole_sequence = past_frames, whole_sequence
        self.weights = FastWeights(model, config, seeds=[seed])
        self.kept: list[Shown] = []

    def learn(self, shown: Shown) -> None:
        """Write the chunk, or another one of the whole sequence."""
        if self.whole_sequence:
            self.kept.append(shown)
            generator = generator_of(self.seed, "whole sequence", len(self.kept))
            shown = self.kept[int(torch.randint(len(self.kept), (), generator=generator))]
        past = self._past(shown.past)
        window = torch.cat([past, shown.new], dim=1)[None]
        self.weights.observe(
            window, [shown.action], past_frames=past.shape[1], generated=shown.generated
        )

    def follow(self, shown: Shown) -> None:
        """Let weights that keep a place go on from it."""
        frames = torch.cat([shown.past[:, -1:], shown.new], dim=1)
        self.weights.follow(frames, [shown.action] * shown.new.shape[1])

    def generate(self, past_CPHW: Tensor, action: str, seed: int) -> Tensor:
        """Generate with slow and fast weights."""
        return next_chunk(self.model, self._past(past_CPHW), action, seed, self.weights)

    def num_bytes(self) -> int:
        """Return the bytes of the memory's file, and of latents that are kept beside it."""
        file = memory_of(self.weights)
        tensors = (*file.down.values(), *file.up.values(), *file.writer.values())
        return bytes_of(*tensors, *(it.new for it in self.kept))

    def _past(self, past_CPHW: Tensor) -> Tensor:
        return past_CPHW if self.past_frames is None else past_CPHW[:, -self.past_frames :]


def written_by(
    config_of: Callable[[WorldModel], FastLearningConfig],
    *,
    past_frames: int | None = None,
    whole_sequence: bool = False,
) -> Make:
    """Return what makes such a memory of a model's configuration."""

    def make(model: WorldModel, seed: int) -> InWeights:
        return InWeights(
            model,
            config_of(model),
            seed,
            past_frames=past_frames,
            whole_sequence=whole_sequence,
        )

    return make
