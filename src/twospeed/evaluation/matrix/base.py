"""What a memory is to the matrix: it is shown chunks, and asked for the next one.

It gets latents, actions and seeds of noise; never the episode's seed, which would tell it the
world, nor an array that later frames lie in. Axes: C channels, P past frames, T frames, H and W
cells.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from twospeed.worldmodel.model import WorldModel


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Shown:
    """One finished chunk. Its tensors hold these frames and no others."""

    past: Tensor
    """(C, P, H, W), latents of the frames before."""

    new: Tensor
    """(C, T, H, W), latents of its frames."""

    action: str

    generated: bool
    """Whether it was generated with this memory, not seen."""


class Memory(Protocol):
    """One episode's memory."""

    def learn(self, shown: Shown) -> None:
        """Keep what a chunk has to tell."""
        ...

    def follow(self, shown: Shown) -> None:
        """Go along with a chunk that is not to be kept."""
        ...

    def generate(self, past_CPHW: Tensor, action: str, seed: int) -> Tensor:
        """Return the latents of the next chunk, (C, T, H, W).

        Args:
            past_CPHW: of the frames before it.
            action: its command.
            seed: of its noise, the same for every memory.
        """
        ...

    def num_bytes(self) -> int:
        """Return what is kept of the episode, in bytes."""
        ...


Make = Callable[[WorldModel, int], Memory]
"""A backbone and a seed of the memory's own noise -> an empty memory."""


def bytes_of(*tensors: Tensor) -> int:
    """Return the bytes that tensors fill."""
    return sum(it.numel() * it.element_size() for it in tensors)


def next_chunk(
    model: WorldModel, context_CPHW: Tensor, action: str, seed: int, fast: object = None
) -> Tensor:
    """Ask the backbone for the chunk after a context, (C, T, H, W)."""
    made = model.generate(context_CPHW[None], [action], [seed], fast_weights=fast)  # type: ignore[arg-type]
    return made[0]


class Keeper:
    """A memory that keeps raw latents and puts some of them before the past.

    Args:
        model: the backbone.
        most_frames: context that the backbone gets at most, with the past.
    """

    def __init__(self, model: WorldModel, *, most_frames: int) -> None:
        self.model = model
        self.most_frames = most_frames
        self.kept: list[Shown] = []

    def learn(self, shown: Shown) -> None:
        """Keep the chunk."""
        self.kept.append(shown)

    def follow(self, shown: Shown) -> None:
        """Keep nothing."""

    def generate(self, past_CPHW: Tensor, action: str, seed: int) -> Tensor:
        """Generate after the chosen context."""
        chosen = self.chosen(past_CPHW, action)
        context = torch.cat([*chosen, past_CPHW], dim=1)[:, -self.most_frames :]
        return next_chunk(self.model, context, action, seed)

    def chosen(self, past_CPHW: Tensor, action: str) -> list[Tensor]:
        """Return latents (C, P, H, W) to put before the past, oldest first."""
        raise NotImplementedError

    def num_bytes(self) -> int:
        """Return the bytes of all kept latents."""
        return bytes_of(*(it.new for it in self.kept))
