"""What a clip network says of clips, by the world that it saw; labels.py and places.py hold truths.

Axes: B clips, T frames, S steps from frame to frame (T - 1), W bands of columns, N classes.
"""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Guesses:
    """What it says of a batch of clips of any world."""

    moved_BS3: Tensor
    """Steps ahead, steps to the left, steps of a turn to the left."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RoomGuesses(Guesses):
    """What it says of clips of rooms."""

    depth_BTW: Tensor
    """Logarithm of the metres to the wall."""

    walls_BTW3: Tensor
    """Colours of the walls, about 0 to 1."""

    rooms_BT6: Tensor
    """Colours of floor and ceiling of the camera's room, about 0 to 1."""

    colours_BTWN: Tensor
    """Scores of a landmark's colour; the last is none."""

    shapes_BTWN: Tensor
    """Scores of a landmark's shape; the last is none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaceGuesses(Guesses):
    """What it says of clips of a world that is one place, such as Doom's maze."""

    place_BT2: Tensor
    """Where the camera stands, from the middle, in deviations."""

    heading_BT4: Tensor
    """Sine and cosine of where it looks, and of twice that angle."""
