"""Somebody who plays Crafter: gathers wood, builds a table, makes tools, digs for stone and ore.

Holds: `Plan`. A command lasts four tiles, so ways are searched in strides: walk until four tiles
are done or something is in the way.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np

_STRIDE = 4  # tiles of one command, as long as a chunk is four frames
_FARTHEST = 400  # places looked at before a search is given up
_CURIOUS = 0.12  # how often anything else is done instead
_WAYS = {
    "walk north": (0, -1),
    "walk south": (0, 1),
    "walk east": (1, 0),
    "walk west": (-1, 0),
}
_WALKABLE = ("grass", "path", "sand")
_TOOLS = (  # command, what must be carried, what must stand near
    ("make an iron pickaxe", "iron_pickaxe", {"wood": 1, "coal": 1, "iron": 1}, ("furnace",)),
    ("make a stone pickaxe", "stone_pickaxe", {"wood": 1, "stone": 1}, ()),
    ("make a wood pickaxe", "wood_pickaxe", {"wood": 1}, ()),
    ("make a stone sword", "stone_sword", {"wood": 1, "stone": 1}, ()),
    ("make a wood sword", "wood_sword", {"wood": 1}, ()),
)

State = tuple[int, int, int, int]
"""Column and row of a tile, and the direction of the look."""


class Plan:
    """What the player would do now.

    Args:
        world: the engine's map.
        player: the engine's player.
    """

    def __init__(self, world: Any, player: Any) -> None:
        self._world = world
        self._has = player.inventory
        self._start: State = (
            int(player.pos[0]),
            int(player.pos[1]),
            int(player.facing[0]),
            int(player.facing[1]),
        )
        self._near = world.nearby(player.pos, 1)[0]

    def next_command(self, generator: np.random.Generator) -> str:
        """Return the next command: make, build, gather, or walk to where something can be had."""
        if generator.random() < _CURIOUS:
            return self._anything(generator)
        return self._make() or self._build(generator) or self._seek() or self._anything(generator)

    def _anything(self, generator: np.random.Generator) -> str:
        names = [*_WAYS] * 3 + ["wait", "gather what is ahead"]
        return names[int(generator.integers(len(names)))]

    def _make(self) -> str | None:
        if "table" not in self._near:
            return None
        for command, tool, needs, beside in _TOOLS:
            can = all(self._has[name] >= count for name, count in needs.items())
            if can and not self._has[tool] and set(beside) <= set(self._near):
                return command
        return None

    def _build(self, generator: np.random.Generator) -> str | None:
        material, thing = self._world[self._tile_ahead(self._start)]
        if thing is not None or material not in ("grass", "sand", "path"):
            return None
        if self._has["wood"] >= 4 and "table" not in self._near:
            return "place a table"
        if self._has["sapling"] and material == "grass":
            return "place a sapling"
        if self._has["stone"] >= 5 and "table" in self._near and "furnace" not in self._near:
            return "place a furnace"
        if self._has["stone"] >= 3 and generator.random() < 0.3:
            return "place a stone"
        return None

    def _seek(self) -> str | None:
        """Return the first command of the shortest way to something wanted, "gather" when there."""
        wanted = self._wanted()
        first: dict[State, str] = {self._start: "gather what is ahead"}
        waiting = deque([self._start])
        while waiting and len(first) < _FARTHEST:
            state = waiting.popleft()
            if self._offers(state, wanted):
                return first[state]
            for command, after in self._strides(state):
                if after not in first:
                    first[after] = command if state == self._start else first[state]
                    waiting.append(after)
        return None

    def _wanted(self) -> set[str]:
        wanted = {"Cow"} if self._has["food"] < 7 else set()
        if self._has["wood"] < 5:
            wanted.add("tree")
        if self._has["drink"] < 6:
            wanted.add("water")
        if self._has["wood_pickaxe"]:
            wanted |= {"coal"} | ({"stone"} if self._has["stone"] < 9 else set())
        if self._has["stone_pickaxe"]:
            wanted.add("iron")
        return wanted

    def _offers(self, state: State, wanted: set[str]) -> bool:
        material, thing = self._world[self._tile_ahead(state)]
        return type(thing).__name__ in wanted or (thing is None and material in wanted)

    def _strides(self, state: State) -> Iterator[tuple[str, State]]:
        for command, way in _WAYS.items():
            column, row, *_ = state
            for _ in range(_STRIDE):
                ahead = (column + way[0], row + way[1])
                material, thing = self._world[ahead]
                if thing is not None or material not in _WALKABLE:
                    break
                column, row = ahead
            yield command, (column, row, *way)

    @staticmethod
    def _tile_ahead(state: State) -> tuple[int, int]:
        return state[0] + state[2], state[1] + state[3]
