import dataclasses

import numpy as np
import pytest

from twospeed.core.errors import DataError
from twospeed.evaluation.protocols.base import ProtocolConfig
from twospeed.evaluation.protocols.observed_return import ARMS, count_chunks, run_observed_return
from twospeed.evaluation.protocols.scores import score
from twospeed.worldmodel.model import WorldModel

SAME_DB = 5e-4
"""A few values of uint8 frames rounded the other way (one of 16x16 pixels: 6e-5 dB)."""


def run(model, walks, config, done=None):
    done = [] if done is None else done
    return {
        o.walk.route.seed: o for o in run_observed_return(model, walks, config, advance=done.append)
    }


@pytest.fixture(scope="module")
def config(fast):
    return ProtocolConfig(memory=fast, batch_size=2)


@pytest.fixture(scope="module")
def outcomes(model, walks, config):
    return run(model, walks, config)


def values(outcome):
    return score(outcome).values["psnr_db"]


def test_every_arm_generates_the_whole_way_back(outcomes):
    for outcome in outcomes.values():
        assert tuple(sorted(outcome.frames)) == tuple(sorted(ARMS))
        for frames in outcome.frames.values():
            assert frames.shape == outcome.walk.truth_back.shape
            assert frames.dtype == np.uint8


def test_the_same_seed_gives_the_same_numbers(model, walks, config, outcomes):
    again = run(model, walks, config)
    for seed, outcome in outcomes.items():
        for arm in ARMS:
            assert np.array_equal(again[seed].frames[arm], outcome.frames[arm])


def test_another_seed_gives_other_frames(model, walks, config, outcomes):
    other = run(model, walks[:1], dataclasses.replace(config, seed=1))
    seed = walks[0].route.seed
    assert not np.array_equal(other[seed].frames["off"], outcomes[seed].frames["off"])


def test_a_batch_of_two_equals_two_of_one(model, walks, config, outcomes):
    alone = run(model, walks, dataclasses.replace(config, batch_size=1))
    for seed, outcome in outcomes.items():
        together, single = values(outcome), values(alone[seed])
        for arm in ARMS:
            assert together[arm] == pytest.approx(single[arm], abs=SAME_DB)
        assert outcome.first_visit_db == pytest.approx(alone[seed].first_visit_db, abs=SAME_DB)


def test_memory_off_equals_a_memory_that_is_never_written(model, walks, config):
    empty = dataclasses.replace(config.memory, updates_per_chunk=0)
    for outcome in run(model, walks, dataclasses.replace(config, memory=empty)).values():
        for arm in ("on", "swap", "random"):
            assert np.array_equal(outcome.frames[arm], outcome.frames["off"])
        assert outcome.first_visit_db["on"] == outcome.first_visit_db["off"]
        assert outcome.norm == 0


def test_a_written_memory_changes_the_picture_and_a_swapped_one_changes_it_otherwise(outcomes):
    for outcome in outcomes.values():
        for arm in ("off", "swap", "random"):
            assert not np.array_equal(outcome.frames["on"], outcome.frames[arm])


def test_the_slow_weights_are_as_before_and_no_hook_is_left(model, walks, config):
    before = model.hash()
    run(model, walks[:1], config)
    assert model.hash() == before
    assert not any(module._forward_hooks for module in model.denoiser.modules())


def test_a_frozen_frame_loses_to_the_truth_and_does_not_move(outcomes):
    for outcome in outcomes.values():
        scores = score(outcome)
        for metric in ("psnr_db", "ssim"):
            assert scores.mean(metric, "frozen") < scores.mean(metric, "truth")
        assert scores.motion_kept["frozen"] == 0
        assert scores.motion_kept["truth"] == pytest.approx(1, abs=0.3)  # eight channels


def test_progress_counts_every_chunk(model, walks, config):
    done = []
    run(model, walks[:1], config, done)
    assert sum(done) == count_chunks(walks[:1])


def test_memories_may_go_on_learning_on_the_way_back(model, walks, config, outcomes):
    writing = run(model, walks, dataclasses.replace(config, write_on_return=True))
    for seed, outcome in outcomes.items():
        first, rest = slice(0, 4), slice(4, None)
        on, written = outcome.frames["on"], writing[seed].frames["on"]
        assert np.array_equal(written[first], on[first])
        assert not np.array_equal(written[rest], on[rest])


def test_a_model_of_other_chunks_is_refused(model, walks, config):
    settings = dataclasses.replace(model.settings, chunk_frames=3)
    parts = (model.denoiser, model.autoencoder, model.text_encoder, model.schedule)
    with pytest.raises(DataError, match="chunks of 4 frames, this model generates 3"):
        next(run_observed_return(WorldModel(*parts, settings), walks, config, advance=print))
