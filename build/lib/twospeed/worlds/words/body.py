"""The commands of a person who is seen from outside."""

from twospeed.worlds.base import Action
from twospeed.worlds.language import MOVES, action_of, by_text

_SAYINGS = (
    (
        "walk",
        "stroll | take a walk | amble | walk along | go for a walk | walk at an easy pace"
        " | stride | have the person walk | pace along",
        "please walk along | saunter | the person walks",
    ),
    (
        "run",
        "jog | sprint | take a run | run along | dash | race | go for a run | have the person run"
        " | run at full speed",
        "please run along | hurry | the person runs",
    ),
    (
        "kick",
        "kick out | do a kick | kick the air | throw a kick | swing the foot | kick with the leg"
        " | have the person kick | lash out with the foot | deliver a kick",
        "please do a kick | kick something | the person kicks",
    ),
    (
        "punch",
        "throw a punch | hit with the fist | box | strike out | do a punch | punch the air"
        " | have the person punch | jab | deliver a blow",
        "please throw a punch | strike with the fist | the person punches",
    ),
    (
        "dance",
        "do a dance | dance to the music | start dancing | groove | show a dance | dance along"
        " | have the person dance | dance about | make some dance steps",
        "please dance | boogie | the person dances",
    ),
    (
        "sway to the beat",
        "sway along | dance gently | swing with the rhythm | move to the beat | rock to and fro"
        " | dance on the spot | swing the hips | have the person sway | move with the music",
        "please sway | swing along to the music | the person sways",
    ),
    (
        "jump",
        "leap | hop | do a jump | jump up | spring up | take a leap | jump in the air"
        " | have the person jump | bound",
        "please jump | make a leap | the person jumps",
    ),
    (
        "roll over",
        "do a roll | roll on the ground | roll along the floor | do a somersault | tumble"
        " | do a forward roll | roll over the shoulder | have the person roll | go into a roll",
        "please do a roll | somersault | the person rolls",
    ),
    (
        "spin around",
        "whirl | twirl | do a spin | pirouette | spin on the spot | whirl around | do a twirl"
        " | have the person spin | go round and round",
        "please spin around | do a pirouette | the person spins",
    ),
    (
        "do a spin kick",
        "spin kick | kick while turning | do a turning kick | do a roundhouse kick"
        " | whirl and kick | kick in a spin | leap into a spin kick | have the person spin kick"
        " | roundhouse kick",
        "please do a spin kick | do a whirling kick | the person spin kicks",
    ),
    (
        "crawl",
        "creep | crawl along | go on all fours | crawl on hands and knees | move on all fours"
        " | crawl on the ground | creep along the floor | have the person crawl"
        " | drop down and crawl",
        "please crawl | creep along on all fours | the person crawls",
    ),
    (
        "do a cartwheel",
        "cartwheel | turn a cartwheel | wheel over sideways | perform a cartwheel"
        " | flip over sideways | go into a cartwheel | show a cartwheel | tumble over sideways"
        " | have the person do a cartwheel",
        "please do a cartwheel | make a cartwheel | the person cartwheels",
    ),
    (
        "do a backflip",
        "backflip | flip over backwards | do a flip | perform a backflip | somersault backwards"
        " | jump into a backflip | show a backflip | throw a backflip"
        " | have the person do a backflip",
        "please do a backflip | make a flip backwards | the person backflips",
    ),
    (
        "stand still",
        "stand | stop moving | stay still | stand upright | keep still | freeze | come to rest"
        " | have the person stand | stand at ease",
        "please stand still | do not move | the person stands",
    ),
)

BODY: dict[str, Action] = {
    **by_text(*(action_of(*sayings) for sayings in _SAYINGS)),
    **{turn: MOVES[turn] for turn in ("turn left", "turn right")},
}
"""Canonical text -> action; left and right are the person's own."""
