"""How fast a world is on this machine, measured by a short run."""

import time
from typing import Annotated

import numpy as np

from twospeed.core.fields import checked
from twospeed.core.ranges import Within
from twospeed.worlds.base import ScriptedWorld, World
from twospeed.worlds.registry import make_world

CLOCK = (
    "one process, real steps with drawing, frame and truth handed over;"
    " making the world and reset are not in the clock"
)
"""What `frames_per_second` has in its clock."""

_CHUNK_FRAMES = 4


def frames_per_second(name: str, *, frame_size: int = 64, seconds: float = 1.0) -> float:
    """Return how many frames a second a world makes, with the clock of `CLOCK`.

    Args:
        name: a name of the table of worlds, installed here.
        frame_size: height and width of the frames in pixels.
        seconds: how long to measure; at least one action is done whatever it takes.

    Raises:
        UnknownNameError: when no world is called so.
        MissingExtraError: when its engine is not installed or cannot draw.
        ConfigError: when it cannot make frames of that size, or `seconds` are not 0 to 3,600.
    """
    seconds = checked(seconds, Annotated[float, Within(0, 3600)], "seconds")
    world = make_world(name, frame_size=frame_size)
    try:
        return _rate_of(world, seconds)
    finally:
        world.close()


def _rate_of(world: World, seconds: float) -> float:
    generator = np.random.default_rng(0)
    world.reset(0)
    spent, frames = 0.0, 0
    while spent < seconds:
        action = _next_action(world, generator)
        start = time.perf_counter()
        for _ in range(_CHUNK_FRAMES):
            world.step(action)
        spent += time.perf_counter() - start
        frames += _CHUNK_FRAMES
    return frames / spent


def _next_action(world: World, generator: np.random.Generator) -> str:
    if isinstance(world, ScriptedWorld):
        return world.suggest(generator)
    names = list(world.actions)
    return names[int(generator.integers(len(names)))]
