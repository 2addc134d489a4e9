"""The lanes of a town and somebody who drives along them with a few commands.

Holds: `Lanes`, `Driver`, `Move`. Places are metres, y up; angles are radians, to the left above 0.
Holds not: the car and its engine (duckietown.py).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""(N, 2), metres."""

_JOINED = 0.05  # metres between the end of a lane and the start of the next
_BEND = 0.5  # radians between them
_AHEAD = 2.0  # metres of the way that are kept ahead
_LOST = 0.35  # metres from the way, from where a new one is chosen
_AGAINST = 2.3  # radians
_TURN_WEIGHT = 0.3  # metres that a radian of difference counts when a lane is chosen
_DEPTH = 2  # commands that are thought ahead
_PARTS = 4  # of a command, where it is judged
_OFF, _ASKEW, _GAIN = 10.0, 0.3, 0.4  # costs: square metres off, square radians askew, metres won
_CLEARANCE, _CRASH = 0.17, 5.0  # metres to the middle of a thing, and the cost of less


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """What a command does to the car while it lasts."""

    speed: float
    """Metres a second, backwards below 0."""

    turn: float
    """Radians a second, to the left above 0."""


class Lanes:
    """All lanes of a town and which one follows on which."""

    def __init__(self, lanes: Sequence[Points]) -> None:
        """Join them.

        Args:
            lanes: each in driving direction.
        """
        self.lanes = [np.asarray(lane, float) for lane in lanes]
        starts = np.array([lane[0] for lane in self.lanes])
        ends = np.array([lane[-1] for lane in self.lanes])
        first = np.array([_heading(lane[0], lane[1]) for lane in self.lanes])
        last = np.array([_heading(lane[-2], lane[-1]) for lane in self.lanes])
        apart = np.hypot(*(ends[:, None] - starts[None]).transpose(2, 0, 1))
        bent = np.abs(_wrapped(first[None] - last[:, None]))
        self.next = [np.flatnonzero(row) for row in (apart < _JOINED) & (bent < _BEND)]

    def nearest(self, x: float, y: float, heading: float) -> int:
        """Return the lane that passes nearest and in nearly this direction."""
        costs = []
        for lane in self.lanes:
            away = np.hypot(*(lane - (x, y)).T)
            at = min(int(away.argmin()), len(lane) - 2)
            bent = abs(float(_wrapped(_heading(lane[at], lane[at + 1]) - heading)))
            costs.append(float(away.min()) + _TURN_WEIGHT * bent)
        return int(np.argmin(costs))


class Driver:
    """Keeps to a way through the lanes; at a junction, chance chooses.

    Of all sequences of a few commands, the first command of the one is chosen that stays nearest to
    the way and gets farthest along it without touching anything.
    """

    def __init__(self, lanes: Lanes, moves: Mapping[str, Move], seconds: float) -> None:
        """Begin without a way.

        Args:
            lanes: of the town.
            moves: the commands that may be chosen.
            seconds: how long a command lasts.
        """
        self._lanes, self._moves, self._seconds = lanes, moves, seconds
        self._way = np.zeros((0, 2))
        self._end = -1

    def choose(
        self,
        pose: tuple[float, float, float],
        things: Sequence[tuple[float, float]],
        generator: np.random.Generator,
    ) -> str:
        """Return the command for where the car stands now.

        Args:
            pose: x, y, heading.
            things: places that are to be kept away from.
            generator: draws the lane at a junction.
        """
        self._renew(pose, generator)
        plans = list(product(self._moves, repeat=_DEPTH))
        costs = [self._cost(pose, plan, np.array(things).reshape(-1, 2)) for plan in plans]
        return plans[int(np.argmin(costs))][0]

    def _renew(self, pose: tuple[float, float, float], generator: np.random.Generator) -> None:
        """Forget what lies behind, choose a way anew when lost, and lengthen it."""
        x, y, heading = pose
        away = np.hypot(*(self._way - (x, y)).T)
        if not len(away) or away.min() > _LOST or self._is_against(heading, int(away.argmin())):
            self._end = self._lanes.nearest(x, y, heading)
            self._way = self._lanes.lanes[self._end]
            away = np.hypot(*(self._way - (x, y)).T)
        self._way = self._way[max(0, int(away.argmin()) - 2) :]
        while _length(self._way) < _AHEAD and len(self._lanes.next[self._end]):
            self._end = int(generator.choice(self._lanes.next[self._end]))
            self._way = np.concatenate([self._way, self._lanes.lanes[self._end][1:]])

    def _is_against(self, heading: float, at: int) -> bool:
        """Say whether the car looks back along the way."""
        start = min(at, len(self._way) - 2)
        way = _heading(self._way[start], self._way[start + 1])
        return abs(float(_wrapped(way - heading))) > _AGAINST

    def _cost(self, pose: tuple[float, float, float], plan: Sequence[str], things: Points) -> float:
        steps = np.diff(self._way, axis=0)
        headings = np.arctan2(steps[:, 1], steps[:, 0])
        along = np.concatenate([[0.0], np.cumsum(np.hypot(*steps.T))])
        places = _driven(pose, [self._moves[it] for it in plan], self._seconds)
        away = np.hypot(*(places[:, None, :2] - self._way[None]).transpose(2, 0, 1))
        nearest = away.argmin(axis=1)
        askew = _wrapped(places[:, 2] - headings[np.minimum(nearest, len(headings) - 1)])
        cost = _OFF * away.min(axis=1) ** 2 + _ASKEW * askew**2
        if len(things):
            apart = np.hypot(*(places[:, None, :2] - things[None]).transpose(2, 0, 1))
            cost = cost + _CRASH * (apart.min(axis=1) < _CLEARANCE)
        return float(cost.mean()) - _GAIN * float(along[nearest[-1]])


def _driven(
    pose: tuple[float, float, float], moves: Sequence[Move], seconds: float
) -> NDArray[np.float64]:
    """Return (parts, 3): x, y, heading after each part of the moves."""
    x, y, heading = pose
    part = seconds / _PARTS
    places = []
    for move in moves:
        for _ in range(_PARTS):
            middle = heading + move.turn * part / 2
            x += move.speed * part * math.cos(middle)
            y += move.speed * part * math.sin(middle)
            heading += move.turn * part
            places.append((x, y, heading))
    return np.array(places)


def _heading(start: Points, end: Points) -> float:
    return math.atan2(end[1] - start[1], end[0] - start[0])


def _wrapped(angle: NDArray[np.float64] | float) -> NDArray[np.float64]:
    return np.asarray((angle + math.pi) % (2 * math.pi) - math.pi)


def _length(way: Points) -> float:
    return float(np.hypot(*np.diff(way, axis=0).T).sum())
