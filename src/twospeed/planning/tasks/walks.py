"""Walks that are to be walked back: the same way, or just home. In any world with moves and poses.

A walk of 8 to 24 chunks that nothing stops is seen. Off the path, one step of turning and one to
four quarter-metre steps come after it, so that undoing all commands ends elsewhere.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twospeed.core.errors import DataError
from twospeed.planning.splitting.base import HOME, REMEMBERED, WAY_BACK
from twospeed.planning.tasks.base import Begun
from twospeed.worlds.base import Observation, World
from twospeed.worlds.routes.trial import Trial, Walker

LEAST_CHUNKS, MOST_CHUNKS = 8, 24
_TRIES = 40
_STREAM = 11
_ASIDE = ("step left", "step right", "go forward", "go back")


class Retrace:
    """Mean over the way-points of the closest distance to them on the way back, in metres."""

    sentence = REMEMBERED[WAY_BACK]
    success_metres = 0.5
    world_options: Mapping[str, Any] = {}

    def begin(self, world: World, seed: int, *, off_path: bool) -> Begun | None:
        """Walk; see `Task`."""
        generator = np.random.default_rng([seed, _STREAM])
        trial = Trial(Walker(world), seed)
        for _ in range(_TRIES):
            chunks = int(generator.integers(LEAST_CHUNKS, MOST_CHUNKS + 1))
            done = trial.explore(generator, chunks)
            aside = _steps_aside(generator) if off_path else ()
            if done and trial.take_steps(aside):
                return Begun(
                    seed=seed,
                    actions=tuple(trial.actions),
                    shots=tuple(trial.shots),
                    aside=aside,
                )
            trial.restart()
        return None

    def restore(self, world: World, begun: Begun) -> None:
        """Walk again; see `Task`."""
        walker = Walker(world)
        walker.start(begun.seed)
        for action in begun.actions:
            walker.chunk(action)
        for step in begun.aside:
            world.step(step)

    def distance(self, begun: Begun, acted: Sequence[Observation]) -> float:
        """Return the mean closest distance; see `Task`."""
        points, places = places_of(begun.path), places_of(acted)
        apart = np.linalg.norm(points[:, None] - places[None], axis=2)
        return float(apart.min(1).mean())


class ReturnHome(Retrace):
    """Distance of the end to the start, in metres: any way counts."""

    sentence = REMEMBERED[HOME]

    def distance(self, begun: Begun, acted: Sequence[Observation]) -> float:
        """Return the distance of the last frame to the first; see `Task`."""
        home, end = places_of(begun.path)[0], places_of(acted)[-1]
        return float(np.linalg.norm(home - end))


def places_of(shots: Sequence[Observation]) -> NDArray[np.float64]:
    """Return positions in metres, (T, 2).

    Raises:
        DataError: when the world gives no poses.
    """
    poses = [shot.pose for shot in shots]
    if any(pose is None for pose in poses):
        raise DataError("this task needs a world that gives true poses")
    return np.array([(pose.x, pose.y) for pose in poses if pose is not None], np.float64)


def _steps_aside(generator: np.random.Generator) -> tuple[str, ...]:
    turn = ("turn left", "turn right")[generator.integers(2)]
    return (str(generator.choice(_ASIDE)),) * int(generator.integers(1, 5)) + (turn,)
