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
_SUREST = 3.0  # log odds: more is not believed of one frame
_TURN = 1.0  # nats: of closing or opening
_MOVING, _HIGH = 2.0, 2.0  # nats: for each step that the hand moves then, or is above its lowest


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


def is_closed_after(commands: Sequence[str]) -> bool:
    """Say whether a hand that began open is closed after commands."""
    told = [command for command in commands if command in (CLOSE, OPEN)]
    return told[-1:] == [CLOSE]


def closings(
    odds_N: NDArray[np.float64], places_N3: NDArray[np.float64], *, begins_closed: bool = False
) -> list[bool]:
    """Return whether the hand is closed at the end of each chunk after the first place.

    The likeliest sequence (Viterbi) that ends open, since the way back ends where the episode
    began: a hand rests down at the table while it closes or opens, so that one frame that was read
    wrongly does not make it let go on the way.

    Args:
        odds_N: log odds of being closed, as read at the start and at the end of each chunk.
        places_N3: of the hand then.
        begins_closed: whether it is closed at the start.
    """
    odds = np.clip(odds_N[1:], -_SUREST, _SUREST)
    costs_N2 = np.logaddexp(0, np.stack([odds, -odds], 1))  # of being open, of being closed
    turning_N = _TURN + _MOVING * np.abs(np.diff(places_N3, axis=0)).max(1)
    turning_N += _HIGH * (places_N3[1:, 2] - places_N3[:, 2].min())
    best_2, before = np.full(2, np.inf), list[NDArray[np.bool_]]()
    best_2[int(begins_closed)] = 0.0
    for cost_2, turning in zip(costs_N2, turning_N, strict=True):
        before.append(best_2[::-1] + turning < best_2)
        best_2 = np.minimum(best_2, best_2[::-1] + turning) + cost_2
    state, found = 0, list[bool]()
    for turned_2 in reversed(before):
        found.append(bool(state))
        state = 1 - state if turned_2[state] else state
    return found[::-1]


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
