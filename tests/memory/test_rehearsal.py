from collections import Counter
from dataclasses import replace

import pytest
import torch

from twospeed.core.errors import ConfigError
from twospeed.memory.config import GradientConfig
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.rehearsal import Rehearsal

CONFIG = GradientConfig(
    rank=2,
    learning_rate=1e-2,
    updates_per_chunk=3,
    levels_per_update=2,
    rehearsed_per_update=3,
    objective="next",
    lowest_level=400,
)


def window_of(number, frames=8):
    return torch.full((2, frames, 1, 1), float(number)), torch.full((1, 4), float(number))


def filled(count, capacity=64, seed=0):
    rehearsal = Rehearsal(capacity, seed)
    for number in range(count):
        rehearsal.offer(*window_of(number))
    return rehearsal


def test_the_current_window_comes_first_and_the_rest_is_drawn_from_all():
    rehearsal = filled(4)
    seen = Counter()
    for step in range(200):
        windows, texts = rehearsal.draw(*window_of(4), current=2, rehearsed=3, step=step)
        assert windows.shape == (5, 2, 8, 1, 1)
        numbers = windows[:, 0, 0, 0, 0].int().tolist()
        assert numbers[:2] == [4, 4]
        assert texts[:, 0, 0].int().tolist() == numbers
        seen.update(numbers[2:])
    assert set(seen) == {0, 1, 2, 3, 4}
    assert min(seen.values()) > 80  # 600 draws from 5, so 120 each on average


def test_a_window_of_another_length_is_not_mixed_in():
    rehearsal = Rehearsal(8, 0)
    rehearsal.offer(*window_of(0, frames=5))
    windows, _ = rehearsal.draw(*window_of(1), current=2, rehearsed=3, step=0)
    assert windows.shape == (5, 2, 8, 1, 1)
    rehearsal.offer(*window_of(1))
    rehearsal.offer(*window_of(2, frames=5))
    assert [int(window[0, 0, 0, 0]) for window in rehearsal.windows] == [1]


def test_it_holds_no_more_than_its_capacity_and_every_window_has_the_same_chance():
    kept = Counter()
    for seed in range(300):
        rehearsal = filled(20, capacity=5, seed=seed)
        assert len(rehearsal.windows) == 5
        kept.update(int(window[0, 0, 0, 0]) for window in rehearsal.windows)
    assert set(kept) == set(range(20))
    assert min(kept.values()) > 45  # 75 on average, deviation 7.5
    assert max(kept.values()) < 105


def test_the_same_seed_and_step_draw_the_same():
    first, again = (
        filled(4).draw(*window_of(4), current=2, rehearsed=3, step=7)[0] for _ in range(2)
    )
    assert torch.equal(first, again)


def test_a_batch_of_rehearsing_episodes_equals_one_by_one(make_model, make_window):
    model = make_model()
    model.denoiser.double()
    together = FastWeights(model, CONFIG, seeds=(5, 6))
    alone = [FastWeights(model, CONFIG, seeds=(seed,)) for seed in (5, 6)]
    for chunk in range(3):
        windows = make_window(2, seed=chunk, dtype=torch.float64)
        together.observe(windows, ["turn left", "go back"], past_frames=4)
        for index, memory in enumerate(alone):
            action = ["turn left", "go back"][index]
            memory.observe(windows[index : index + 1], [action], past_frames=4)
    for name, up in together.adapters.up.items():
        for index, memory in enumerate(alone):
            torch.testing.assert_close(up[index], memory.adapters.up[name][0], rtol=1e-6, atol=1e-9)


def test_an_episode_that_was_taken_apart_goes_on_bit_for_bit(model, make_window):
    whole, first = (FastWeights(model, CONFIG, seeds=(5,)) for _ in range(2))
    for chunk in range(3):
        whole.observe(make_window(seed=chunk), ["turn left"], past_frames=4)
    for chunk in range(2):
        first.observe(make_window(seed=chunk), ["turn left"], past_frames=4)
    rest = FastWeights(model, CONFIG, seeds=(5,))
    rest.load_state_(first.state())
    with torch.no_grad():
        for name in rest.adapters.up:
            rest.adapters.up[name].copy_(first.adapters.up[name])
            rest.adapters.down[name].copy_(first.adapters.down[name])
    rest.records[0] = list(first.records[0])
    rest.observe(make_window(seed=2), ["turn left"], past_frames=4)
    for name, up in whole.adapters.up.items():
        assert torch.equal(up, rest.adapters.up[name])


def test_rehearsal_keeps_what_was_written_before(model, make_window):
    """After other chunks, the loss on the first one is lower with rehearsal than without."""
    config = replace(CONFIG, updates_per_chunk=30, learning_rate=2e-2)

    def loss_on_the_first(rehearsed):
        memory = FastWeights(model, replace(config, rehearsed_per_update=rehearsed), seeds=(1,))
        for chunk in range(3):
            memory.observe(make_window(seed=chunk), ["turn left"], past_frames=4)
        probe = replace(config, updates_per_chunk=0, rehearsed_per_update=0, levels_per_update=16)
        memory.config = probe
        (record,) = memory.observe(make_window(seed=0), ["turn left"], past_frames=4)
        return record.loss_before

    assert loss_on_the_first(3) < loss_on_the_first(0)


@pytest.mark.parametrize("change", [{"rehearsed_per_update": -1}, {"rehearsal_windows": 0}])
def test_settings_that_cannot_work_are_refused(change):
    with pytest.raises(ConfigError, match="rehears"):
        replace(CONFIG, **change)
