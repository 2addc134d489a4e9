"""The commands of a first-person world of blocks that can be dug out and set."""

from twospeed.worlds.base import Action
from twospeed.worlds.language import MOVES, a_little, action_of, by_text, directed

VOXEL: dict[str, Action] = {
    **MOVES,
    **by_text(*(a_little(MOVES[turn]) for turn in ("turn left", "turn right"))),
    **directed(
        "tilt the view {}",
        "look {} | tilt your head {} | turn your eyes {} | tip the camera {} | angle the view {}"
        " | move your gaze {} | lean the camera {} | cast your eyes {}",
        "please look {} | tilt the camera {} | direct your gaze {}",
        ("up", "down"),
    ),
    **by_text(
        action_of(
            "dig the block",
            "dig out the block | break the block | remove the block | dig a hole | mine the block"
            " | dig away what is ahead | knock the block out | take the block away | shovel it out",
            "please dig the block | smash the block | dig into the wall",
        ),
        action_of(
            "set a brick",
            "place a block of brick | put a brick there | lay a brick | build with a brick"
            " | add a brick | set down a brick | put up a brick | place bricks | wall it up",
            "please set a brick | place one brick | drop a brick there",
        ),
    ),
}
"""Canonical text -> action."""
