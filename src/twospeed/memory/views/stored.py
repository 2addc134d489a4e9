"""Rows of views as they lie in files, and the rows of two memories in one.

Axes: R rows, O numbers in a frame's latents.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from twospeed.core.errors import ConfigError
from twospeed.memory.views.rows import Rows
from twospeed.worldmodel.rendering.renderer import LAYER

Halves = Mapping[str, Tensor]


def filled(down: Halves, up: Halves) -> tuple[Halves, Halves]:
    """Return the rows up to the last one that holds a view; one at least."""
    rows = Rows(down[LAYER], up[LAYER]).filled
    return {LAYER: rows.down_R5}, {LAYER: rows.up_OR.contiguous()}


def with_empty_rows(down: Halves, up: Halves, rank: int) -> tuple[Halves, Halves]:
    """Return the rows, and after them as many empty ones as `rank` has more."""
    more = max(0, rank - up[LAYER].shape[1])
    return (
        {LAYER: functional.pad(down[LAYER], (0, 0, 0, more))},
        {LAYER: functional.pad(up[LAYER], (0, more))},
    )


def joined(first: tuple[Halves, Halves], second: tuple[Halves, Halves], same: float) -> Rows:
    """Return the views of two memories that began as one; the first's where both know a pose.

    Raises:
        ConfigError: when they share no view: their poses have nothing to do with each other.
    """
    own, others = (Rows(down[LAYER].clone(), up[LAYER].clone()) for down, up in (first, second))
    if not _have_common_views(own, others):
        raise ConfigError(
            "these views were seen from unrelated poses: only memories that began as one are merged"
        )
    for row in others.is_there_R.nonzero()[:, 0].tolist():
        pose_3, chunk = others.poses_R3[row], int(others.down_R5[row, 4])
        if own.row_at(pose_3, within=same) is None:
            own.put_(pose_3, others.up_OR[:, row], chunk=chunk, same=same)
    return own


def _have_common_views(first: Rows, second: Rows) -> bool:
    ours, theirs = (
        torch.cat([it.down_R5.mT, it.up_OR])[:, it.is_there_R] for it in (first, second)
    )
    if not ours.shape[1] or not theirs.shape[1]:
        return True
    return any(bool((ours == one[:, None]).all(0).any()) for one in theirs.unbind(1))
