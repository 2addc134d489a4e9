"""Crafter as a world: a land of tiles seen from above, with things to gather, build and make.

Holds: `Crafter`, which drives the package crafter (extra ``craft``) in lock-step. Holds not: who
plays it (crafter_script.py). A step is one tile, or one blow, of the player.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from twospeed.core.errors import ConfigError, lookup, require
from twospeed.core.fields import checked
from twospeed.core.ranges import Seed
from twospeed.worlds.base import About, Action, Observation, Pose
from twospeed.worlds.simulators.crafter_script import Plan
from twospeed.worlds.words.grid import GRID

_COMMANDS = {
    "walk north": "move_up",
    "walk south": "move_down",
    "walk east": "move_right",
    "walk west": "move_left",
    "gather what is ahead": "do",
    "wait": "noop",
    "place a stone": "place_stone",
    "place a table": "place_table",
    "place a furnace": "place_furnace",
    "place a sapling": "place_plant",
    "make a wood pickaxe": "make_wood_pickaxe",
    "make a stone pickaxe": "make_stone_pickaxe",
    "make an iron pickaxe": "make_iron_pickaxe",
    "make a wood sword": "make_wood_sword",
    "make a stone sword": "make_stone_sword",
    "make an iron sword": "make_iron_sword",
}
_HEADINGS = {(1, 0): 0.0, (0, -1): 90.0, (-1, 0): 180.0, (0, 1): 270.0}
_VIEW = (9, 9)  # tiles; the two lowest rows show what the player carries
_SEEN = (4, 3)  # tiles to either side of the player


class Crafter:
    """A land of 64 by 64 tiles, new with every seed; the player stands in the middle of the view.

    A tile counts as a metre; north is +y. Creatures of the start live and move, but none comes or
    goes by itself, which makes episodes repeatable. The player can be hurt, but does not die.
    There is no command to sleep, because a sleeper obeys none.

    `Observation.objects` holds ``"cow 17": (x, y)`` for each creature in view, and
    ``"carried wood": (2,)`` for each thing that is carried; vital signs are among them.
    """

    actions: Mapping[str, Action] = GRID
    about = About(
        domain="game play",
        engine="Crafter",
        install="pip install 'twospeed[craft]'",
        package="crafter",
        modules=("crafter",),
        truth=("pose", "objects"),
        policy="scripted",
        chunks=40,  # to make a land takes longer than twenty commands in it
    )
    frames_per_second = 4.0

    def __init__(self, *, frame_size: int = 64) -> None:
        """Load the engine.

        Args:
            frame_size: height and width of the frames in pixels, at least 18. A size that is no
                multiple of 9 has a thin black margin.

        Raises:
            MissingExtraError: when crafter is not installed.
            ConfigError: when `frame_size` is below 18.
        """
        self._crafter = require("crafter", extra="craft")
        if frame_size < 18:
            raise ConfigError(f"crafter makes frames of at least 18 pixels, got {frame_size}")
        self._frame_size = frame_size
        self._env: Any = None

    def reset(self, seed: int) -> Observation:
        """Start the episode of this seed in a new land."""
        seed = checked(seed, Seed, "seed")
        size = (self._frame_size, self._frame_size)
        self._env = self._crafter.Env(size=size, view=_VIEW, length=None, seed=seed)
        # the balance draws creatures in the order of their addresses in memory
        self._env._balance_chunk = lambda *_: None
        return self._observe(self._env.reset())

    def step(self, action: str) -> Observation:
        """Carry out one frame's worth of a command."""
        command = lookup(_COMMANDS, action, "action")
        if self._env is None:
            raise ConfigError("reset the world before the first step")
        frame, *_ = self._env.step(self._env.action_names.index(command))
        player = self._env._player
        player.health = max(player.health, 1)
        return self._observe(frame)

    def suggest(self, generator: np.random.Generator) -> str:
        """Choose the next command of a player who gathers, builds and makes tools."""
        return Plan(self._env._world, self._env._player).next_command(generator)

    def close(self) -> None:
        """Nothing is held."""

    def _observe(self, frame: Any) -> Observation:
        player = self._env._player
        return Observation(
            frame=np.ascontiguousarray(frame), pose=self._pose(player), objects=self._objects()
        )

    def _pose(self, thing: Any) -> Pose:
        x, y = self._place(thing)
        return Pose(x=x, y=y, heading=_HEADINGS[tuple(thing.facing)])

    def _place(self, thing: Any) -> tuple[float, float]:
        return float(thing.pos[0]), float(self._env._world.area[1] - 1 - thing.pos[1])

    def _objects(self) -> dict[str, tuple[float, ...]]:
        player = self._env._player
        found: dict[str, tuple[float, ...]] = {
            f"carried {name}": (float(count),) for name, count in player.inventory.items() if count
        }
        for number, thing in enumerate(self._env._world._objects):
            if thing is None or thing is player:
                continue
            if np.all(np.abs(thing.pos - player.pos) <= _SEEN):
                found[f"{type(thing).__name__.lower()} {number}"] = self._place(thing)
        return found
