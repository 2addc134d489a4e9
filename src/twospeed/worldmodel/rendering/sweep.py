"""The plane sweep: each ray of a new view is walked, and every seen view says what lies there.

At each of D depths along a ray lies a point; a seen view that looks there shows some colour and
some features at it, and says by its own depths whether that is a surface, free or hidden. Only
place and heading of the camera change. Axes: B new views, K seen views of each, N
rays, D depths, F features of a sample, C features of the encoder, S pixels of a side.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from twospeed.worldmodel.rendering.camera import Camera

EXTRA = 9
"""Features of a sample beside those of the encoder: its colour, and how its depths compare."""

LEAST_AHEAD = 0.1
"""Metres; what is nearer to a seen view's plane is not in it."""

NEVER = -1e4
"""Logarithm of what is as good as nothing."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class SeenViews:
    """What a renderer may look at: K views for each of B new ones."""

    pixels: Tensor
    """(B, K, 3, S, S) in [-1, 1]."""

    told: Tensor
    """(B, K, C + 2, S / 2, S / 2): see `ViewEncoder`."""

    steps_BK3: Tensor
    """From the new view to the seen one: metres ahead, metres and radians to the left."""

    is_there_BK: Tensor
    """bool: a view that is not there is not looked at."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Samples:
    """What seen views say of points along rays."""

    features: Tensor
    """(B, K, N, D, F)."""

    is_seen: Tensor
    """(B, K, N, D), bool: the point lies in the view."""

    places: Tensor
    """(B * K, N, D, 2): where in the view, -1 to 1 across and down."""


def sweep(views: SeenViews, slopes_BN2: Tensor, depth_D: Tensor, camera: Camera) -> Samples:
    """Look up the points at all depths of all rays.

    Args:
        views: what was seen.
        slopes_BN2: metres to the right and down, for each metre of depth, of every ray.
        depth_D: metres.
        camera: of all views.
    """
    ahead, places, is_seen = in_view(views, slopes_BN2, depth_D, camera)
    apart = views.steps_BK3.shape[:2]
    told = looked_up(views.told, places).unflatten(0, apart)
    colour = looked_up(views.pixels, places).unflatten(0, apart)
    log_ahead, log_depth = ahead.log(), depth_D.log().expand_as(ahead)
    beyond = (log_ahead - told[..., -2]) * told[..., -1].clamp(-2, 4).exp()
    far = views.steps_BK3[..., :2].norm(dim=-1)[..., None, None].expand_as(ahead)
    compared = torch.stack(
        [
            log_ahead,
            log_depth,
            beyond.tanh(),
            (-0.5 * beyond.square()).exp(),
            far,
            (log_ahead - log_depth).tanh(),
        ],
        -1,
    )
    features = torch.cat([told[..., :-2], colour, compared], -1)
    return Samples(features=features, is_seen=is_seen, places=places)


def in_view(
    views: SeenViews, slopes_BN2: Tensor, depth_D: Tensor, camera: Camera
) -> tuple[Tensor, Tensor, Tensor]:
    """Find the points of a sweep in every seen view; arguments as of `sweep`.

    Returns:
        Their depths there in metres (B, K, N, D), `Samples.places` and `Samples.is_seen`.
    """
    right_BN, down_BN = slopes_BN2.unbind(-1)
    step_ahead, step_left, turn = (it[..., None, None] for it in views.steps_BK3.unbind(-1))
    from_ahead = depth_D - step_ahead
    from_right = right_BN[:, None, :, None] * depth_D + step_left
    ahead = from_ahead * turn.cos() - from_right * turn.sin()
    right = from_ahead * turn.sin() + from_right * turn.cos()
    is_ahead = ahead > LEAST_AHEAD
    ahead = ahead.clamp_min(LEAST_AHEAD / 2)
    down = down_BN[:, None, :, None] * depth_D
    places = camera.places(ahead, right, down.expand_as(right))
    is_seen = is_ahead & (places.abs() < 1).all(-1) & views.is_there_BK[..., None, None]
    return ahead, places.clamp(-1.5, 1.5).flatten(0, 1), is_seen


def looked_up(images_BKCHW: Tensor, places: Tensor) -> Tensor:
    """Return what images show at places (B * K, N, D, 2), (B * K, N, D, C)."""
    found = functional.grid_sample(
        images_BKCHW.flatten(0, 1), places, align_corners=False, padding_mode="border"
    )
    return found.permute(0, 2, 3, 1)


def stops(density_BND: Tensor) -> tuple[Tensor, Tensor]:
    """Return the share of each ray that ends at each depth, (B, N, D), and its sum, unscaled."""
    stopped = 1 - (-density_BND).exp()
    passed = torch.cat([torch.ones_like(stopped[..., :1]), 1 - stopped[..., :-1] + 1e-6], -1)
    share = passed.log().cumsum(-1).exp() * stopped  # what a product is to graphs of other programs
    total = share.sum(-1, keepdim=True)
    return share / (total + 1e-3), total
