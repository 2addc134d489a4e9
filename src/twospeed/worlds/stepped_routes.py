"""The four kinds of routes through any world that has the moves, by walking it.

Nothing is known of the floor plan, so commands are tried: one that a wall stops is taken back by
walking the episode again from its start. The way back is walked as well, so all frames are true.

Holds: `film_route`, `film_from`, `can_be_walked`. Holds not: the rooms, whose plan is known
(room_routes.py).
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from twospeed.core.errors import DataError, lookup
from twospeed.worlds.base import Observation, World
from twospeed.worlds.language import MOVES, OPPOSITE
from twospeed.worlds.registry import WorldKind
from twospeed.worlds.rooms import MOTIONS
from twospeed.worlds.routes import (
    CHUNK_FRAMES,
    EXPLORING,
    Route,
    full_turn,
    is_dull,
    route_of,
    tour_of,
)

SAME_METRES, SAME_DEGREES = 0.01, 0.1
"""Engines round: poses so near to each other are the same."""

_LEAST_SHARE = 0.9  # of the length of a move that is not stopped
_TRIES = 200

_Shown = tuple[tuple[str, str], int, int | None]  # (kind, variant), seen, restart_at


def can_be_walked(kind: WorldKind) -> bool:
    """Say whether a world has the moves, true poses, and episodes that repeat bit for bit."""
    has_moves = set(MOVES) <= set(kind.actions)
    return has_moves and "pose" in kind.about.truth and kind.about.repeats


def film_route(world: World, seed: int, kind: str) -> tuple[Route, NDArray[np.uint8]]:
    """Walk a route of this kind; the same every time.

    Args:
        world: for which `can_be_walked`.
        seed: the episode.
        kind: a key of `ROUTES`.

    Returns:
        The route and the frames (T, H, W, 3).

    Raises:
        UnknownNameError: when there is no such kind.
        DataError: when no such walk is found from where this episode starts.
    """
    maker = lookup(ROUTES, kind, "route")
    trial = _Trial(world, seed)
    generator = np.random.default_rng([seed, 2, list(ROUTES).index(kind)])
    for _ in range(_TRIES):
        shown = maker(trial, generator)
        if shown is not None:
            name, seen, restart_at = shown
            route = route_of(
                name,
                seed,
                tuple(trial.actions),
                seen,
                trial.poses,
                restart_at=restart_at,
                metres=SAME_METRES,
                degrees=SAME_DEGREES,
            )
            return route, np.stack([shot.frame for shot in trial.shots])
        trial.restart()
    raise DataError(f"episode {seed} has no walk of kind {kind} from its start: try another seed")


def film_from(
    world: World, seed: int, before: Sequence[str], actions: Sequence[str]
) -> NDArray[np.uint8]:
    """Return what an episode shows under some actions, after others: (T, H, W, 3)."""
    world.reset(seed)
    for action in before:
        _chunk(world, action)
    return np.stack([shot.frame for action in actions for shot in _chunk(world, action)])


class _Trial:
    """An episode as far as it was walked: frame 0 and a chunk for every action."""

    def __init__(self, world: World, seed: int) -> None:
        self.world, self.seed = world, seed
        self.restart()

    def restart(self) -> None:
        """Put the episode back to its start."""
        self.shots: list[Observation] = [self.world.reset(self.seed)]
        self.actions: list[str] = []

    @property
    def poses(self) -> NDArray[np.float32]:
        """(T, 3)."""
        return _poses(self.shots)

    def walk(self, actions: Sequence[str]) -> bool:
        """Go on, until an action is stopped; say whether none was."""
        return all(self.attempt(action) for action in actions)

    def attempt(self, action: str) -> bool:
        """Go on by one action, or leave all as it is and return False where it is stopped."""
        chunk = _chunk(self.world, action)
        poses = _poses([self.shots[-1], *chunk])
        lengths = np.hypot(*np.diff(poses[:, :2], axis=0).T)
        if lengths.min() < _LEAST_SHARE * np.hypot(*MOTIONS[action][:2]):
            self.world.reset(self.seed)
            for one in self.actions:
                _chunk(self.world, one)
            return False
        self.shots += chunk
        self.actions.append(action)
        return True

    def explore(self, generator: np.random.Generator, chunks: int) -> bool:
        """Go on by so many chunks that turn and move; say whether that worked."""
        first = len(self.actions)
        for action in generator.choice(list(EXPLORING), 8 * chunks, p=list(EXPLORING.values())):
            path = self.actions[first:]
            if len(path) == chunks:
                break
            if not is_dull(path, str(action)):
                self.attempt(str(action))
        path = self.actions[first:]
        return len(path) == chunks and len({it.startswith("turn") for it in path}) == 2


def _replay(trial: _Trial, generator: np.random.Generator) -> _Shown | None:
    if not trial.explore(generator, int(generator.integers(5, 9))):
        return None
    number = len(trial.actions)
    trial.actions += trial.actions
    trial.shots += trial.shots[1:]
    return ("replay", "same walk"), number + 1, number


def _out_and_back(trial: _Trial, generator: np.random.Generator) -> _Shown | None:
    if not trial.explore(generator, int(generator.integers(3, 7))):
        return None
    seen = len(trial.actions)
    back = [OPPOSITE[action] for action in reversed(trial.actions)]
    return (("out_and_back", "way back"), seen, None) if trial.walk(back) else None


def _loop_return(trial: _Trial, generator: np.random.Generator) -> _Shown | None:
    turn = full_turn(generator)
    if not trial.explore(generator, int(generator.integers(2, 5))) or not trial.walk(turn):
        return None
    seen = len(trial.actions)
    return (("loop_return", "full turn"), seen, None) if trial.walk(turn) else None


def _after_novelty(trial: _Trial, generator: np.random.Generator) -> _Shown | None:
    turn = full_turn(generator)
    if not trial.explore(generator, int(generator.integers(2, 5))):
        return None
    if not trial.walk((*turn, *tour_of(generator))):
        return None
    seen = len(trial.actions)
    return (("after_novelty", "full turn"), seen, None) if trial.walk(turn) else None


ROUTES: dict[str, Callable[[_Trial, np.random.Generator], _Shown | None]] = {
    "replay": _replay,
    "out_and_back": _out_and_back,
    "loop_return": _loop_return,
    "after_novelty": _after_novelty,
}
"""Kind of route -> who walks it; None where it could not be walked this time."""


def _chunk(world: World, action: str) -> list[Observation]:
    return [world.step(action) for _ in range(CHUNK_FRAMES)]


def _poses(shots: Sequence[Observation]) -> NDArray[np.float32]:
    return np.array(
        [(it.pose.x, it.pose.y, it.pose.heading) for it in shots if it.pose is not None],
        np.float32,
    )
