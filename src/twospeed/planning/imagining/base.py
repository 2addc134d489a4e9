"""The contract of a video planner. Axes: C channels, T frames, H and W latent cells."""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from twospeed.core.video import Frames


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Imagined:
    """What should be seen next."""

    frames: Frames
    """uint8 (1 + T, H, W, 3): the frame before the chunk, then its frames."""

    latents: Tensor
    """(1, C, T, h, w), the chunk."""

    familiarity: float
    """How far it is remembered, 0 to 1."""


class VideoPlanner(Protocol):
    """Imagines the next chunk on the way to a sub-goal."""

    num_imagined: int
    """Frames imagined so far."""

    def imagine(self, text: str, past_1CTHW: Tensor, seed: int) -> Imagined:
        """Return the next chunk.

        Args:
            text: of the sub-goal.
            past_1CTHW: clean latents of the last frames that were really seen.
            seed: decides the noise.
        """
        ...

    def see(self, past_1CTHW: Tensor, new_1CTHW: Tensor, action: str) -> None:
        """Learn a chunk that was really seen.

        Args:
            past_1CTHW: clean latents before it.
            new_1CTHW: its clean latents.
            action: the command that was given.
        """
        ...
