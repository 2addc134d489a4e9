"""The commands of first-person worlds, and the ways in which people say them.

`held_out` sayings are for testing only: no training ever sees them. Holds not: the commands of
the other worlds (words/), sentences of several commands (commands.py).
"""

from collections.abc import Iterable, Mapping

from twospeed.core.errors import lookup
from twospeed.worlds.base import Action


def action_of(text: str, paraphrases: str, held_out: str) -> Action:
    """Make an action from its canonical text and lists of sayings, separated by "|"."""
    split = (tuple(part.strip() for part in words.split("|")) for words in (paraphrases, held_out))
    known, unseen = split
    return Action(text=text, paraphrases=known, held_out=unseen)


MOVES: dict[str, Action] = {
    action.text: action
    for action in (
        action_of(
            "go forward",
            "move forward | walk ahead | walk forward | step forward | advance | go straight on"
            " | keep going straight | continue straight ahead | march ahead | on you go"
            " | move ahead | head forward | proceed forward | go ahead"
            " | walk straight | drive forward | run forward | travel ahead | carry on forward",
            "proceed straight ahead | keep walking forward | move straight on | please go ahead"
            " | walk on ahead | keep moving ahead",
        ),
        action_of(
            "go back",
            "move back | walk backwards | step back | back up | go backwards | reverse"
            " | retreat | fall back | get back | ease off backwards | off backwards"
            " | move backward | walk back | back away | head backwards | drive back"
            " | run backwards | travel backwards | pull back | go in reverse",
            "back off a bit | keep walking backward | step backwards | please move backwards"
            " | go backwards a little | take a step back",
        ),
        action_of(
            "turn left",
            "rotate left | look left | turn to the left | spin left | face left | pivot left"
            " | swing left | rotate to your left | turn your head left | make a left turn"
            " | rotate counterclockwise | look to the left | turn leftwards | veer left"
            " | take a left | swivel left",
            "rotate leftwards | please look to your left | do a left turn | pivot to the left"
            " | turn towards the left | look over to the left",
        ),
        action_of(
            "turn right",
            "rotate right | look right | turn to the right | spin right | face right | pivot right"
            " | swing right | rotate to your right | turn your head right | make a right turn"
            " | rotate clockwise | look to the right | turn rightwards | veer right"
            " | take a right | swivel right",
            "rotate rightwards | please look to your right | do a right turn | pivot to the right"
            " | turn towards the right | look over to the right",
        ),
        action_of(
            "step left",
            "strafe left | sidestep left | move left | shift left | slide left | go left sideways"
            " | step to the left | move sideways left | sidestep to the left | strafe to the left"
            " | shuffle left | shift to the left | slide to your left | walk sideways to the left"
            " | crab left | edge left | take one step left | take a small step left"
            " | one step to the left",
            "take a step to the left | please strafe left | move sideways to the left"
            " | shuffle to your left | strafe over to the left | step sideways left",
        ),
        action_of(
            "step right",
            "strafe right | sidestep right | move right | shift right | slide right"
            " | go right sideways | step to the right | move sideways right"
            " | sidestep to the right | strafe to the right | shuffle right | shift to the right"
            " | slide to your right | walk sideways to the right | crab right"
            " | edge right | take one step right | take a small step right"
            " | one step to the right",
            "take a step to the right | please strafe right | move sideways to the right"
            " | shuffle to your right | strafe over to the right | step sideways right",
        ),
    )
}

OPPOSITE: Mapping[str, str] = {
    "go forward": "go back",
    "go back": "go forward",
    "turn left": "turn right",
    "turn right": "turn left",
    "step left": "step right",
    "step right": "step left",
}
"""The command that undoes a command."""


def known_action(actions: Mapping[str, Action], text: str) -> Action:
    """Return the action of this canonical text, or raise naming the nearest one."""
    return lookup(actions, text, "action")


def directed(text: str, known: str, held_out: str, words: Iterable[str]) -> dict[str, Action]:
    """Make one action for each of `words`, which takes the place of "{}" in every saying."""
    sayings = ([each.replace("{}", word) for each in (text, known, held_out)] for word in words)
    return {action.text: action for action in (action_of(*each) for each in sayings)}


LITTLE = "a little"
"""The grade of a command that does less than the plain one."""


def a_little(action: Action) -> Action:
    """Return the smaller grade of an action: its sayings with a word for "a little" behind."""
    grades = (LITTLE, "a bit", "slightly", "just a touch")
    known = [f"{it} {grades[i % 3]}" for i, it in enumerate((action.text, *action.paraphrases), 1)]
    held_out = (f"{action.text} {grades[3]}", *(f"{it} {LITTLE}" for it in action.held_out))
    return Action(text=f"{action.text} {LITTLE}", paraphrases=tuple(known), held_out=held_out)


def by_text(*actions: Action) -> dict[str, Action]:
    """Return a table of actions: canonical text -> action."""
    return {action.text: action for action in actions}
