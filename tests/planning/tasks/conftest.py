import pytest

from twospeed.core.errors import MissingExtraError
from twospeed.worlds.registry import make_world


@pytest.fixture(scope="module")
def fetch():
    try:
        world = make_world("fetch", frame_size=16)
    except MissingExtraError as error:
        pytest.skip(str(error))
    yield world
    world.close()
