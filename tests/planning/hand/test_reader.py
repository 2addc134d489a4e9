import numpy as np
import pytest

from twospeed.core.errors import DataError, MissingExtraError, ShapeError
from twospeed.planning.hand.reader import HandReader, new_network, packaged_hand
from twospeed.planning.hand.ways import way_of
from twospeed.worlds.registry import make_world

SEED = 700_000


def test_a_reader_is_saved_and_opened(tmp_path):
    reader = HandReader(new_network(1), "fetch")
    reader.save(tmp_path / "hand")
    again = HandReader.load(tmp_path / "hand")
    frame = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert again.world == "fetch"
    assert np.array_equal(again.read(frame)[0], reader.read(frame)[0])


def test_what_is_no_reader_is_refused(tmp_path):
    with pytest.raises(DataError, match="no folder of a hand reader; packaged for: fetch"):
        HandReader.load(tmp_path / "none")
    with pytest.raises(ShapeError, match="64 x 64"):
        HandReader(new_network(0), "fetch").read(np.zeros((32, 32, 3), np.uint8))
    assert packaged_hand("rooms") is None


def test_what_is_packaged_opens_by_the_name_of_its_world(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert HandReader.load("fetch").world == "fetch"


def test_the_packaged_reader_sees_how_far_commands_led_in_an_unseen_episode():
    try:
        world = make_world("fetch")
    except MissingExtraError as error:
        pytest.skip(str(error))
    reader = packaged_hand("fetch")
    start, is_closed = reader.read(world.reset(SEED).frame)
    assert not is_closed
    told = np.zeros(3)
    for command in ("move the gripper left", "lower the gripper", "move the gripper away"):
        for step in (command, command, command, "open the gripper"):
            shot = world.step(step)
            told += way_of(step)
    assert np.abs(reader.read(shot.frame)[0] - start - told).max() < 0.8, "steps of 2.5 cm"
    world.close()
