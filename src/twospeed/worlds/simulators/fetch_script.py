"""Somebody who picks a block up, carries it elsewhere, and puts it back where it was.

Holds: `Hand` (what is being done), `next_command`. Every command moves the gripper's target by a
known way, so going there and back needs no measuring.
"""

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

CHUNK_METRES = 0.1
"""What a plain command moves in one chunk; a quarter of it for "a little"."""

_OFF = 0.0125  # metres beside the block that the fingers forgive
_HOVER = 0.1  # metres over the block where the way down begins
_WAYS = {  # axis -> command that adds, command that takes away
    0: ("move the gripper nearer", "move the gripper away"),
    1: ("move the gripper right", "move the gripper left"),
    2: ("raise the gripper", "lower the gripper"),
}
_UNDOES = {one: other for pair in _WAYS.values() for one, other in (pair, pair[::-1])}
_CENTRE = (1.31, 0.75)  # metres: the middle of the table's reach
_CURIOUS = 0.06  # how often something else is done while nothing is held


@dataclass(slots=True)
class Hand:
    """What is being done: the commands that are already decided."""

    queue: deque[str] = field(default_factory=deque)
    """What comes next."""


def next_command(
    hand: Hand,
    target: NDArray[np.float64],
    block: NDArray[np.float64],
    generator: np.random.Generator,
) -> str:
    """Return the next command: get over the block, or go on with the round that was begun.

    Args:
        hand: what is being done; changed.
        target: (3,) metres, where the gripper is led to.
        block: (3,) metres, where the block is.
        generator: draws where the block is carried, and now and then some other move.
    """
    if hand.queue:
        return hand.queue.popleft()
    away = block - target
    for axis, wanted in ((2, _HOVER), (0, 0.0), (1, 0.0)):
        off = away[axis] + wanted
        if abs(off) > _OFF:
            if generator.random() < _CURIOUS:
                return _some_move(generator)
            return _towards(axis, off)
    hand.queue.extend(_round(block, generator))
    return hand.queue.popleft()


def _towards(axis: int, off: float) -> str:
    command = _WAYS[axis][0 if off > 0 else 1]
    return command if abs(off) > 0.65 * CHUNK_METRES else f"{command} a little"


def _some_move(generator: np.random.Generator) -> str:
    commands = [command for pair in _WAYS.values() for command in pair]
    return f"{commands[int(generator.integers(len(commands)))]} a little"


def _round(block: NDArray[np.float64], generator: np.random.Generator) -> list[str]:
    """Pick, carry towards the middle, put down, perhaps look away; pick again and bring back."""
    out = _carry(block, generator)
    back = [_UNDOES[command] for command in reversed(out)]
    down, up = "lower the gripper", "raise the gripper"
    pick, put = [down, "close the gripper", up], [down, "open the gripper", up]
    return pick + out + put + _meanwhile(out, generator) + pick + back + put


def _carry(block: NDArray[np.float64], generator: np.random.Generator) -> list[str]:
    """One or two chunks along one axis of the table, half of the time one along the other too."""
    first = int(generator.integers(2))
    length = 1 + int(generator.random() < 0.4)
    legs = [_inwards(first, block)] * length
    if generator.random() < 0.5:
        legs.insert(int(generator.integers(2)) * length, _inwards(1 - first, block))
    return legs


def _inwards(axis: int, block: NDArray[np.float64]) -> str:
    return _WAYS[axis][0 if block[axis] < _CENTRE[axis] else 1]


def _meanwhile(out: list[str], generator: np.random.Generator) -> list[str]:
    """Half of the time, go on with the hand empty and come back over the block."""
    if generator.random() < 0.5:
        return []
    aside = str(generator.choice([out[-1], _UNDOES[out[-1]]]))
    return [aside, _UNDOES[aside]]
