import numpy as np
import pytest
import torch

from twospeed.core.errors import DataError, ShapeError
from twospeed.planning.inverse.learned import LearnedInverseDynamics
from twospeed.worlds.language import MOVES
from twospeed.worlds.words.arm import ARM


def clips(count=3):
    drawn = np.random.default_rng(0).integers(0, 256, (count, 5, 16, 16, 3), dtype=np.uint8)
    return list(drawn)


def test_readings_are_probabilities_over_commands_and_none(inverse):
    for one in inverse.read(clips()):
        assert sum(one.shares) == pytest.approx(1)
        assert len(one.shares) == len(MOVES) + 1
        assert one.command is None or one.command in MOVES
        assert 0 <= one.confidence <= 1
    assert inverse.read([]) == []


def test_a_folder_reads_the_same(inverse, tmp_path):
    inverse.save(tmp_path / "inverse")
    loaded = LearnedInverseDynamics.load(tmp_path / "inverse")
    assert torch.equal(loaded.scores(clips()), inverse.scores(clips()))
    assert loaded.settings == inverse.settings


def test_what_is_improbable_is_none_of_these(inverse):
    import dataclasses

    inverse.settings = dataclasses.replace(inverse.settings, threshold=1.0)
    assert all(one.command is None for one in inverse.read(clips()))


def test_clips_of_another_size_are_refused(inverse):
    with pytest.raises(ShapeError, match=r"\(5, 16, 16, 3\)"):
        inverse.read([np.zeros((4, 16, 16, 3), np.uint8)])


def test_a_folder_that_is_none_or_damaged_is_one_line(inverse, tmp_path):
    with pytest.raises(DataError, match="no folder of inverse dynamics; packaged for: doom"):
        LearnedInverseDynamics.load(tmp_path)
    inverse.save(tmp_path / "inverse")
    (tmp_path / "inverse" / "inverse.safetensors").write_bytes(b"nothing")
    with pytest.raises(DataError, match="inverse dynamics"):
        LearnedInverseDynamics.load(tmp_path / "inverse")


@pytest.mark.parametrize(("world", "actions"), [("rooms", MOVES), ("fetch", ARM)])
def test_a_packaged_one_reads_the_commands_of_its_world(world, actions):
    packaged = LearnedInverseDynamics.load(world)
    assert set(packaged.commands) == set(actions)
    assert packaged.settings.shape.frame_size == 64
