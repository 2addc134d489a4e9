"""What is asked for after a full turn was seen, when it is not the same turn again.

    shifted     the same turn, chunks beginning one, two or three frames later
    turned      the turn at headings half-way between those that were seen
    aside       the turn 0.25, 0.5 or 1 m to the left or right of where it was seen
    ahead       the turn 0.25, 0.5 or 1 m ahead of or behind where it was seen
    other_way   the place is left and reached again on a tour, then looked at in the other direction
    random      any of these at once, drawn by chance: the fair average

All are made of single steps of commands (`Route.lead`), so that any world with the moves has them.

Holds: `Question`, `question_of`. Holds not: who walks them (rooms.py, stepped.py).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from twospeed.worlds.language import OPPOSITE
from twospeed.worlds.routes.base import HALF_TURN, full_turn, tour_of

HALF_TURNED = ("turned", "random")
"""Kinds that take steps of `HALF_TURN`."""

_STEPS = (1, 2, 4)
_HALF_WAY = (HALF_TURN, HALF_TURN)


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A full turn that is seen, and what is asked for then."""

    variant: str
    """Such as "0.5 m"."""

    seen: tuple[str, ...]
    """Commands after the approach, a chunk each; the full turn is first."""

    lead: tuple[str, ...]
    """Single steps, a frame each; shown, not written."""

    asked: tuple[str, ...]
    """Commands to generate, a chunk each."""


def question_of(kind: str, seed: int, generator: np.random.Generator) -> Question:
    """Draw a question of this kind; the variants take turns from seed to seed.

    Args:
        kind: one of `twospeed.worlds.routes.base.PERTURBED`.
        seed: the episode.
        generator: draws directions.
    """
    return _DRAWERS[kind](seed, generator)


def _shifted(seed: int, generator: np.random.Generator) -> Question:
    turn, frames = full_turn(generator), 1 + seed % 3
    variant = f"{frames} frame{'s' if frames > 1 else ''}"
    return Question(variant=variant, seen=turn, lead=turn[:1] * frames, asked=turn)


def _turned(seed: int, generator: np.random.Generator) -> Question:  # noqa: ARG001
    turn = full_turn(generator)
    return Question(variant="11.25 degrees", seen=turn, lead=_HALF_WAY, asked=turn)


def _moved(moves: tuple[str, str]) -> Callable[[int, np.random.Generator], Question]:
    def draw(seed: int, generator: np.random.Generator) -> Question:
        turn, steps = full_turn(generator), _STEPS[seed % 3]
        lead = (moves[generator.integers(2)],) * steps
        return Question(variant=f"{steps / 4:g} m", seen=turn, lead=lead, asked=turn)

    return draw


def _other_way(seed: int, generator: np.random.Generator) -> Question:  # noqa: ARG001
    turn = full_turn(generator)
    back = tuple(OPPOSITE[action] for action in turn)
    seen = (*turn, *tour_of(generator))
    return Question(variant="other direction", seen=seen, lead=(), asked=back)


def _random(seed: int, generator: np.random.Generator) -> Question:  # noqa: ARG001
    tour = tour_of(generator) if generator.random() < 0.5 else ()
    move = ("go forward", "go back", "step left", "step right")[generator.integers(4)]
    around = full_turn(generator)
    lead = (move,) * int(generator.integers(5))
    lead += around[:1] * int(generator.integers(4))
    lead += _HALF_WAY * int(generator.integers(2))
    asked = full_turn(generator)
    return Question(
        variant="by chance", seen=(*full_turn(generator), *tour), lead=lead, asked=asked
    )


_DRAWERS: dict[str, Callable[[int, np.random.Generator], Question]] = {
    "shifted": _shifted,
    "turned": _turned,
    "aside": _moved(("step left", "step right")),
    "ahead": _moved(("go forward", "go back")),
    "other_way": _other_way,
    "random": _random,
}
