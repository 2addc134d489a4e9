import numpy as np
import pytest

from twospeed.core.errors import MissingExtraError
from twospeed.worlds.registry import WORLDS, make_world

SIZE = 32


def makers(name):
    """Yield a function that makes one more world of this name; all are closed at the end."""
    made = []

    def make_one(frame_size=SIZE):
        made.append(make_world(name, frame_size=frame_size))
        return made[-1]

    try:
        make_one()
    except MissingExtraError as error:
        pytest.skip(f"{name}: {error}")
    yield make_one
    for world in made:
        world.close()


SLOW = {name for name, world in WORLDS.items() if not world.about.repeats}


def parameters(names):
    marks = {name: [pytest.mark.slow] if name in SLOW else [] for name in names}
    return [pytest.param(name, marks=marks[name]) for name in names]


@pytest.fixture(params=parameters(WORLDS))
def make(request):
    yield from makers(request.param)


@pytest.fixture(params=["rooms", "doom"])
def make_first_person(request):
    yield from makers(request.param)


@pytest.fixture
def wander():
    """Return a function (world, seed, steps) -> what is seen with actions drawn by chance."""

    def walk(world, seed, steps=40):
        actions = np.random.default_rng(0).choice(sorted(world.actions), steps)
        return [world.reset(seed), *(world.step(str(action)) for action in actions)]

    return walk
