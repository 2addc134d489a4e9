"""The commands of a robot arm with a gripper; left and right are those of the picture."""

from twospeed.worlds.base import Action
from twospeed.worlds.language import a_little, action_of, by_text, directed

_SIDES = directed(
    "move the gripper {}",
    "shift the gripper {} | bring the arm {} | slide the hand {} | move the arm {}"
    " | take the gripper {} | guide the robot hand {} | push the hand {} | carry it {}"
    " | swing the gripper {} | move the hand over {}",
    "please move the arm {} | send the gripper {} | steer the hand {}",
    ("left", "right", "away", "nearer"),
)
_HEIGHTS = {
    action.text: action
    for action in (
        action_of(
            "raise the gripper",
            "lift the gripper | move the gripper up | bring the arm up | lift the hand | take it up"
            " | hoist the arm | raise the arm | pull the hand up | lift it off the table",
            "please lift the arm | send the gripper upwards | hoist the hand",
        ),
        action_of(
            "lower the gripper",
            "move the gripper down | bring the arm down | drop the hand | take it down"
            " | let the arm sink | lower the arm | push the hand down | lower it to the table"
            " | go down to the table",
            "please lower the arm | send the gripper downwards | sink the hand",
        ),
    )
}
_MOVES = _SIDES | _HEIGHTS

ARM: dict[str, Action] = {
    **_MOVES,
    **by_text(*map(a_little, _MOVES.values())),
    **by_text(
        action_of(
            "close the gripper",
            "grasp | grip it | grab the block | squeeze the fingers | shut the gripper"
            " | close the fingers | take hold of it | clamp the block | seize it",
            "please grip the block | pinch the fingers | close the hand",
        ),
        action_of(
            "open the gripper",
            "let go | release it | release the block | spread the fingers | drop the block"
            " | open the fingers | loosen the grip | ungrasp | free the block",
            "please let the block go | part the fingers | open the hand",
        ),
    ),
}
"""Canonical text -> action."""
