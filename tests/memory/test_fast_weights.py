import copy
from dataclasses import replace

import pytest
import torch

from twospeed.core.errors import ConfigError, DataError, ShapeError
from twospeed.memory.config import GradientConfig
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.presets import PRESETS, preset_of
from twospeed.worldmodel.build import KINDS
from twospeed.worldmodel.reading import Reading

QUICK = GradientConfig(rank=3, learning_rate=1e-2, updates_per_chunk=3, levels_per_update=2)
ACTIONS = ("turn left", "go forward", "turn right")


def ask(model, seed=0):
    """Return what the denoiser says to a fixed question."""
    generator = torch.Generator().manual_seed(seed)
    noisy = torch.randn(1, 8, 8, 4, 4, generator=generator)
    text = model.text_encoder.encode(["go forward"])
    with torch.no_grad():
        return model.denoiser(noisy, torch.full((1, 8), 500), text)


def read(memory, text, question):
    return memory.read(Reading.of(memory.model.denoiser, question[0][:, :, :4], text))(*question)


def write(memory, windows, actions=ACTIONS):
    return memory.observe(windows, actions[: len(windows)], past_frames=4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("preset", PRESETS)
def test_a_fresh_adapter_changes_nothing(make_model, viewing_model, kind, preset):
    model = make_model(denoiser=kind)
    model.renderer = viewing_model.renderer
    before = ask(model)
    FastWeights(model, preset_of(model, preset)).attach()
    assert torch.equal(ask(model), before)


@pytest.mark.parametrize("kind", KINDS)
def test_slow_weights_never_move_and_come_back_when_the_memory_goes(make_model, make_window, kind):
    model = make_model(denoiser=kind)
    frozen = copy.deepcopy(model.denoiser.state_dict())
    before = ask(model)
    memory = FastWeights(model, QUICK)
    write(memory, make_window())
    assert torch.equal(ask(model), before)  # it acts only while it is asked
    memory.attach()
    assert not torch.equal(ask(model), before)
    memory.detach()
    assert torch.equal(ask(model), before)
    state = model.denoiser.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in frozen.items())
    assert all(tensor.grad is None for tensor in model.denoiser.parameters())
    assert not any(module._forward_hooks for module in model.denoiser.modules())


@pytest.mark.parametrize("change", [{"learning_rate": 0.0}, {"updates_per_chunk": 0}])
def test_a_memory_that_may_not_learn_equals_no_memory(model, make_window, change):
    before = ask(model)
    memory = FastWeights(model, replace(QUICK, **change))
    (record,) = write(memory, make_window())
    memory.attach()
    assert torch.equal(ask(model), before)
    assert record.loss_after == pytest.approx(record.loss_before, rel=1e-6)  # rounding of sums
    assert record.norm == 0
    assert record.written == ("updates_per_chunk" not in change)


@pytest.mark.parametrize(
    ("kind", "objective"),
    [
        ("transformer", "joint"),
        ("transformer", "next"),
        ("transformer", "both"),
        ("unet3d", "both"),
    ],
)
def test_a_batch_of_episodes_equals_one_by_one(make_model, make_window, kind, objective):
    model = make_model(denoiser=kind)
    model.denoiser.double()
    config = replace(QUICK, objective=objective, updates_per_chunk=2, max_norm=0.05, anchor=0.1)
    together = FastWeights(model, config, seeds=(5, 6, 7))
    alone = [FastWeights(model, config, seeds=(seed,)) for seed in (5, 6, 7)]
    for chunk in range(2):
        windows = make_window(3, seed=chunk, dtype=torch.float64)
        write(together, windows)
        for index, memory in enumerate(alone):
            write(memory, windows[index : index + 1], ACTIONS[index:])
    for name, up in together.adapters.up.items():
        for index, memory in enumerate(alone):
            delta = up[index] @ together.adapters.down[name][index]
            one = memory.adapters.up[name][0] @ memory.adapters.down[name][0]
            torch.testing.assert_close(delta, one, rtol=1e-6, atol=1e-9)


