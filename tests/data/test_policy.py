from collections import Counter
from itertools import groupby

import numpy as np
import pytest

from twospeed.data.policy import POLICIES, explore
from twospeed.worlds.language import MOVES, OPPOSITE


def routes(num, chunks=20, actions=tuple(MOVES)):
    return [explore(actions, np.random.default_rng(seed), chunks) for seed in range(num)]


def test_the_same_generator_draws_the_same_route_and_another_one_another():
    assert routes(3) == routes(3)
    assert len(set(map(tuple, routes(20)))) == 20


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES.keys())
@pytest.mark.parametrize(
    "actions", [tuple(MOVES), ("jump",), ("jump", "go forward"), ("turn left", "turn right")]
)
def test_a_route_has_its_length_and_only_the_actions_of_the_world(policy, actions):
    for chunks in (0, 1, 7, 40):
        route = policy(actions, np.random.default_rng(chunks), chunks)
        assert len(route) == chunks
        assert set(route) <= set(actions)


def test_every_action_of_a_world_is_taken_in_the_end():
    actions = (*MOVES, "jump", "open the door")
    assert {action for route in routes(50, actions=actions) for action in route} == set(actions)


def test_about_half_is_walking_and_nearly_half_is_turning():
    counts = Counter(action for route in routes(500) for action in route)
    total = counts.total()
    assert 0.38 < (counts["turn left"] + counts["turn right"]) / total < 0.5
    assert 0.43 < counts["go forward"] / total < 0.56
    assert abs(counts["turn left"] - counts["turn right"]) < 0.03 * total


def test_most_routes_turn_all_the_way_round():
    def longest_turn(route):
        return max((len(list(run)) for word, run in groupby(route) if "turn" in word), default=0)

    assert sum(longest_turn(route) >= 4 for route in routes(500)) > 250


def test_revisiting_routes_turn_round_twice_or_undo_what_they_did():
    turns = undone = 0
    for seed in range(200):
        route = POLICIES["revisit"](tuple(MOVES), np.random.default_rng(seed), 12)
        runs = [len(list(run)) for word, run in groupby(route) if "turn" in word]
        turns += max(runs, default=0) >= 8
        undone += any(
            route[half : 2 * half] == [OPPOSITE[word] for word in reversed(route[:half])]
            for half in (5, 6)
        )
    assert turns > 50
    assert undone > 50
