"""The commands of a ball that rolls through a maze: it turns on the spot or while it rolls."""

from twospeed.worlds.base import Action
from twospeed.worlds.language import MOVES, a_little, by_text, directed
from twospeed.worlds.words.grid import GRID

_TURNS = {text: MOVES[text] for text in ("turn left", "turn right")}

MAZE: dict[str, Action] = {
    "go forward": MOVES["go forward"],
    **_TURNS,
    **by_text(*map(a_little, _TURNS.values())),
    **directed(
        "go forward turning {}",
        "roll ahead turning {} | walk on while turning {} | move forward in an arc to the {}"
        " | walk in an arc to the {} | go round to the {} | circle ahead to the {}"
        " | advance with a {} turn | keep going while you turn {} | move on turning to the {}"
        " | go ahead bending {}",
        "please go forward while turning {} | roll in an arc to the {} | keep moving and turn {}",
        ("left", "right"),
    ),
    "wait": GRID["wait"],
}
"""Canonical text -> action."""
