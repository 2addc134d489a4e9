"""The four kinds of routes through any world that has the moves, by walking it.

Nothing is known of the floor plan, so commands are tried: one that a wall stops is taken back by
walking the episode again from its start. The way back is walked as well, so all frames are true.
Before frame 0 the camera turns by up to three steps, to where the most ways are free: aslant in a
narrow passage there would be none.

Holds: `Walker`, `can_be_walked`. Holds not: the rooms, whose plan is known
(room_routes.py).
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from twospeed.core.errors import DataError, lookup
from twospeed.worlds.base import Observation, World
from twospeed.worlds.language import MOVES, OPPOSITE
from twospeed.worlds.registry import WorldKind
from twospeed.worlds.routes import (
    CHUNK_FRAMES,
    EXPLORING,
    Route,
    full_turn,
    is_dull,
    is_unhindered,
    route_of,
    tour_of,
)

SAME_METRES, SAME_DEGREES = 0.01, 0.1
"""Engines round: poses so near to each other are the same."""

_LEAST_REVISITED = 0.9  # of the way back: brushing along a wall may end elsewhere
_TRIES = 200

_Shown = tuple[tuple[str, str], int, int | None]  # (kind, variant), seen, restart_at


def can_be_walked(kind: WorldKind) -> bool:
    """Say whether a world has the moves, true poses, and episodes that repeat bit for bit."""
    has_moves = set(MOVES) <= set(kind.actions)
    return has_moves and "pose" in kind.about.truth and kind.about.repeats


class Walker:
    """Walks routes through a world.

    Args:
        world: for which `can_be_walked`.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self._turns: dict[int, int] = {}

    def route(self, seed: int, kind: str) -> tuple[Route, NDArray[np.uint8]]:
        """Walk a route of this kind; the same every time.

        Args:
            seed: the episode.
            kind: a key of `ROUTES`.

        Returns:
            The route and the frames (T, H, W, 3).

        Raises:
            UnknownNameError: when there is no such kind.
            DataError: when no such walk is found from where this episode starts.
        """
        maker = lookup(ROUTES, kind, "route")
        trial = _Trial(self, seed)
        generator = np.random.default_rng([seed, 2, list(ROUTES).index(kind)])
        for _ in range(_TRIES):
            shown = maker(trial, generator)
            route = trial.as_route(*shown) if shown else None
            if route and (route.first_visit >= 0).mean() > _LEAST_REVISITED:
                return route, np.stack([shot.frame for shot in trial.shots])
            trial.restart()
        raise DataError(
            f"episode {seed} has no walk of kind {kind} from its start: try another seed"
        )

    def film(self, seed: int, before: Sequence[str], actions: Sequence[str]) -> NDArray[np.uint8]:
        """Return what an episode shows under some actions, after others: (T, H, W, 3)."""
        self.start(seed)
        for action in before:
            self.chunk(action)
        return np.stack([shot.frame for action in actions for shot in self.chunk(action)])

    def start(self, seed: int) -> Observation:
        """Put the world to frame 0 of an episode."""
        if seed not in self._turns:
            free = [self._free_ways(seed, turns) for turns in range(CHUNK_FRAMES)]
            self._turns[seed] = free.index(max(free))
        return self._turned(seed, self._turns[seed])

    def chunk(self, action: str) -> list[Observation]:
        """Carry out one action."""
        return [self.world.step(action) for _ in range(CHUNK_FRAMES)]

    def _turned(self, seed: int, turns: int) -> Observation:
        shown = self.world.reset(seed)
        for _ in range(turns):
            shown = self.world.step("turn left")
        return shown

    def _free_ways(self, seed: int, turns: int) -> int:
        """Count the moves that nothing stops after so many steps of turning."""
        moves = [name for name in EXPLORING if not name.startswith("turn")]
        return sum(
            is_unhindered(_poses([self._turned(seed, turns), *self.chunk(move)]), [move])
            for move in moves
        )


class _Trial:
    """An episode as far as it was walked: frame 0 and a chunk for every action."""

    def __init__(self, walker: Walker, seed: int) -> None:
        self.walker, self.seed = walker, seed
        self.restart()

    def restart(self) -> None:
        """Put the episode back to its start."""
        self.shots: list[Observation] = [self.walker.start(self.seed)]
        self.actions: list[str] = []

    def as_route(self, name: tuple[str, str], seen: int, restart_at: int | None) -> Route:
        """Return the route that was walked."""
        return route_of(
            name,
            self.seed,
            tuple(self.actions),
            seen,
            _poses(self.shots),
            restart_at=restart_at,
            metres=SAME_METRES,
            degrees=SAME_DEGREES,
        )

    def walk(self, actions: Sequence[str]) -> bool:
        """Go on, until an action is stopped; say whether none was."""
        return all(self.attempt(action) for action in actions)

    def attempt(self, action: str) -> bool:
        """Go on by one action, or leave all as it is and return False where it is stopped."""
        chunk = self.walker.chunk(action)
        if not is_unhindered(_poses([self.shots[-1], *chunk]), [action]):
            self.walker.start(self.seed)
            for one in self.actions:
                self.walker.chunk(one)
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


def _poses(shots: Sequence[Observation]) -> NDArray[np.float32]:
    return np.array(
        [(it.pose.x, it.pose.y, it.pose.heading) for it in shots if it.pose is not None],
        np.float32,
    )
