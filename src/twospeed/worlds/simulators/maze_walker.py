"""Somebody who walks through a maze to places drawn by chance, old ones and new ones.

Holds: `Ball`, `MazeWalker`. Places are metres from the lower left of the map; cells are (column,
row) from there. Axes: N plans of a few commands each. Holds not: the ball and its engine
(memory_maze.py).
"""

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from twospeed.worlds.base import Pose

_SPEED, _TURN = 2.0, math.radians(73.6)  # metres and radians of a command at full strength
_PARTS = 4  # of a command, where it is judged
_DEPTH = 3  # commands that are thought ahead
_STUCK, _ASKEW = 0.3, 0.4  # metres that a command against a wall costs, and a radian off the way
_ROOM = 0.25  # metres to a wall that are kept
_THERE = 0.9  # metres from the goal
_FAR = 3  # cells to a new goal, at least
_BACK, _ROUND, _CURIOUS = 0.5, 0.3, 0.08  # odds: of an old goal, of a look round, of any command
_FULL_TURN = 5  # commands
_PATIENCE, _SPOT = 6, 0.5  # commands within so many metres, after which the goal is given up
_SIDES = ((1, 0), (0, 1), (-1, 0), (0, -1))

Cell = tuple[int, int]
Values = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Ball:
    """What a command does to the ball: shares of its strength, each -1 to 1."""

    ahead: float
    left: float


class MazeWalker:
    """Chooses commands from where the ball stands, and keeps where it has been."""

    def __init__(
        self, walls_RC: NDArray[np.bool_], metres: float, commands: Mapping[str, Ball]
    ) -> None:
        """Begin without a goal.

        Args:
            walls_RC: which cells are wall, the upper row first; those at the rim all are.
            metres: width of a cell.
            commands: those that may be chosen.
        """
        self._walls, self._metres, self._commands = walls_RC[::-1].T, metres, commands
        moves = [text for text, ball in commands.items() if ball.ahead or ball.left]
        self._plans = list(product(moves, repeat=_DEPTH))
        self._been: list[Cell] = []
        self._trail: list[Pose] = []
        self._hops: NDArray[np.int64] | None = None
        self._queue: list[str] = []

    def choose(self, pose: Pose, generator: np.random.Generator) -> str:
        """Return the command for where the ball is now.

        Args:
            pose: of the camera.
            generator: draws goals, looks round and slips.
        """
        here = int(pose.x // self._metres), int(pose.y // self._metres)
        self._been += [here] if self._been[-1:] != [here] else []
        self._trail = [*self._trail, pose][-_PATIENCE:]
        if self._hops is None or self._is_there(pose, self._hops):
            turn = ("turn left", "turn right")[int(generator.integers(2))]
            self._queue = [turn] * _FULL_TURN * (generator.random() < _ROUND)
            self._hops = self._hops_to(self._draw_goal(here, generator))
        elif self._is_stuck():
            self._queue = [self._any(generator) for _ in range(2)]
            self._hops = self._hops_to(self._draw_goal(here, generator))
        if self._queue:
            return self._queue.pop()
        if generator.random() < _CURIOUS:
            return self._any(generator)
        return self._plans[int(self._costs(pose, self._hops).argmin())][0]

    def _any(self, generator: np.random.Generator) -> str:
        return list(self._commands)[int(generator.integers(len(self._commands)))]

    def _is_there(self, pose: Pose, hops: NDArray[np.int64]) -> bool:
        way, _ = self._to_go(np.array([pose.x]), np.array([pose.y]), hops)
        return bool(way[0] < _THERE)

    def _is_stuck(self) -> bool:
        """Say whether many commands, none of them to look round, have led nowhere."""
        first, last = self._trail[0], self._trail[-1]
        led = math.dist((first.x, first.y), (last.x, last.y))
        return len(self._trail) == _PATIENCE and not self._queue and led < _SPOT

    def _draw_goal(self, here: Cell, generator: np.random.Generator) -> Cell:
        hops = self._hops_to(here)
        away = [(int(x), int(y)) for x, y in np.argwhere((hops >= _FAR) & (hops < hops.size))]
        old = [cell for cell in away if cell in self._been]
        choices = old if old and generator.random() < _BACK else away or [here]
        return choices[int(generator.integers(len(choices)))]

    def _hops_to(self, goal: Cell) -> NDArray[np.int64]:
        """Return how many cells it is from every cell to one; as many as there are from none."""
        hops = np.full(self._walls.shape, self._walls.size)
        hops[goal] = 0
        queue = deque([goal])
        while queue:
            column, row = queue.popleft()
            for right, up in _SIDES:
                other = column + right, row + up
                if hops[other] == hops.size and not self._walls[other]:
                    hops[other] = hops[column, row] + 1
                    queue.append(other)
        return hops

    def _to_go(self, x_N: Values, y_N: Values, hops: NDArray[np.int64]) -> tuple[Values, Values]:
        """Return the metres to the goal and the direction of the next cell, in radians."""
        cells = np.stack([x_N // self._metres, y_N // self._metres]).astype(int)
        near = cells[:, None] + np.array([(0, 0), *_SIDES]).T[:, :, None]
        nearest = hops[tuple(near)].argmin(axis=0)
        column, row = near[:, nearest, np.arange(len(x_N))]
        right, up = (column + 0.5) * self._metres - x_N, (row + 0.5) * self._metres - y_N
        return np.hypot(right, up) + self._metres * hops[column, row], np.arctan2(up, right)

    def _costs(self, pose: Pose, hops: NDArray[np.int64]) -> Values:
        """Return what each plan costs: the way that is left after it, walls, a look aside."""
        x, y, heading = (np.full(len(self._plans), it) for it in (pose.x, pose.y, pose.heading))
        heading, cost = np.radians(heading), np.zeros(len(self._plans))
        for texts in zip(*self._plans, strict=True):
            balls = [self._commands[text] for text in texts]
            ahead, left = np.array([(ball.ahead, ball.left) for ball in balls]).T
            for _ in range(_PARTS):
                heading = heading + left * _TURN / _PARTS
                step = ahead * _SPEED / _PARTS
                to_x, to_y = x + step * np.cos(heading), y + step * np.sin(heading)
                free_x, free_y = self._is_free(to_x, y), self._is_free(x, to_y)
                cost += _STUCK / _PARTS * (~free_x | ~free_y) * (step > 0)
                x, y = np.where(free_x, to_x, x), np.where(free_y, to_y, y)
        way, direction = self._to_go(x, y, hops)
        askew = np.abs((direction - heading + math.pi) % math.tau - math.pi)
        costs: Values = cost + way + _ASKEW * askew
        return costs

    def _is_free(self, x_N: Values, y_N: Values) -> NDArray[np.bool_]:
        """Say which places keep away from walls, or from them at least as far as is kept."""
        blocked = np.zeros(len(x_N), bool)
        for right, up in product((-_ROOM, _ROOM), repeat=2):
            cells = (x_N + right) // self._metres, (y_N + up) // self._metres
            blocked |= self._walls[cells[0].astype(int), cells[1].astype(int)]
        return ~blocked
