"""What every world has to keep, whatever is behind it: one suite over the whole table."""

import math

import numpy as np
import pytest

from twospeed.core.errors import UnknownNameError
from twospeed.worlds.base import ScriptedWorld
from twospeed.worlds.registry import WORLDS, is_installed

SIZE = 32
CHUNK = 4


def same(one, other):
    return (one.pose, one.objects) == (other.pose, other.objects) and np.array_equal(
        one.frame, other.frame
    )


def test_a_seed_gives_the_same_bits_in_any_world_after_any_episode(make, wander):
    world = make()
    if not world.about.repeats:
        pytest.skip("an engine in real time repeats no frame bit for bit")
    first = wander(world, 5)
    other = make()
    wander(other, 6, steps=10)
    assert all(map(same, wander(other, 5), first))


def test_another_seed_gives_other_frames(make):
    world = make()
    firsts = {world.reset(seed).frame.tobytes() for seed in range(3)}
    assert len(firsts) == 3


@pytest.mark.parametrize("size", [65, 128])
def test_a_frame_is_a_square_of_bytes_of_the_size_that_was_asked_for(make, size):
    world = make(frame_size=size)
    seen = [world.reset(1), *(world.step(action) for action in list(world.actions)[:2])]
    for observation in seen:
        assert observation.frame.shape == (size, size, 3)
        assert observation.frame.dtype == np.uint8


def test_frames_show_something_and_change_with_what_is_done(make, wander):
    frames = [observation.frame for observation in wander(make(), 2, steps=24)]
    assert all(frame.std() > 2 for frame in frames)
    assert len({frame.tobytes() for frame in frames}) > 6


def test_every_action_can_be_done_and_the_truth_is_all_there(make):
    world = make()
    world.reset(3)
    for action in world.actions:
        seen = world.step(action)
        filled = {name for name in ("pose", "objects") if getattr(seen, name) is not None}
        assert filled == set(world.about.truth)
        numbers = [number for it in (seen.objects or {}).values() for number in it]
        numbers += [seen.pose.x, seen.pose.y, seen.pose.heading] if seen.pose else []
        assert all(isinstance(number, float) and math.isfinite(number) for number in numbers)
        assert seen.pose is None or 0 <= seen.pose.heading < 360


def test_an_unknown_action_names_the_nearest_and_does_nothing(make):
    world = make()
    world.reset(0)
    known = next(iter(world.actions))
    with pytest.raises(UnknownNameError, match=f"Did you mean '{known}'"):
        world.step(f"{known}f")


def test_nothing_is_shared_between_observations(make):
    world = make()
    action = next(iter(world.actions))
    first = world.reset(0)
    kept = first.frame.copy()
    second = world.step(action)
    second.frame[:] = 0
    assert world.step(action).frame.any()
    assert np.array_equal(first.frame, kept)


def test_a_script_chooses_known_commands_and_the_same_ones_again(make):
    world = make()
    if not isinstance(world, ScriptedWorld):
        pytest.skip("nobody plays this world")

    def play(generator):
        world.reset(1)
        chosen = []
        for _ in range(5):
            chosen.append(world.suggest(generator))
            for _ in range(CHUNK):
                world.step(chosen[-1])
        return chosen

    plays = [play(np.random.default_rng(0)) for _ in range(1 + world.about.repeats)]
    assert set(plays[0]) <= set(world.actions)
    assert plays[0] == plays[-1]


@pytest.mark.parametrize("name", WORLDS)
def test_what_is_said_of_a_world_holds(name):
    about = WORLDS[name].about
    assert about.install.startswith(("pip install", "apt-get install", "python3.11 -m venv"))
    assert isinstance(is_installed(about), bool)
    assert WORLDS[name].has_script == (about.policy == "scripted")


@pytest.mark.parametrize("name", WORLDS)
def test_every_action_has_paraphrases_and_held_out_ones(name):
    sayings = []
    for text, action in WORLDS[name].actions.items():
        assert action.text == text
        assert len(action.paraphrases) >= 8
        assert len(action.held_out) >= 2
        sayings += [action.text, *action.paraphrases, *action.held_out]
    assert len(sayings) == len(set(sayings)), "one saying may mean one thing, once"


def test_no_saying_means_two_things_in_two_worlds():
    meanings = {}
    for world in WORLDS.values():
        for action in world.actions.values():
            for saying in (action.text, *action.paraphrases, *action.held_out):
                assert saying == " ".join(saying.casefold().split())
                assert meanings.setdefault(saying, action.text) == action.text, saying
