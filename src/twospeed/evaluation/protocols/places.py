"""Where walks are walked: the built-in rooms, or any world that is stepped through an engine.

Holds: `Place`, `place_of`. Holds not: which walks are drawn (worlds/*routes.py).
"""

import functools
import weakref
from collections.abc import Sequence
from typing import Protocol

from twospeed.core.errors import ConfigError, lookup
from twospeed.core.video import Frames
from twospeed.worlds.base import Pose
from twospeed.worlds.registry import WORLDS, make_world
from twospeed.worlds.rooms.raycast import Scene, render
from twospeed.worlds.rooms.world import frames_at, walk
from twospeed.worlds.routes.base import CHUNK_FRAMES, Route
from twospeed.worlds.routes.revisits import SAME
from twospeed.worlds.routes.rooms import make_route
from twospeed.worlds.routes.stepped import can_be_walked, walk_route
from twospeed.worlds.routes.trial import SAME_DEGREES, SAME_METRES, Walker


class Place(Protocol):
    """Who walks routes, and knows what the camera truly sees."""

    world: str
    """Name of the world."""

    size: int
    """Height and width of its frames in pixels."""

    same_metres: float
    same_degrees: float
    """Poses so near to each other are the same."""

    def film(self, kind: str, seed: int) -> tuple[Route, Frames]:
        """Walk the route of this kind of an episode: it and its frames (T, H, W, 3)."""
        ...

    def film_on(self, route: Route, frame: int, actions: Sequence[str]) -> Frames:
        """Return what comes after a frame of a route under such actions, a chunk for each."""
        ...

    def scene_of(self, seed: int) -> Scene | None:
        """Return an episode's landmarks and all around them, or None where no such is known."""
        ...


@functools.cache
def place_of(world: str, size: int) -> Place:
    """Return the place of this name; one engine serves all who ask.

    Raises:
        UnknownNameError: when there is no such world.
        ConfigError: when recall cannot be measured there, or it has no frames of that size.
        MissingExtraError: when its engine is not installed.
    """
    kind = lookup(WORLDS, world, "world")
    if world == "rooms":
        return _Rooms(size)
    if not can_be_walked(kind):
        able = ", ".join(name for name, one in WORLDS.items() if can_be_walked(one))
        raise ConfigError(
            "recall needs a world with all moves, true poses and episodes that repeat"
            f" ({able}), got {world}"
        )
    return _Stepped(world, size)


class _Rooms:
    """The built-in rooms, whose truth is known without walking."""

    world = "rooms"
    same_metres = same_degrees = SAME

    def __init__(self, size: int) -> None:
        self.size = size

    def film(self, kind: str, seed: int) -> tuple[Route, Frames]:
        scene = Scene.of_seed(seed)
        route = make_route(scene, seed, kind)
        return route, render(scene, route.poses, size=self.size).frames

    def film_on(self, route: Route, frame: int, actions: Sequence[str]) -> Frames:
        scene = Scene.of_seed(route.seed)
        x, y, heading = route.poses[frame].tolist()
        poses = walk(scene, Pose(x=x, y=y, heading=heading), actions)[1:]
        return frames_at(scene, poses, size=self.size)

    def scene_of(self, seed: int) -> Scene | None:
        return Scene.of_seed(seed)


class _Stepped:
    """Any other world, by its engine, which stays for as long as this does."""

    same_metres, same_degrees = SAME_METRES, SAME_DEGREES

    def __init__(self, world: str, size: int) -> None:
        self.world, self.size = world, size
        engine = make_world(world, frame_size=size)
        self._walker = Walker(engine)
        weakref.finalize(self, engine.close)

    def film(self, kind: str, seed: int) -> tuple[Route, Frames]:
        return walk_route(self._walker, seed, kind)

    def film_on(self, route: Route, frame: int, actions: Sequence[str]) -> Frames:
        is_led = frame >= route.first_generated - 1
        done = (frame - len(route.lead) if is_led else frame) // CHUNK_FRAMES
        restart = route.restart_at or 0
        before = route.actions[restart if done > restart else 0 : done]
        lead = route.lead if is_led else ()
        return self._walker.film(route.seed, before, actions, lead=lead)

    def scene_of(self, seed: int) -> Scene | None:  # noqa: ARG002
        return None
