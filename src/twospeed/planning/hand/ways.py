"""What the commands of an arm do to the place of its hand, and which commands lead to a place.

Places are counted in steps of a plain command: to the right, nearer, up. Axes: S steps.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from twospeed.worlds.language import LITTLE

Place = NDArray[np.float64]
"""(3,): steps to the right, nearer, up."""

CLOSE, OPEN = "close the gripper", "open the gripper"
LITTLE_STEP = 0.25
"""Steps of a command that is done a little."""

_AXES = (
    ("move the gripper left", "move the gripper right"),
    ("move the gripper away", "move the gripper nearer"),
    ("lower the gripper", "raise the gripper"),
)
_PLAIN_FROM = 0.62  # steps: nearer than this, a little is enough
_NEAR = 0.15
_AFTER = 0.8


def way_of(command: str) -> Place:
    """Return how one step of a command moves the hand; zeros for one that does not."""
    plain, place = command.removesuffix(f" {LITTLE}"), np.zeros(3)
    for axis, pair in enumerate(_AXES):
        if plain in pair:
            place[axis] = 2.0 * pair.index(plain) - 1.0
    return place if plain == command else LITTLE_STEP * place


def towards(away_3: Place, count: int, *, rest: str) -> list[str]:
    """Return so many commands that lead along a way, the longest axis first.

    Args:
        away_3: the way.
        count: of commands.
        rest: what is given when the way is done.
    """
    left, commands = np.array(away_3, np.float64), list[str]()
    for _ in range(count):
        axis = int(np.abs(left).argmax())
        if abs(left[axis]) <= _NEAR:
            commands.append(rest)
            continue
        text = _AXES[axis][int(left[axis] > 0)]
        commands.append(text if abs(left[axis]) > _PLAIN_FROM else f"{text} {LITTLE}")
        left -= way_of(commands[-1])
    return commands


def settled(places: Sequence[Place]) -> list[Place]:
    """Return where the hand comes to rest after each chunk: it follows its commands by half a step.

    Along an axis in which the next chunk moves it by less than a step, that chunk shows it.

    Args:
        places: at the end of each chunk.
    """
    found = [place.copy() for place in places]
    for place, after in zip(found, places[1:], strict=False):
        near = np.abs(after - place) < _AFTER
        place[near] = after[near]
    return found
