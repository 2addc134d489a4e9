"""A route with its true frames: the unit that every protocol works on.

Axes: T all frames of the episode, G the generated ones.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twospeed.core.video import Frames
from twospeed.evaluation.protocols.places import Place, place_of
from twospeed.worlds.routes.base import CHUNK_FRAMES, Route
from twospeed.worlds.routes.revisits import same_poses


@dataclass(frozen=True, kw_only=True, eq=False)
class Walk:
    """One episode: where it is, its route, and what a camera truly sees on the way."""

    place: Place
    route: Route
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
    def num_shown(self) -> int:
        """How many frames before the way back follow on each other."""
        return self.route.first_generated - self.route.unbroken_from

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
        is_same = same_poses(poses, poses, self.place.same_metres, self.place.same_degrees)
        return np.asarray(~np.tril(is_same, -1).any(1))


def draw_walks(kind: str, seeds: Iterable[int], *, size: int, world: str = "rooms") -> list[Walk]:
    """Make the routes of one kind and draw their true frames.

    Args:
        kind: one of `twospeed.worlds.routes.base.KINDS`.
        seeds: one an episode.
        size: height and width of a frame in pixels.
        world: where they are walked.

    Raises:
        UnknownNameError: when there is no such kind of route, or no such world.
        ConfigError: when routes cannot be walked in that world.
        MissingExtraError: when its engine is not installed.
    """
    place = place_of(world, size)
    walks = []
    for seed in seeds:
        route, frames = place.film(kind, seed)
        walks.append(Walk(place=place, route=route, frames=frames))
    return walks


def by_writes(walks: Sequence[Walk]) -> list[Walk]:
    """Return the walks with the most outward chunks first: companions then finish together."""
    return sorted(walks, key=lambda walk: (-walk.num_writes, -walk.num_generated, walk.route.seed))
