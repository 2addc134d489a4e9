"""Whole frames drawn from seen views: what `ViewRenderer.forward` gives for all rays, and quickly.

Samples are weighed at every other pixel; colours are then looked up at all pixels. `draw_whole`
goes by columns, weighs only those samples that are in a view (weighing.py), and looks up only
where a weight is worth it; `draw_by_rays` takes all samples of all rays. Axes: B new views, K
seen views of each, L columns of a new view, R rows, N rays, D depths, E entries (columns of new
views in seen ones), S pixels of a side.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from twospeed.worldmodel.rendering.camera import Camera
from twospeed.worldmodel.rendering.columns import Columns, Stack, summed
from twospeed.worldmodel.rendering.sweep import Samples, SeenViews, in_view, looked_up, sweep
from twospeed.worldmodel.rendering.weighing import Layers, Weighing

_BLOCK = 16  # columns that are worked on at once: what they need stays in the cache
_LEAST = 1e-3  # weight from which on a colour counts


def draw_whole(
    layers: Layers, views: SeenViews, side: int, *, reach: float
) -> tuple[Tensor, Tensor]:
    """Draw whole frames: (B, 3, S, S) in [-1, 1], or nearly so, and log errors (B, S, S).

    For cameras that do not look down.

    Args:
        layers: weigh the samples.
        views: what was seen.
        side: S.
        reach: the slope at the edge of a frame.
    """
    errors_BLR, weights_BKDLR = _weighed(layers, views, side // 2, reach=reach)
    errors_BSS = _doubled(errors_BLR)
    weights_BKDSS = _doubled(weights_BKDLR.flatten(1, 2)).unflatten(1, weights_BKDLR.shape[1:3])
    is_worth_BKSD = (weights_BKDSS.amax(-1) > _LEAST).transpose(2, 3)
    entries = Columns(views, side, layers.depth_D, reach=reach).entries(is_worth_BKSD)
    place = entries.view_E, entries.depth_E, entries.column_E % side
    colour_3ES = Stack(views.pixels)(entries) * weights_BKDSS.flatten(0, 1)[place]
    columns = len(errors_BSS) * side
    group_3E = torch.stack([entries.column_E + columns * colour for colour in range(3)])
    drawn = summed(colour_3ES.flatten(0, 1), group_3E.flatten(), 3 * columns)
    return drawn.unflatten(0, (3, -1, side)).permute(1, 0, 3, 2), errors_BSS.mT


def draw_by_rays(
    weigh: Callable[[Samples], tuple[Tensor, Tensor]],
    unsure: nn.Module,
    views: SeenViews,
    side: int,
    depth_D: Tensor,
    camera: Camera,
) -> tuple[Tensor, Tensor]:
    """Draw whole frames as `draw_whole` does, for any camera, in steps that other programs know.

    Args:
        weigh: samples -> their weights, and features of their rays.
        unsure: features of rays -> log errors.
        views: what was seen.
        side: S.
        depth_D: metres.
        camera: of all views.
    """
    new, half = len(views.is_there_BK), side // 2
    few, all_rays = (camera.rays(it).to(depth_D).expand(new, -1, -1) for it in (half, side))
    weight_BKND, mixed = weigh(sweep(views, few, depth_D, camera))
    errors_BRR = unsure(mixed)[..., 0].unflatten(1, (half, half))
    apart = weight_BKND.shape[1::2]
    weight = _doubled(weight_BKND.transpose(2, 3).flatten(1, 2).unflatten(2, (half, half)))
    weight_BKND = weight.unflatten(1, apart).flatten(3).transpose(2, 3)
    _, places, _ = in_view(views, all_rays, depth_D, camera)
    colour = looked_up(views.pixels, places).unflatten(0, views.is_there_BK.shape)
    drawn = (weight_BKND[..., None] * colour).sum((1, 3))
    return drawn.mT.unflatten(2, (side, side)), _doubled(errors_BRR)


def _weighed(layers: Layers, views: SeenViews, side: int, *, reach: float) -> tuple[Tensor, Tensor]:
    """Return log errors of all rays (B, L, R), and weights of all samples (B, K, D, L, R)."""
    columns = Columns(views, side, layers.depth_D, reach=reach)
    entries = columns.entries(columns.is_seen_BKLD)
    batch, seen = views.is_there_BK.shape
    weigh, count = Weighing(layers, views), batch * side
    firsts = range(0, count, _BLOCK)
    parts = zip(firsts, entries.split(_BLOCK, count), strict=True)
    found = [weigh(part, first, min(_BLOCK, count - first)) for first, part in parts]
    errors_XR, weights_ER = (torch.cat(it) for it in zip(*found, strict=True))
    weights = weights_ER.new_zeros(batch * seen, len(layers.depth_D), side, side)
    weights[entries.view_E, entries.depth_E, entries.column_E % side] = weights_ER
    return errors_XR.unflatten(0, (batch, side)), weights.unflatten(0, (batch, seen))


def _doubled(images_BCLR: Tensor) -> Tensor:
    """Return images of twice the size."""
    images = images_BCLR[:, None] if images_BCLR.ndim == 3 else images_BCLR
    twice = functional.interpolate(images, scale_factor=2, mode="bilinear", align_corners=False)
    return twice.flatten(0, 1) if images_BCLR.ndim == 3 else twice
