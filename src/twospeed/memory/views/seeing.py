"""Rows of seen views, as a renderer looks at them from new poses.

Axes: N new poses, K seen views of each, U views that are used at all, S pixels of a side.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from twospeed.memory.views.rows import Rows
from twospeed.worldmodel.codec import decode_latents, to_pixels
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.rendering.camera import Camera
from twospeed.worldmodel.rendering.poses import relative
from twospeed.worldmodel.rendering.renderer import ViewRenderer
from twospeed.worldmodel.rendering.sweep import SeenViews, in_view


def seen_from(
    model: WorldModel,
    renderer: ViewRenderer,
    rows: Rows,
    chosen: Sequence[Tensor],
    poses_N3: Tensor,
) -> SeenViews:
    """Decode and encode each view once, and say where it stands from every new pose.

    Args:
        model: whose latents the rows hold.
        renderer: of that model.
        rows: the seen views.
        chosen: which rows each pose looks at, (K,), with one row in all at least.
        poses_N3: from where.
    """
    used_U, place = torch.unique(torch.cat(list(chosen)), return_inverse=True)
    places = place.split([len(it) for it in chosen])
    index_NK = pad_sequence(list(places), batch_first=True, padding_value=-1)
    pixels = pixels_of(model, renderer, rows.up_OR[:, used_U].mT)
    told, kept_NK = renderer.encoder(pixels), index_NK.clamp_min(0)
    return SeenViews(
        pixels=pixels[kept_NK],
        told=told[kept_NK],
        steps_BK3=relative(rows.poses_R3[used_U][kept_NK], poses_N3[:, None]),
        is_there_BK=index_NK >= 0,
    )


def shown_in(views: SeenViews, depth_D: Tensor, cells: int, camera: Camera) -> Tensor:
    """Return how far seen views show the cells of new ones, 0 to 1, (N, cells, cells).

    Where none looks there is nothing to draw, and what is drawn is an even grey that lies close to
    any dim place: the error that the renderer expects of it must not be asked. A cell that is shown
    to half or less, over its area and over all depths, counts as not shown.

    Args:
        views: what was seen, from N new poses.
        depth_D: metres.
        cells: along a side of a frame.
        camera: of all views.
    """
    rays = camera.rays(2 * cells).to(depth_D).expand(len(views.is_there_BK), -1, -1)
    _, _, is_seen_NKRD = in_view(views, rays, depth_D, camera)
    shown_NR = is_seen_NKRD.any(1).float().mean(-1)
    shown = functional.avg_pool2d(shown_NR.unflatten(1, (2 * cells, 2 * cells)), 2)
    return (2 * shown - 1).clamp(0, 1)


def pixels_of(model: WorldModel, renderer: ViewRenderer, latents_UO: Tensor) -> Tensor:
    """Decode views, (U, 3, S, S) in [-1, 1]."""
    cells = renderer.config.latent_cells
    latents = latents_UO.unflatten(1, (-1, cells, cells))
    frames = decode_latents(model.autoencoder, latents.transpose(0, 1)[None])
    return to_pixels(frames).to(latents)
