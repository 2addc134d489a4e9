"""Which seen views show what a new one will: chosen by their poses alone.

Axes: R rows, K rows that are chosen, S spots that a new view looks at.
"""

import torch
from torch import Tensor

from twospeed.worldmodel.rendering.poses import relative

DEPTHS = (0.8, 1.6, 3.2)
"""Metres at which a view's spots lie."""

COLUMNS = 8
"""Spots at each depth, evenly from left to right."""

NEARNESS = 0.8
"""Metres from which a view counts 1 / e times as much as from here."""

LEAST_AHEAD = 0.15
"""Metres; what is nearer to a view's plane is not in it."""

EDGE = 0.1
"""How much less a spot at a view's edge counts than one in its middle."""


def covering(
    rows_R3: Tensor, is_there_R: Tensor, pose_3: Tensor, *, most: int, reach: float
) -> tuple[Tensor, float]:
    """Choose views one after the other, each where it adds most to what is seen of the spots.

    Args:
        rows_R3: poses of the seen views.
        is_there_R: bool: which of them are views at all.
        pose_3: of the new view.
        most: how many at most.
        reach: slope at the edge of a frame.

    Returns:
        Which rows, (K,), and how well the spots are seen, 0 (not at all) to 1 (from here).
    """
    quality_RS = _quality(rows_R3, pose_3, reach) * is_there_R[:, None]
    best_S = torch.zeros_like(quality_RS[0])
    chosen: list[int] = []
    for _ in range(min(most, int(is_there_R.sum()))):
        gain_R = torch.maximum(quality_RS, best_S).sum(1) - best_S.sum()
        gain_R[chosen] = 0
        row = int(gain_R.argmax())
        if gain_R[row] <= 0:
            break
        chosen.append(row)
        best_S = torch.maximum(best_S, quality_RS[row])
    return torch.tensor(chosen, dtype=torch.long), float(best_S.mean())


def _quality(rows_R3: Tensor, pose_3: Tensor, reach: float) -> Tensor:
    """Return how well each view sees each spot, (R, S)."""
    right = torch.linspace(-0.9, 0.9, COLUMNS).to(pose_3) * reach
    ahead = torch.tensor(DEPTHS).to(pose_3)[:, None].expand(-1, COLUMNS)
    from_here = torch.stack([ahead, -ahead * right, torch.zeros_like(ahead)], -1).flatten(0, 1)
    to_here_R13 = relative(pose_3, rows_R3)[:, None]
    cosine, sine = to_here_R13[..., 2].cos(), to_here_R13[..., 2].sin()
    ahead_RS = to_here_R13[..., 0] + from_here[:, 0] * cosine - from_here[:, 1] * sine
    left_RS = to_here_R13[..., 1] + from_here[:, 0] * sine + from_here[:, 1] * cosine
    slope_RS = (left_RS / ahead_RS.clamp_min(LEAST_AHEAD)).abs() / reach
    is_in_view_RS = (ahead_RS > LEAST_AHEAD) & (slope_RS < 1)
    near_R1 = (-to_here_R13[..., :2].norm(dim=-1) / NEARNESS).exp()
    quality_RS: Tensor = is_in_view_RS * near_R1 * (1 - EDGE * slope_RS.clamp_max(1))
    return quality_RS
