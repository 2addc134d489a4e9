"""Recordings of many worlds: exact counts, train and test apart, left-out worlds named."""

import numpy as np
import pytest

from twospeed.core.errors import ConfigError
from twospeed.data.index import read_episodes
from twospeed.data.preset import PRESETS, forecast, plan, record_all
from twospeed.data.recorder import TEST_SEEDS_FROM
from twospeed.worlds.registry import WORLDS, is_installed


def test_the_preset_has_at_least_as_many_clips_as_its_name_says_and_no_scene_twice():
    assert sum(PRESETS["200k"].values()) >= 200_000
    assert set(PRESETS["200k"]) == set(WORLDS)
    jobs, missing = plan(PRESETS["200k"])
    assert set(missing) == {name for name in WORLDS if not is_installed(WORLDS[name].about)}
    for job in jobs:
        seeds = (job.config.first_seed, job.config.last_seed)
        is_test = [seed >= TEST_SEEDS_FROM for seed in seeds]
        assert is_test == [job.split == "test"] * 2
        if job.split == "train":
            assert job.clips >= PRESETS["200k"][job.config.world]


def test_a_part_of_the_preset_is_that_part():
    whole = sum(job.clips for job in plan(PRESETS["200k"])[0])
    part = sum(job.clips for job in plan(PRESETS["200k"], share=0.02)[0])
    assert part == pytest.approx(0.02 * whole, rel=0.06)


@pytest.mark.parametrize("share", [0, -1, 1.5])
def test_a_share_outside_its_range_is_refused(share):
    with pytest.raises(ConfigError, match="share must be above 0 and at most 1"):
        plan(PRESETS["200k"], share=share)


def test_a_small_plan_is_recorded_and_the_same_call_finds_it_done(tmp_path):
    jobs, _ = plan({"rooms": 40}, frame_size=16)
    (expected,) = forecast(jobs)
    assert expected.clips == 60
    assert expected.num_bytes > 0
    assert expected.seconds > 0
    for earlier in (0, 2):
        done = list(record_all(jobs, tmp_path))
        assert [job.split for job, _ in done] == ["train", "test"]
        assert done[0][1].num_episodes_before == earlier
    train = list(read_episodes(tmp_path / "train" / "rooms"))
    test = list(read_episodes(tmp_path / "test" / "rooms"))
    assert sum(len(episode.actions) for episode in train + test) == expected.clips
    assert not {episode.seed for episode in train} & {episode.seed for episode in test}
    assert not np.array_equal(train[0].frames[0], test[0].frames[0])
