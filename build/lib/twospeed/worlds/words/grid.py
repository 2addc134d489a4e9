"""The commands of a world of tiles that is seen from above, where things are gathered and made."""

from twospeed.worlds.base import Action
from twospeed.worlds.language import action_of, by_text, directed

_WALKS = directed(
    "walk {}",
    "head {} on the map | go {} across the tiles | move one way {} | travel {} over the land"
    " | wander {} | hike {} | make your way {} | tramp {} | go {} through the land",
    "please walk {} on the map | keep heading {} over the tiles | set off {}",
    ("north", "south", "east", "west"),
)
_PLACES = directed(
    "place {}",
    "put down {} | set {} in front of you | build {} here | lay down {} | drop {} ahead"
    " | set up {} | put {} before you | deploy {}",
    "please place {} here | put up {} | install {} in front",
    ("a stone", "a table", "a furnace", "a sapling"),
)
_TOOLS = directed(
    "make {}",
    "craft {} | build yourself {} | forge {} | create {} | fashion {} | produce {}"
    " | put together {} | get yourself {} at the table",
    "please craft {} | make yourself {} | assemble {}",
    (
        "a wood pickaxe",
        "a stone pickaxe",
        "an iron pickaxe",
        "a wood sword",
        "a stone sword",
        "an iron sword",
    ),
)

GRID: dict[str, Action] = {
    **_WALKS,
    **by_text(
        action_of(
            "gather what is ahead",
            "collect it | harvest it | take what stands there | use your hands | mine it | chop it"
            " | hit what is in front | work on what is ahead | grab what is before you",
            "please collect what is there | gather the thing in front | hack away at it",
        ),
        action_of(
            "wait",
            "do nothing | stay where you are | rest a moment | hold on | pause | remain here"
            " | stand by | bide your time | let time pass",
            "please wait a moment | do not do anything | linger",
        ),
    ),
    **_PLACES,
    **_TOOLS,
}
"""Canonical text -> action."""
