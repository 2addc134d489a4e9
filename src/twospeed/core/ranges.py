"""Ranges of numbers, and the ones that many settings share; `fields` holds values to them."""

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True, slots=True)
class Within:
    """A range of numbers with its ends."""

    least: float
    most: float

    def __contains__(self, number: float) -> bool:
        """Say whether a number is inside; NaN never is."""
        return self.least <= number <= self.most

    def complaint(self, number: float) -> str:
        """Say what a number outside should be."""
        if (self.least, self.most) == (0, 1) and isinstance(number, float):
            return "is a share from 0 to 1"
        if number > self.most:
            return f"must be {self.most:,} or less"
        return f"must be {self.least:,} or more"


@dataclass(frozen=True, slots=True)
class Above(Within):
    """A range without its lower end."""

    def __contains__(self, number: float) -> bool:
        """Say whether a number is inside; NaN never is."""
        return self.least < number <= self.most

    def complaint(self, number: float) -> str:
        """Say what a number outside should be."""
        if number > self.most:
            return f"must be {self.most:,} or less"
        return f"must be above {self.least:,}"


Share = Annotated[float, Within(0, 1)]
"""A share from 0 to 1."""

Seed = Annotated[int, Within(0, 2**63 - 1)]
"""What random numbers are drawn from."""

EpisodeSeed = Annotated[int, Within(0, 999_999_999)]
"""What an episode is drawn from, or its number; names of files hold nine digits."""

Steps = Annotated[int, Within(0, 10**9)]
"""How many steps, or none."""

Count = Annotated[int, Within(1, 10**9)]
"""At least one."""

Batch = Annotated[int, Within(1, 8192)]
"""How many are worked on side by side."""

Width = Annotated[int, Within(1, 16_384)]
"""Features of a layer."""

FrameSize = Annotated[int, Within(8, 4096)]
"""Height and width of a frame in pixels."""

ChunkFrames = Annotated[int, Within(1, 256)]
"""Frames of one action."""

FramesPerSecond = Annotated[float, Above(0, 1000)]
"""A rate of frames."""


def is_same_rate(one: float, other: float) -> bool:
    """Say whether two rates of frames differ by no more than rounding: a hundredth."""
    return abs(one - other) <= 0.01 * max(one, other)


Level = Annotated[int, Within(0, 1000)]
"""A noise level; 0 is clean."""

Workers = Annotated[int, Within(1, 1024)]
"""Processes that work at once."""

Minutes = Annotated[float, Within(0, 10**9)]
"""A time."""
