"""What is observed is learned in bulk before it is asked, and read as 2 x with - 1 x without."""

from dataclasses import replace

import pytest
import torch

from twospeed.core.errors import ShapeError
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.memory_file import memory_of, open_memories
from twospeed.memory.presets import come
from twospeed.worldmodel.reading import Reading

QUICK = replace(come(), rank=3, learning_rate=1e-2, updates_per_chunk=4)
ACTIONS = ("turn left", "go forward", "turn right")


def write(memory, windows, **more):
    return memory.observe(windows, ACTIONS[: len(windows)], past_frames=4, **more)


def ups(memory, episode=0):
    return {name: up[episode].detach().clone() for name, up in memory.adapters.up.items()}


def same(one, other):
    return all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_the_preset_is_the_published_one():
    config = come()
    assert (config.rank, config.learning_rate, config.updates_per_chunk) == (64, 1e-4, 500)
    assert (config.window_frames, config.contrast, config.weight_decay) == (20, 1.0, 0.01)


def test_it_is_read_as_twice_with_less_once_without(model, make_window):
    model.denoiser.double()
    memory = FastWeights(model, QUICK)
    write(memory, make_window(dtype=torch.float64))
    text = model.text_encoder.encode(["go forward"]).double()
    question = make_window(seed=9, dtype=torch.float64), torch.full((1, 8), 500)
    with torch.no_grad():
        without = model.denoiser(*question, text)
        found = memory.read(Reading.of(model.denoiser, question[0][:, :, :4], text))(*question)
        memory.attach()
        with_ = model.denoiser(*question, text)
    assert found.dtype == torch.float64
    assert not torch.equal(with_, without)
    torch.testing.assert_close(found, 2 * with_ - without, rtol=1e-12, atol=1e-12)


def test_nothing_is_learned_before_it_is_asked_and_nothing_twice(model, make_window):
    memory = FastWeights(model, QUICK)
    (record,) = write(memory, make_window())
    assert record.written
    assert not any(up.any() for up in ups(memory).values())
    memory.settle_()
    learned = ups(memory)
    assert any(up.any() for up in learned.values())
    memory.settle_()
    assert same(learned, ups(memory))


def test_windows_are_of_all_frames_and_as_long_as_asked(model, make_window):
    memory = FastWeights(model, replace(QUICK, window_frames=10))
    for chunk in range(4):
        write(memory, make_window(seed=chunk))
    (kept,) = memory.writer.kept
    assert kept.shape[1] == 4 + 4 * 4
    starts = {
        start
        for step in range(40)
        for start in range(11)
        if torch.equal(memory.writer._windows(step)[0], kept[:, start : start + 10])
    }
    assert len(starts) > 7


def test_it_learns_what_it_was_shown(model, make_window):
    memory = FastWeights(model, replace(QUICK, updates_per_chunk=30))
    (before,) = write(memory, make_window())
    memory.settle_()
    seeds = [(memory.seeds[0], "keep", 0)]
    with torch.no_grad(), memory.adapters.attached():
        after = float(memory.writer._loss_E(make_window(), seeds))
    assert after < 0.98 * before.loss_before


def test_generated_chunks_are_not_learned(model, make_window):
    memory = FastWeights(model, QUICK)
    (record,) = write(memory, make_window(), generated=True)
    memory.settle_()
    assert not record.written
    assert memory.writer.kept == [None]
    assert not any(up.any() for up in ups(memory).values())


def test_episodes_do_not_see_each_other(model, make_window):
    model.denoiser.double()
    windows = make_window(2, dtype=torch.float64)
    both = FastWeights(model, QUICK, seeds=(5, 6))
    write(both, windows)
    both.settle_()
    for index, seed in enumerate((5, 6)):
        alone = FastWeights(model, QUICK, seeds=(seed,))
        alone.observe(windows[index : index + 1], [ACTIONS[index]], past_frames=4)
        alone.settle_()
        for name, up in ups(alone).items():
            torch.testing.assert_close(up, both.adapters.up[name][index], rtol=1e-6, atol=1e-9)


def test_weight_decay_is_apart_from_the_gradient(model, make_window):
    one = FastWeights(model, replace(QUICK, weight_decay=0.0, updates_per_chunk=1))
    other = FastWeights(model, replace(QUICK, weight_decay=0.5, updates_per_chunk=1))
    first = {name: down.detach().clone() for name, down in one.adapters.down.items()}
    for memory in (one, other):
        write(memory, make_window())
        memory.settle_()
    for name, down in one.adapters.down.items():
        torch.testing.assert_close(other.adapters.down[name], down - 0.5 * 1e-2 * first[name])


def test_a_file_holds_what_was_learned_and_goes_on_bit_for_bit(model, make_window):
    memory = FastWeights(model, QUICK)
    write(memory, make_window())
    saved = memory_of(memory)
    assert any(up.any() for up in saved.up.values())
    opened = open_memories(model, [saved], seeds=[0])
    for each in (memory, opened):
        write(each, make_window(seed=1))
        each.settle_()
    assert same(ups(memory), ups(opened))


def test_frames_of_another_model_are_refused(model, make_window):
    memory = FastWeights(model, QUICK)
    write(memory, make_window())
    state = memory.state()
    state["rehearsal.windows"] = state["rehearsal.windows"][:3]
    with pytest.raises(ShapeError, match="what the memory keeps"):
        FastWeights(model, QUICK).load_state_(state)