def test_memories_that_share_a_model_do_not_touch_each_other(model, make_window):
    first, second = FastWeights(model, QUICK, seeds=(1,)), FastWeights(model, QUICK, seeds=(1,))
    text = model.text_encoder.encode(["go forward"])
    question = make_window(seed=9), torch.full((1, 8), 500)
    with torch.no_grad():
        fresh = read(second, text, question)
        write(first, make_window())
        assert torch.equal(read(second, text, question), fresh)
    write(second, make_window())
    for name, up in first.adapters.up.items():
        assert torch.equal(up, second.adapters.up[name])


def test_writing_lowers_the_loss_on_what_was_written(model, make_window):
    memory = FastWeights(model, replace(QUICK, updates_per_chunk=20))
    (record,) = write(memory, make_window())
    assert record.loss_after < 0.98 * record.loss_before
    assert record.norm > 0
    assert record.seconds > 0
    assert len(memory.records[0]) == 1


def test_the_gate_keeps_what_is_not_new_out(model, make_window):
    windows = make_window(2)
    losses = [it.loss_before for it in write(FastWeights(model, QUICK, seeds=(1, 2)), windows)]
    gated = FastWeights(model, replace(QUICK, gate=sum(losses) / 2), seeds=(1, 2))
    records = write(gated, windows)
    assert [it.written for it in records] == [loss >= sum(losses) / 2 for loss in losses]
    assert [it.norm > 0 for it in records] == [it.written for it in records]


def test_the_norm_stays_below_its_bound_for_many_writes(model, make_window):
    config = replace(QUICK, updates_per_chunk=1, levels_per_update=1, max_norm=0.2)
    memory = FastWeights(model, config)
    for chunk in range(60):
        (record,) = write(memory, make_window(seed=chunk % 7))
    assert record.norm <= 0.2 * (1 + 1e-5)
    assert all(tensor.isfinite().all() for tensor in memory.adapters.tensors())


def test_the_anchor_forgets_its_share(model, make_window):
    free, anchored = (FastWeights(model, replace(QUICK, anchor=share)) for share in (0.0, 0.25))
    for memory in (free, anchored):
        write(memory, make_window())
    for name, up in free.adapters.up.items():
        torch.testing.assert_close(anchored.adapters.up[name], 0.75 * up)


def test_the_contrast_stretches_the_difference_of_fast_and_slow(model, make_window):
    memory = FastWeights(model, replace(QUICK, contrast=1.5))
    write(memory, make_window())
    text = model.text_encoder.encode(["go forward"])
    question = make_window(seed=9), torch.full((1, 8), 500)
    with torch.no_grad():
        slow = model.denoiser(*question, text)
        found = read(memory, text, question)
        memory.attach()
        fast = model.denoiser(*question, text)
    torch.testing.assert_close(found, slow + 2.5 * (fast - slow), rtol=1e-5, atol=1e-6)


def test_numbers_that_are_not_finite_write_nothing(model, make_window):
    memory = FastWeights(model, QUICK)
    window = make_window()
    window[0, 0, 0, 0, 0] = torch.nan
    with pytest.raises(DataError, match="nothing was written"):
        write(memory, window)
    assert len(memory.records[0]) == 0
    assert not any(up.any() for up in memory.adapters.up.values())


def test_mistakes_are_named(model, make_window):
    with pytest.raises(ShapeError, match="2 episodes, got 1 windows"):
        write(FastWeights(model, QUICK, seeds=(1, 2)), make_window())
    with pytest.raises(ConfigError, match="no linear layer"):
        FastWeights(model, replace(QUICK, targets=("conv_of_nothing",)))
    for wrong in ({"rank": 0}, {"learning_rate": -1.0}, {"objective": "all"}, {"lowest_level": 0}):
        with pytest.raises(ConfigError):
            GradientConfig(**wrong)
