"""A block that is carried away and is to be put back where it was: a robot arm at a table.

Whoever plays the world picks the block up at A, carries it over one to three way-points, puts it
down at B, and moves on with an empty hand. Off the path, the hand is then moved 5 to 10 cm to a
side and a little up or down, so that undoing all commands ends elsewhere. Where there are two
blocks, one of them is carried, and it is named by its colour.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twospeed.core.errors import DataError
from twospeed.planning.tasks.base import CHUNK_FRAMES, Begun, repeat
from twospeed.worlds.base import Observation, ScriptedWorld, World

MOST_CHUNKS = 24
"""Chunks in which the block has to be put down at B."""

_AWAY = 0.06  # metres from A to B at least
_ON_TABLE = 0.44  # metres: the block's height where it lies
_STREAM = 13
_ASIDE = ("move the gripper away", "move the gripper left", "move the gripper right")
_SIDES = (*_ASIDE, "move the gripper nearer")
_HEIGHTS = ("raise the gripper a little", "lower the gripper a little")
_STILL = 0.01  # metres that another block may be pushed

_Places = dict[str, NDArray[np.float64]]


class PutBack:
    """Distance of the block to where it was, in metres."""

    sentence = "put the block back where it was"
    success_metres = 0.03
    world_options: Mapping[str, Any] = {}

    def begin(self, world: World, seed: int, *, off_path: bool) -> Begun | None:
        """Let the block be carried away; see `Task`."""
        generator = np.random.default_rng([seed, _STREAM])
        shots, actions = [world.reset(seed)], list[str]()
        while not _is_put(shots, actions):
            if len(actions) == MOST_CHUNKS:
                return None
            actions.append(suggested(world, generator))
            shots += [world.step(actions[-1]) for _ in range(CHUNK_FRAMES)]
        if any(away > _STILL for away in sorted(_moved(shots).values())[:-1]):
            return None  # another block was pushed
        actions.append(str(generator.choice(_ASIDE)))
        shots += [world.step(actions[-1]) for _ in range(CHUNK_FRAMES)]
        aside = _steps_aside(generator) if off_path else ()
        shots += [world.step(step) for step in aside]
        return Begun(
            seed=seed,
            actions=tuple(actions),
            shots=tuple(shots),
            aside=aside,
            sentence=f"put the {_carried(shots)} back where it was",
        )

    def restore(self, world: World, begun: Begun) -> None:
        """Do the same again; see `Task`."""
        repeat(world, begun)

    def distance(self, begun: Begun, acted: Sequence[Observation]) -> float:
        """Return how far the block lies from where it was at first; see `Task`."""
        last = _blocks(acted[-1])
        name = _carried(begun.shots)
        return float(np.linalg.norm(last[name] - _blocks(begun.shots[0])[name]))


class PutBackTwo(PutBack):
    """The same with two blocks, one of which was carried; a sentence names its colour."""

    world_options: Mapping[str, Any] = {"blocks": 2}


def suggested(world: World, generator: np.random.Generator) -> str:
    """Return the next command of whoever plays a world.

    Raises:
        DataError: when nobody does.
    """
    if not isinstance(world, ScriptedWorld):
        raise DataError("this task needs a world that somebody plays")
    return world.suggest(generator)


def _steps_aside(generator: np.random.Generator) -> tuple[str, ...]:
    sides = (str(generator.choice(_SIDES)),) * int(generator.integers(2, 5))
    return (*sides, *(str(generator.choice(_HEIGHTS)),) * 3)


def _is_put(shots: Sequence[Observation], actions: Sequence[str]) -> bool:
    """Say whether a block lies somewhere else and the hand has let it go and risen."""
    moved, name = _moved(shots), _carried(shots)
    is_left = list(actions[-2:]) == ["open the gripper", "raise the gripper"]
    return is_left and moved[name] > _AWAY and float(_blocks(shots[-1])[name][2]) < _ON_TABLE


def _carried(shots: Sequence[Observation]) -> str:
    """Return the name of the block that is farthest from where it was at first."""
    moved = _moved(shots)
    return max(moved, key=moved.__getitem__)


def _moved(shots: Sequence[Observation]) -> dict[str, float]:
    """Return how far along the table each block is from where it was at first, in metres."""
    first, last = _blocks(shots[0]), _blocks(shots[-1])
    return {name: float(np.linalg.norm((last[name] - at)[:2])) for name, at in first.items()}


def _blocks(shot: Observation) -> _Places:
    objects = shot.objects or {}
    found = {name: np.array(at, np.float64) for name, at in objects.items() if "block" in name}
    if not found:
        raise DataError("this task needs a world that says where its block is")
    return found
