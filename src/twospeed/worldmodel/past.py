"""Which frames of a window are new, and what was seen before them, told from noise levels alone.

Axes: B clips, C channels, T frames, P frames before the new ones, H and W cells.
"""

import torch
from torch import Tensor


def new_frames(level_BT: Tensor) -> tuple[Tensor, Tensor]:
    """Say which frames are new, bool (B, T), and the number of each clip's first new one, (B,).

    New frames are those at the end that share one noise level; where all do, there is no past.
    """
    place_T = torch.arange(level_BT.shape[1], device=level_BT.device)
    first_B = ((place_T + 1) * (level_BT != level_BT[:, -1:])).amax(1)
    return place_T >= first_B[:, None], first_B


def clean_frames(level_BT: Tensor) -> int:
    """Return how many frames at the start are clean in all clips; the last one never counts."""
    is_clean_T = (level_BT[:, :-1] == 0).all(0)
    return int(is_clean_T.cumprod(0).sum())


def latest(noisy_BCTHW: Tensor, first_B: Tensor, count: int) -> Tensor:
    """Return the `count` frames before each clip's first new one, (B, C, P, H, W).

    Where there are fewer, the first was there before; where there is none, they are zeros.
    """
    wanted_BP = first_B[:, None] + torch.arange(-count, 0, device=first_B.device)
    _, channels, _, height, width = noisy_BCTHW.shape
    index = wanted_BP.clamp_min(0)[:, None, :, None, None].expand(-1, channels, -1, height, width)
    found = noisy_BCTHW.gather(2, index)
    return found * (first_B > 0)[:, None, None, None, None]
