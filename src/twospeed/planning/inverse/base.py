"""The contract of inverse dynamics: frames in, commands with a confidence out.

Axes: B clips, T frames of a chunk, H and W pixels, A commands.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from twospeed.core.video import Frames


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadCommand:
    """What is read from one chunk."""

    command: str | None
    """A canonical text, or None: none of the known commands leads there."""

    confidence: float
    """Calibrated probability, 0 to 1, that this is right."""

    shares: tuple[float, ...]
    """Probability of every command of `InverseDynamics.commands`, then of none of them."""


class InverseDynamics(Protocol):
    """Reads commands from frames."""

    commands: tuple[str, ...]
    """The A canonical texts that it can read."""

    def read(self, clips: Sequence[Frames]) -> list[ReadCommand]:
        """Return the command of every clip.

        Args:
            clips: uint8 (1 + T, H, W, 3) each: the last frame before the chunk, and the chunk.

        Raises:
            ShapeError: when a clip has another number of frames, or another size.
        """
        ...
