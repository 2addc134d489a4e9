"""A block that is carried away and is to be put back where it was: a robot arm at a table.

Whoever plays the world picks the block up at A, carries it over one to three way-points, puts it
down at B, and moves on with an empty hand. Off the path, the hand is then raised or lowered a
little, so that the block is seen from another height.
"""

from collections.abc import Sequence

import numpy as np

from twospeed.core.errors import DataError
from twospeed.planning.tasks.base import CHUNK_FRAMES, Begun
from twospeed.worlds.base import Observation, ScriptedWorld, World

MOST_CHUNKS = 24
"""Chunks in which the block has to be put down at B."""

_AWAY = 0.06  # metres from A to B at least
_ON_TABLE = 0.44  # metres: the block's height where it lies
_STREAM = 13
_ASIDE = ("move the gripper away", "move the gripper left", "move the gripper right")
_HEIGHTS = ("raise the gripper a little", "lower the gripper a little")


class PutBack:
    """Distance of the block to where it was, in metres."""

    sentence = "put the block back where it was"
    success_metres = 0.03

    def begin(self, world: World, seed: int, *, off_path: bool) -> Begun | None:
        """Let the block be carried away; see `Task`."""
        generator = np.random.default_rng([seed, _STREAM])
        shots, actions = [world.reset(seed)], list[str]()
        while not _is_put(shots, actions):
            if len(actions) == MOST_CHUNKS:
                return None
            actions.append(_suggested(world, generator))
            shots += [world.step(actions[-1]) for _ in range(CHUNK_FRAMES)]
        actions.append(str(generator.choice(_ASIDE)))
        shots += [world.step(actions[-1]) for _ in range(CHUNK_FRAMES)]
        aside = (str(generator.choice(_HEIGHTS)),) * 3 if off_path else ()
        shots += [world.step(step) for step in aside]
        return Begun(seed=seed, actions=tuple(actions), shots=tuple(shots), aside=aside)

    def restore(self, world: World, begun: Begun) -> None:
        """Do the same again; see `Task`."""
        world.reset(begun.seed)
        for action in begun.actions:
            for _ in range(CHUNK_FRAMES):
                world.step(action)
        for step in begun.aside:
            world.step(step)

    def distance(self, begun: Begun, acted: Sequence[Observation]) -> float:
        """Return how far the block lies from where it was at first; see `Task`."""
        return float(np.linalg.norm(_block(acted[-1]) - _block(begun.shots[0])))


def _suggested(world: World, generator: np.random.Generator) -> str:
    if not isinstance(world, ScriptedWorld):
        raise DataError("this task needs a world that somebody plays")
    return world.suggest(generator)


def _is_put(shots: Sequence[Observation], actions: Sequence[str]) -> bool:
    """Say whether the block lies somewhere else and the hand has let it go and risen."""
    block = _block(shots[-1])
    away = np.linalg.norm(block[:2] - _block(shots[0])[:2])
    is_left = list(actions[-2:]) == ["open the gripper", "raise the gripper"]
    return bool(is_left and away > _AWAY and block[2] < _ON_TABLE)


def _block(shot: Observation) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    if shot.objects is None or "block" not in shot.objects:
        raise DataError("this task needs a world that says where its block is")
    return np.array(shot.objects["block"], np.float64)
