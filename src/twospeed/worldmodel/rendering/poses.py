"""Where a camera stands and looks on a plane, and how it goes from there.

A pose is x and y in metres and a heading in radians, counted to the left, (..., 3). A step is
metres ahead, metres to the left and radians to the left, each in the pose before it, (..., 3).
"""

import itertools
from collections.abc import Iterable

import torch
from torch import Tensor


def moved(pose_3: Tensor, step_3: Tensor) -> Tensor:
    """Return the poses after steps, (..., 3)."""
    x, y, heading = pose_3.unbind(-1)
    ahead, left, turn = step_3.unbind(-1)
    cosine, sine = heading.cos(), heading.sin()
    return torch.stack(
        [x + ahead * cosine - left * sine, y + ahead * sine + left * cosine, heading + turn], -1
    )


def relative(pose_3: Tensor, origin_3: Tensor) -> Tensor:
    """Return the step that leads from one pose to another, (..., 3); turns are within ± π."""
    x, y, turn = (pose_3 - origin_3).unbind(-1)
    heading = origin_3[..., 2]
    cosine, sine = heading.cos(), heading.sin()
    turn = torch.atan2(turn.sin(), turn.cos())
    return torch.stack([x * cosine + y * sine, y * cosine - x * sine, turn], -1)


def walked(pose_3: Tensor, steps: Iterable[Tensor]) -> list[Tensor]:
    """Return the poses after each of some steps, each (..., 3)."""
    return list(itertools.accumulate(steps, moved, initial=pose_3))[1:]
