"""Columns of whole frames in seen views: what a plane sweep looks up, and nothing else.

Where cameras do not look down, a column of a new view lies, at each depth, in one column of a seen
view. Only where that is in the view is anything looked up: an entry is one such column.

Axes: B new views, K seen views of each, L columns of a new view, D depths, E entries, R rows, C
channels, F features.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from twospeed.worldmodel.rendering.camera import line_of
from twospeed.worldmodel.rendering.sweep import LEAST_AHEAD, SeenViews


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Entries:
    """Columns that are looked up, in the order of new column, depth, seen view."""

    view_E: Tensor
    """b * K + k."""

    column_E: Tensor
    """b * L + l."""

    depth_E: Tensor
    """Number of the depth."""

    ahead_E: Tensor
    """Metres ahead of the seen view."""

    across_E: Tensor
    """Where in the seen view, -1 to 1."""

    down_ER: Tensor
    """Where in it every row is, -1 to 1."""

    def __len__(self) -> int:
        """Return E."""
        return len(self.view_E)

    def split(self, columns: int, count: int) -> Iterator["Entries"]:
        """Yield the entries of so many columns at a time, of `count` in all."""
        sizes = torch.bincount(self.column_E, minlength=count)
        sizes = functional.pad(sizes, (0, -count % columns)).unflatten(0, (-1, columns)).sum(1)
        parts = (getattr(self, name).split(sizes.tolist()) for name in self.__slots__)
        for part in zip(*parts, strict=True):
            yield Entries(**dict(zip(self.__slots__, part, strict=True)))


class Columns:
    """Where the columns of new views lie in seen ones.

    Args:
        views: what was seen.
        side: L and R.
        depth_D: metres.
        reach: the slope at the edge of a frame.
    """

    def __init__(self, views: SeenViews, side: int, depth_D: Tensor, *, reach: float) -> None:
        self._slope_L, self._depth_D, self._reach = line_of(side, reach).to(depth_D), depth_D, reach
        step_ahead, step_left, turn = (it[..., None, None] for it in views.steps_BK3.unbind(-1))
        from_ahead = depth_D - step_ahead
        from_right = self._slope_L[:, None] * depth_D + step_left
        ahead = from_ahead * turn.cos() - from_right * turn.sin()
        right = from_ahead * turn.sin() + from_right * turn.cos()
        self._ahead_BKLD = ahead.clamp_min(LEAST_AHEAD / 2)
        self._across_BKLD = right / self._ahead_BKLD / reach
        self.is_seen_BKLD = (
            (ahead > LEAST_AHEAD)
            & (self._across_BKLD.abs() < 1)
            & views.is_there_BK[..., None, None]
        )
        """bool: some of the column is in the view."""

    def entries(self, is_wanted_BKLD: Tensor) -> Entries:
        """Return those that are wanted."""
        _, seen, columns, _ = is_wanted_BKLD.shape
        new, column, depth, view = is_wanted_BKLD.permute(0, 2, 3, 1).nonzero().unbind(1)
        at = new, view, column, depth
        ahead_E = self._ahead_BKLD[at]
        stretch_E = self._depth_D[depth] / ahead_E / self._reach
        return Entries(
            view_E=new * seen + view,
            column_E=new * columns + column,
            depth_E=depth,
            ahead_E=ahead_E,
            across_E=self._across_BKLD[at],
            down_ER=stretch_E[:, None] * self._slope_L,
        )


class Stack:
    """Images of all seen views, one below the other, of which columns are looked up.

    Args:
        images_BKCHW: the images.
    """

    def __init__(self, images_BKCHW: Tensor) -> None:
        *_, self._height, width = images_BKCHW.shape
        images_CNHW = images_BKCHW.flatten(0, 1).transpose(0, 1)
        self._tall = images_CNHW.reshape(1, len(images_CNHW), -1, width)

    def __call__(self, entries: Entries) -> Tensor:
        """Return what lies along columns, (C, E, R); beyond an edge that is what is at it."""
        row_ER = ((entries.down_ER + 1) * self._height - 1).div_(2).clamp_(0, self._height - 1)
        row_ER += (entries.view_E * self._height)[:, None]
        down_ER = row_ER.mul_(2).add_(1).div_(self._tall.shape[2]).sub_(1)
        places = torch.stack([entries.across_E[:, None].expand_as(down_ER), down_ER], -1)
        threads = torch.get_num_threads()  # each takes an image of its own
        places = functional.pad(places, (0, 0, 0, 0, 0, -len(entries) % threads))
        found = functional.grid_sample(
            self._tall.expand(threads, -1, -1, -1),
            places.unflatten(0, (threads, -1)),
            align_corners=False,
            padding_mode="border",
        )
        return found.transpose(0, 1).flatten(1, 2)[:, : len(entries)]


def summed(values_EF: Tensor, group_E: Tensor, groups: int) -> Tensor:
    """Add up by groups, whose members follow each other in the groups' order, (groups, F)."""
    sizes = torch.bincount(group_E, minlength=groups)
    every = torch.arange(len(values_EF), device=values_EF.device)
    return functional.embedding_bag(every, values_EF, sizes.cumsum(0) - sizes, mode="sum")
