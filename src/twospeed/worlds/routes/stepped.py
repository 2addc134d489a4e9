"""All kinds of routes through any world that has the moves, by walking it (trial.py).

The way back is walked as well, so all frames are true.

Holds: `walk_route`, `can_be_walked`. Holds not: the rooms, whose plan is known (rooms.py).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from twospeed.core.errors import DataError, lookup
from twospeed.worlds.language import MOVES, OPPOSITE
from twospeed.worlds.registry import WorldKind
from twospeed.worlds.routes.base import HALF_TURN, PERTURBED, Route, full_turn, tour_of
from twospeed.worlds.routes.perturbed import HALF_TURNED, question_of
from twospeed.worlds.routes.trial import Trial, Walker

_LEAST_REVISITED = 0.9  # of the way back: brushing along a wall may end elsewhere
_TRIES = 200

_Shown = tuple[tuple[str, str], int, int | None]  # (kind, variant), seen, restart_at
_Maker = Callable[[Trial, np.random.Generator], _Shown | None]


def can_be_gone_back(kind: WorldKind) -> bool:
    """Say whether a world has the moves and true poses; pictures need not repeat to the bit."""
    return set(MOVES) <= set(kind.actions) and "pose" in kind.about.truth


def can_be_walked(kind: WorldKind) -> bool:
    """Say whether a world has the moves, true poses, and episodes that repeat bit for bit."""
    return can_be_gone_back(kind) and kind.about.repeats


def walk_route(walker: Walker, seed: int, kind: str) -> tuple[Route, NDArray[np.uint8]]:
    """Walk a route of this kind; the same every time.

    Args:
        walker: in a world that `can_be_walked`.
        seed: the episode.
        kind: a key of `ROUTES`.

    Returns:
        The route and the frames (T, H, W, 3).

    Raises:
        UnknownNameError: when there is no such kind.
        DataError: when no such walk is found from where this episode starts, or the world lacks
            the small turns of this kind.
    """
    maker = lookup(ROUTES, kind, "route")
    trial = Trial(walker, seed)
    generator = np.random.default_rng([seed, 2, list(ROUTES).index(kind)])
    for _ in range(_TRIES):
        shown = maker(trial, generator)
        route = trial.as_route(*shown) if shown else None
        if route and (route.first_visit >= 0).mean() > _LEAST_REVISITED:
            return route, np.stack([shot.frame for shot in trial.shots])
        trial.restart()
    raise DataError(f"episode {seed} has no walk of kind {kind} from its start: try another seed")


def _replay(trial: Trial, generator: np.random.Generator) -> _Shown | None:
    if not trial.explore(generator, int(generator.integers(5, 9))):
        return None
    number = len(trial.actions)
    trial.actions += trial.actions
    trial.shots += trial.shots[1:]
    return ("replay", "same walk"), number + 1, number


def _out_and_back(trial: Trial, generator: np.random.Generator) -> _Shown | None:
    if not trial.explore(generator, int(generator.integers(3, 7))):
        return None
    seen = len(trial.actions)
    back = [OPPOSITE[action] for action in reversed(trial.actions)]
    return (("out_and_back", "way back"), seen, None) if trial.walk(back) else None


def _loop_return(trial: Trial, generator: np.random.Generator) -> _Shown | None:
    turn = full_turn(generator)
    if not trial.explore(generator, int(generator.integers(2, 5))) or not trial.walk(turn):
        return None
    seen = len(trial.actions)
    return (("loop_return", "full turn"), seen, None) if trial.walk(turn) else None


def _after_novelty(trial: Trial, generator: np.random.Generator) -> _Shown | None:
    turn = full_turn(generator)
    if not trial.explore(generator, int(generator.integers(2, 5))):
        return None
    if not trial.walk((*turn, *tour_of(generator))):
        return None
    seen = len(trial.actions)
    return (("after_novelty", "full turn"), seen, None) if trial.walk(turn) else None


def _perturbed(kind: str) -> _Maker:
    def make(trial: Trial, generator: np.random.Generator) -> _Shown | None:
        if kind in HALF_TURNED and HALF_TURN not in trial.walker.world.actions:
            raise DataError(f"routes of kind {kind} need a world that knows {HALF_TURN!r}")
        question = question_of(kind, trial.seed, generator)
        if not trial.explore(generator, int(generator.integers(2, 5))):
            return None
        if not trial.walk(question.seen) or not trial.take_steps(question.lead):
            return None
        seen = len(trial.actions)
        return ((kind, question.variant), seen, None) if trial.walk(question.asked) else None

    return make


ROUTES: dict[str, _Maker] = {
    "replay": _replay,
    "out_and_back": _out_and_back,
    "loop_return": _loop_return,
    "after_novelty": _after_novelty,
} | {kind: _perturbed(kind) for kind in PERTURBED}
"""Kind of route -> who walks it; None where it could not be walked this time."""
