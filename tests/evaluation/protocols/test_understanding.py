"""Held-out sayings: understood by a model that learned the others, not by one that did not."""

import dataclasses

import pytest

from twospeed.evaluation.protocols.understanding import understanding_of
from twospeed.worldmodel.model import WorldModel
from twospeed.worlds.registry import WORLDS


@pytest.fixture(scope="module")
def rooms():
    return WorldModel.from_pretrained("rooms-64")


def test_a_trained_model_understands_its_own_world(rooms):
    found = understanding_of(rooms, WORLDS["rooms"].actions)
    assert found["understood"] > 0.9
    assert found["sayings"] == sum(len(it.held_out) for it in WORLDS["rooms"].actions.values())
    assert found["chance"] == pytest.approx(1 / 6, abs=1e-4)
    wrong = found["taken_for"]
    assert found["understood"] == pytest.approx(1 - len(wrong) / found["sayings"], abs=1e-4)


def test_swapped_sayings_are_mistakes_that_are_named(rooms):
    actions = dict(WORLDS["rooms"].actions)
    left, right = actions["turn left"], actions["turn right"]
    actions["turn left"] = dataclasses.replace(left, held_out=right.held_out)
    actions["turn right"] = dataclasses.replace(right, held_out=left.held_out)
    found = understanding_of(rooms, actions)
    before = understanding_of(rooms, WORLDS["rooms"].actions)
    assert found["understood"] < before["understood"] - 0.2
    assert found["taken_for"]["do a left turn"] == "turn left"


def test_an_untrained_encoder_understands_little(make_model):
    found = understanding_of(make_model(), WORLDS["fetch"].actions)
    assert found["understood"] < 0.5
