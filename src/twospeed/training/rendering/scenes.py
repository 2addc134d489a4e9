"""What a renderer is asked while it learns: seen views of an episode, and rays of others.

A ray of a frame is as well a ray of a camera that looks a little further to the left or right: so
new views have any heading, though a world turns in steps. Axes: B scenes, K seen views, Q new
views, N rays, S pixels of a side.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from twospeed.memory.views.coverage import covering
from twospeed.training.rendering.config import RenderingRun
from twospeed.training.rendering.posed import PosedEpisode
from twospeed.worldmodel.rendering.camera import turned_rays
from twospeed.worldmodel.rendering.poses import relative

_SAME_DISTANCE = 0.15  # share of scenes whose seen views may stand where the new one does
_FEWER = 0.35  # share of scenes with fewer seen views than could be
_TURNED = 0.2  # radians: most that a new view is turned beside its frame
_NEAREST = 12  # frames among which the other new views of a scene are


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Scenes:
    """Seen views, and rays of new ones whose colours are known."""

    seen_BK3SS: Tensor
    """In [-1, 1]."""

    steps_BQK3: Tensor
    """From new views to seen ones."""

    is_there_BQK: Tensor
    """bool; the last new view of a scene is a seen one, which does not count for it."""

    slopes_BQN2: Tensor
    """Of the rays, as the new views' own cameras have them."""

    colour_BQN3: Tensor
    """What they show, in [-1, 1]."""

    own_B: Tensor
    """Which seen view the last new one is."""

    pixel_BN: Tensor
    """Which pixels of it its rays are, row by row."""


def draw_scenes(
    episodes: Sequence[PosedEpisode], run: RenderingRun, generator: torch.Generator
) -> Scenes:
    """Draw `run.scenes` scenes, of any episodes."""
    chosen = torch.randint(len(episodes), (run.scenes,), generator=generator).tolist()
    parts = [_scene(episodes[index], run, generator) for index in chosen]
    return Scenes(**{name: torch.stack([part[name] for part in parts]) for name in parts[0]})


def mirrored(scenes: Scenes) -> Scenes:
    """Swap left and right in all of it."""
    side = scenes.seen_BK3SS.shape[-1]
    across = scenes.pixel_BN % side
    return Scenes(
        seen_BK3SS=scenes.seen_BK3SS.flip(-1),
        steps_BQK3=scenes.steps_BQK3 * torch.tensor([1.0, -1, -1]),
        is_there_BQK=scenes.is_there_BQK,
        slopes_BQN2=scenes.slopes_BQN2 * torch.tensor([-1.0, 1]),
        colour_BQN3=scenes.colour_BQN3,
        own_B=scenes.own_B,
        pixel_BN=scenes.pixel_BN - across + (side - 1 - across),
    )


def _scene(
    episode: PosedEpisode, run: RenderingRun, generator: torch.Generator
) -> dict[str, Tensor]:
    new_Q, seen_K, is_there_K = _frames(episode, run, generator)
    own = int(torch.randint(int(is_there_K.sum()), (), generator=generator))
    new_Q = torch.cat([new_Q, seen_K[own, None]])
    turn_Q = _TURNED * (2 * torch.rand(run.queries, generator=generator) - 1)
    turn_Q[-1] = 0
    is_there_QK = is_there_K.repeat(run.queries, 1)
    is_there_QK[-1, own] = False
    pixels_F3SS = episode.pixels(torch.cat([seen_K, new_Q]))
    side = pixels_F3SS.shape[-1]
    pixel_QN = torch.stack(
        [torch.randperm(side**2, generator=generator)[: run.rays] for _ in range(run.queries)]
    )
    colour_QSS3 = pixels_F3SS[len(seen_K) :].flatten(2).mT
    poses_Q3 = episode.poses_T3[new_Q].clone()
    poses_Q3[:, 2] += turn_Q
    return {
        "seen_BK3SS": pixels_F3SS[: len(seen_K)],
        "steps_BQK3": relative(episode.poses_T3[seen_K], poses_Q3[:, None]),
        "is_there_BQK": is_there_QK,
        "slopes_BQN2": turned_rays(run.camera.rays(side)[pixel_QN], turn_Q),
        "colour_BQN3": torch.gather(colour_QSS3, 1, pixel_QN[..., None].expand(-1, -1, 3)),
        "own_B": torch.tensor(own),
        "pixel_BN": pixel_QN[-1],
    }


def _frames(
    episode: PosedEpisode, run: RenderingRun, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw new frames (Q - 1,), seen ones (K,), and which of these there are, bool."""
    poses_T3 = episode.poses_T3
    first = int(torch.randint(len(poses_T3), (), generator=generator))
    away_T3 = relative(poses_T3, poses_T3[first])
    apart_T = away_T3[:, :2].norm(dim=-1) + 0.5 * away_T3[:, 2].abs()
    near = apart_T.argsort()[:_NEAREST]
    others = near[torch.randint(len(near), (run.queries - 2,), generator=generator)]
    new_Q = torch.cat([torch.tensor([first]), others])
    is_free_T = torch.ones(len(poses_T3), dtype=torch.bool)
    is_free_T[new_Q] = False
    least = float(run.farthest * torch.rand((), generator=generator))
    if torch.rand((), generator=generator) < _SAME_DISTANCE:
        least = 0.0
    is_far_T = is_free_T & (away_T3[:, :2].norm(dim=-1) >= least)
    for allowed_T in (is_far_T, is_free_T):
        seen, _ = covering(
            poses_T3, allowed_T, poses_T3[first], most=run.references, reach=run.reach
        )
        if len(seen) > 1:
            break
    if not len(seen):
        seen = is_free_T.nonzero()[:1, 0]
    count = len(seen)
    if torch.rand((), generator=generator) < _FEWER:
        count = 1 + int(torch.randint(count, (), generator=generator))
    padded_K = torch.cat([seen, seen[:1].expand(run.references - len(seen))])
    return new_Q, padded_K, torch.arange(run.references) < count
