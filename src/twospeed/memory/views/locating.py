"""Where a frame was seen, by what older views would show there: steps of Gauss and Newton.

Path integration drifts; what comes again says how far. The frame is drawn from the older views at
the presumed pose and a little beside it, and the pose moves to where the drawing is most like the
frame. Axes: R rows, V variations of a pose, N rays.
"""

from dataclasses import replace

import torch
from torch import Tensor

from twospeed.memory.views.coverage import covering
from twospeed.memory.views.rows import Rows
from twospeed.memory.views.seeing import pixels_of, seen_from
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.rendering.poses import moved, relative
from twospeed.worldmodel.rendering.renderer import ViewRenderer

LEAST_COVERED = 0.6
"""How well older views must see what a frame shows, 0 to 1, to judge its pose."""

ROUNDS = 4
"""Steps at most."""

_BESIDE = (0.05, 0.05, 0.03)  # metres, metres, radians: how far variations stand aside
_LONGEST = (0.25, 0.25, 0.15)
_AT_ONCE = 32
_EVERY = 4  # pixels between rays
_BETTER = 0.9  # of the error before: a pose that gains less stays
_DAMPING = 1e-3


@torch.no_grad()
def located(
    model: WorldModel,
    renderer: ViewRenderer,
    rows: Rows,
    is_old_R: Tensor,
    frame: tuple[Tensor, Tensor],
    *,
    most: int,
) -> Tensor:
    """Return the pose of a frame, (3,): the presumed one where older views cannot tell better.

    Args:
        model: whose latents they are.
        renderer: of that model.
        rows: the seen views.
        is_old_R: bool: which of them may judge.
        frame: its latents (O,) and its presumed pose (3,).
        most: how many views judge at most.
    """
    latents_O, pose_3 = frame
    reach = renderer.config.reach
    chosen, covered = covering(rows.poses_R3, is_old_R, pose_3, most=most, reach=reach)
    if covered < LEAST_COVERED:
        return pose_3
    slopes_N2, shown_N3 = _looked_at(model, renderer, latents_O, slice(0, None, _EVERY))
    tried: list[tuple[float, Tensor]] = []
    here_3, variations_V3 = pose_3, _variations(pose_3)
    count = len(variations_V3)
    seen = seen_from(model, renderer, rows, [chosen] * count, pose_3.expand(count, -1))
    for _ in range(ROUNDS):
        steps_VK3 = relative(rows.poses_R3[chosen], moved(here_3, variations_V3)[:, None])
        drawn = renderer(replace(seen, steps_BK3=steps_VK3), slopes_N2.expand(count, -1, -1))
        weight_N1 = (-drawn.log_error[0]).exp().clamp_max(100)[:, None].sqrt()
        off_VN3 = weight_N1 * (drawn.colour - shown_N3)
        tried.append((float(off_VN3[0].square().mean()), here_3))
        here_3 = moved(here_3, _step(off_VN3.flatten(1)))
    best, found_3 = min(tried, key=lambda it: it[0])
    return found_3 if best < _BETTER * tried[0][0] else pose_3


@torch.no_grad()
def unlikely(
    model: WorldModel,
    renderer: ViewRenderer,
    rows: Rows,
    latents_O: Tensor,
    poses_V3: Tensor,
    *,
    most: int,
) -> Tensor:
    """Return how unlikely a frame is from each of some poses, (V,): minus its log density.

    Args:
        model: whose latents they are.
        renderer: of that model; the mean over its rays counts.
        rows: the seen views.
        latents_O: of the frame.
        poses_V3: where it may have been seen.
        most: how many views judge at most.
    """
    reach = renderer.config.reach
    found = [
        covering(rows.poses_R3, rows.is_there_R, it, most=most, reach=reach) for it in poses_V3
    ]
    slopes_N2, shown_N3 = _looked_at(model, renderer, latents_O, slice(_EVERY, None, 2 * _EVERY))
    unlikely_V = poses_V3.new_full((len(poses_V3),), torch.inf)
    for places in torch.arange(len(poses_V3)).split(_AT_ONCE):
        able = [it for it in places.tolist() if len(found[it][0])]
        if not able:
            continue
        seen = seen_from(model, renderer, rows, [found[it][0] for it in able], poses_V3[able])
        drawn = renderer(seen, slopes_N2.expand(len(able), -1, -1))
        error_VN = (drawn.colour - shown_N3).square().mean(-1)
        density = error_VN * (-drawn.log_error).exp().clamp_max(100) + drawn.log_error
        unlikely_V[able] = density.mean(1)
    return unlikely_V


def _looked_at(
    model: WorldModel, renderer: ViewRenderer, latents_O: Tensor, lines: slice
) -> tuple[Tensor, Tensor]:
    """Return the rays where some lines and columns cross, (N, 2), and what a frame shows there."""
    side = renderer.config.side
    rays = torch.arange(side**2).unflatten(0, (side, side))[lines, lines].flatten()
    shown_3N = pixels_of(model, renderer, latents_O[None])[0].flatten(1)[:, rays]
    return renderer.camera.rays(side)[rays].to(latents_O), shown_3N.mT


def _variations(like: Tensor) -> Tensor:
    """Return no step, and steps there and back along each direction, (7, 3)."""
    beside = torch.diag(torch.tensor(_BESIDE).to(like))
    return torch.cat([torch.zeros_like(beside[:1]), beside, -beside])


def _step(off_VX: Tensor) -> Tensor:
    """Return the step that should make the differences least, (3,), no longer than `_LONGEST`."""
    beside, longest = (torch.tensor(it).to(off_VX) for it in (_BESIDE, _LONGEST))
    slope_3X = (off_VX[1:4] - off_VX[4:]) / (2 * beside[:, None])
    square_33 = slope_3X @ slope_3X.mT
    square_33 = square_33 + _DAMPING * square_33.diagonal().clamp_min(1e-6).diag()
    step_3: Tensor = torch.linalg.solve(square_33, -slope_3X @ off_VX[0])
    shorter: Tensor = (longest / step_3.abs().clamp_min(1e-9)).min().clamp_max(1)
    return step_3 * shorter
