"""The commands of a car on a road."""

from twospeed.worlds.base import Action
from twospeed.worlds.language import a_little, action_of, by_text, directed

_STEER = directed(
    "steer {}",
    "turn the wheel {} | bend {} | drive {} | curve {} | bear {} | swing the car {} | corner {}"
    " | pull the wheel {} | take the bend {}",
    "please steer the car {} | wheel round {} | drive into the {} bend",
    ("left", "right"),
)

CAR: dict[str, Action] = {
    **_STEER,
    **by_text(*map(a_little, _STEER.values())),
    **by_text(
        action_of(
            "drive straight",
            "keep the wheel straight | hold the lane | stay on course | drive on | cruise"
            " | follow the straight road | keep driving | hold the wheel steady | keep your lane",
            "please drive straight on | keep cruising | do not steer",
        ),
        action_of(
            "speed up",
            "accelerate | step on the gas | go faster | press the throttle | hit the gas"
            " | gain speed | put your foot down | drive faster | open the throttle",
            "please accelerate | pick up speed | floor it",
        ),
        action_of(
            "brake",
            "slow down | hit the brakes | step on the brake | reduce your speed | lose speed"
            " | drive slower | go slower | press the brake | come to a halt",
            "please slow the car down | put on the brakes | stop the car",
        ),
    ),
}
"""Canonical text -> action."""
