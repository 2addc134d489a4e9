"""A route with its true frames: the unit that every protocol works on.

Axes: T all frames of the episode, G the generated ones.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twospeed.core.video import Frames
from twospeed.worlds.raycast import Scene, render
from twospeed.worlds.routes import CHUNK_FRAMES, Route, make_route

_SAME = 1e-3  # metres, and degrees


@dataclass(frozen=True, kw_only=True, eq=False)
class Walk:
    """One episode: its route, its scene, and what a camera truly sees on the way."""

    route: Route
    scene: Scene
    frames: Frames
    """(T, H, W, 3), the truth."""

    @property
    def num_writes(self) -> int:
        """How many outward chunks the memory observes."""
        restart = self.route.restart_at
        return self.route.seen if restart is None else restart

    @property
    def num_generated(self) -> int:
        """How many chunks of the way back are generated."""
        return len(self.route.actions) - self.route.seen

    @property
    def truth_back(self) -> Frames:
        """The true frames of the way back, (G, H, W, 3)."""
        return self.frames[self.route.first_generated :]

    @property
    def revisits(self) -> NDArray[np.int64]:
        """Which of the G frames show a pose that was seen before."""
        return np.flatnonzero(self.route.first_visit >= 0)

    @property
    def new_frames(self) -> NDArray[np.bool_]:
        """Which outward frames show a pose for the first time, one bool a frame."""
        poses = self.route.poses[: 1 + CHUNK_FRAMES * self.num_writes].astype(np.float64)
        away = poses[:, None] - poses[None]
        turned = (away[..., 2] + 180) % 360 - 180
        is_same = (np.hypot(away[..., 0], away[..., 1]) < _SAME) & (abs(turned) < _SAME)
        return np.asarray(~np.tril(is_same, -1).any(1))


def draw_walks(kind: str, seeds: Iterable[int], *, size: int) -> list[Walk]:
    """Make the routes of one kind and draw their true frames.

    Args:
        kind: a key of `twospeed.worlds.routes.ROUTES`.
        seeds: one an episode.
        size: height and width of a frame in pixels.

    Raises:
        UnknownNameError: when there is no such kind of route.
    """
    return [_draw_walk(kind, seed, size) for seed in seeds]


def by_writes(walks: Sequence[Walk]) -> list[Walk]:
    """Return the walks with the most outward chunks first: companions then finish together."""
    return sorted(walks, key=lambda walk: (-walk.num_writes, -walk.num_generated, walk.route.seed))


def _draw_walk(kind: str, seed: int, size: int) -> Walk:
    scene = Scene.of_seed(seed)
    route = make_route(scene, seed, kind)
    return Walk(route=route, scene=scene, frames=render(scene, route.poses, size=size).frames)
