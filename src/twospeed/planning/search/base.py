"""The contract of a search over commands. Axes: B futures, C channels, T frames, H, W cells."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from twospeed.memory.fast_weights import FastWeights

Cost = Callable[[Tensor, Sequence[str], Tensor], Tensor]
"""(past (B, C, P, H, W), a command each, imagined chunk (B, C, T, H, W)) -> costs (B,)."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Future:
    """Commands, and what is imagined of them."""

    commands: tuple[str, ...]
    """One a chunk."""

    cost: float
    """Sum over the chunks; less is better."""

    latents: Tensor
    """(1, C, T, H, W) of the last chunk."""


class ActionSearch(Protocol):
    """Finds commands whose imagined frames cost least."""

    num_imagined: int
    """Frames imagined so far."""

    def search(
        self, past_1CTHW: Tensor, memory: FastWeights | None, cost: Cost, *, seed: int
    ) -> list[Future]:
        """Return futures, the best first.

        Args:
            past_1CTHW: clean latents of the last frames that were really seen.
            memory: fast weights of this episode, or None.
            cost: of every chunk.
            seed: decides all noise.
        """
        ...
