from dataclasses import replace

import pytest
import torch

from twospeed.core.errors import ConfigError, ShapeError
from twospeed.generation.dream import Dream
from twospeed.memory.config import RidgeConfig
from twospeed.memory.edits import forget, merge
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.files import load_memory, save_memory
from twospeed.memory.memory_file import memory_of, open_memories
from twospeed.memory.presets import PRESETS, default, gradient, paper, recalling
from twospeed.training.recall.dual_ridge import dual_ridge_solution
from twospeed.worldmodel.reading import Reading
from twospeed.worldmodel.recall import LAYER, recalled_target

CONFIG = recalling(16)
ACTIONS = ("turn left", "go forward", "turn right")


ONE_WAY = replace(CONFIG, both_ways=False)


def read(memory, past, text):
    return memory.read(Reading.of(memory.model.denoiser, past, text))


def guess(model, window, action, *, memory=None):
    """Return what the layer gives for a window's chunk, (O,)."""
    return given(model, key_of(model, window, action), memory=memory)


def given(model, key, *, memory=None):
    weight = model.denoiser.recall.layer.weight
    if memory is not None:
        weight = weight + memory.adapters.up[LAYER][0]
    return (weight @ key).detach()


def entries(model, window, action):
    """Return what one write learns, by its definition: (key, error), there and back."""
    recall = model.denoiser.recall
    text = model.denoiser.action_of(model.text_encoder.encode([action]).to(window))
    back = window[:, :, [6, 5, 4, 3]]
    ways = (
        (recall.keys(window[:, :, :4], text), window[:, :, 4:]),
        (recall.keys(window[:, :, 4:], text + recall.to_inverse(text)), back),
    )
    keys = [key[0].detach() for key, _ in ways]
    targets = [recalled_target(new)[0] for _, new in ways]
    return keys, [target - given(model, key) for key, target in zip(keys, targets, strict=True)]


def inverts_something(model):
    """Give an untrained recall layer an inverse action of its own."""
    with torch.no_grad():
        for tensor in model.denoiser.recall.to_inverse.parameters():
            tensor += torch.randn(tensor.shape, generator=torch.Generator().manual_seed(0))


def key_of(model, window, action):
    text = model.text_encoder.encode([action]).to(window)
    return model.denoiser.recall.keys(window[:, :, :4], model.denoiser.action_of(text))[0].detach()


def test_after_any_writes_the_weights_are_the_least_squares_of_the_definition(model, make_window):
    model.denoiser.double()
    inverts_something(model)
    memory = FastWeights(model, replace(CONFIG, ridge=0.2))
    keys, errors = [], []
    for chunk, action in enumerate(ACTIONS * 2):
        window = make_window(seed=chunk, dtype=torch.float64)
        memory.observe(window, [action], past_frames=4)
        found = entries(model, window, action)
        keys += found[0]
        errors += found[1]
    keys, errors = torch.stack(keys), torch.stack(errors)
    up = memory.adapters.up[LAYER][0].detach()
    # where the slope of sum |e - U k|² + ridge |U|² is zero
    slope = -(errors - keys @ up.mT).mT @ keys + 0.2 * up
    torch.testing.assert_close(slope, torch.zeros_like(slope), rtol=0, atol=1e-9)
    closed = dual_ridge_solution(keys[None], errors[None], ridge=0.2)
    torch.testing.assert_close(closed.up_EOM[0] @ closed.down_EMK[0], up, rtol=1e-6, atol=1e-9)


def test_it_is_where_gradient_steps_on_all_chunks_end(model, make_window):
    model.denoiser.double()
    memory = FastWeights(model, replace(ONE_WAY, ridge=0.5))
    windows = [make_window(seed=chunk, dtype=torch.float64) for chunk in range(3)]
    for window in windows:
        memory.observe(window, ["turn left"], past_frames=4)
    keys = torch.stack([key_of(model, window, "turn left") for window in windows])
    up = torch.zeros_like(memory.adapters.up[LAYER][0])
    errors = torch.stack(
        [recalled_target(it[:, :, 4:])[0] - guess(model, it, "turn left") for it in windows]
    )
    for _ in range(2_000):
        up += 0.2 * ((errors - keys @ up.mT).mT @ keys - 0.5 * up)
    torch.testing.assert_close(memory.adapters.up[LAYER][0], up, rtol=1e-6, atol=1e-9)


def test_without_the_kept_matrix_a_write_is_the_least_change_for_its_own_chunk(model, make_window):
    model.denoiser.double()
    memory = FastWeights(model, replace(ONE_WAY, ridge=1e-9, keep_optimizer=False))
    memory.observe(make_window(dtype=torch.float64), ["turn left"], past_frames=4)
    before = memory.adapters.up[LAYER][0].clone()
    window = make_window(seed=1, dtype=torch.float64)
    missing = recalled_target(window[:, :, 4:])[0] - guess(model, window, "go back", memory=memory)
    memory.observe(window, ["go back"], past_frames=4)
    change = memory.adapters.up[LAYER][0] - before
    expected = torch.outer(missing, key_of(model, window, "go back"))
    torch.testing.assert_close(change, expected, rtol=1e-6, atol=1e-7)


def test_after_a_write_the_layer_gives_what_was_seen(model, make_window):
    model.denoiser.double()
    memory = FastWeights(model, replace(ONE_WAY, ridge=1e-9))
    window = make_window(dtype=torch.float64)
    (record,) = memory.observe(window, ["turn left"], past_frames=4)
    wanted = recalled_target(window[:, :, 4:])[0]
    found = guess(model, window, "turn left", memory=memory)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    before = wanted - guess(model, window, "turn left")
    assert record.loss_before == pytest.approx(float(before.square().mean()), rel=1e-6)
    assert record.loss_after < 1e-6
    assert record.norm == pytest.approx(float(memory.adapters.up[LAYER].norm().detach()), rel=1e-6)


def test_after_a_write_the_layer_gives_the_way_back_for_the_inverse_action(model, make_window):
    model.denoiser.double()
    inverts_something(model)
    window = make_window(dtype=torch.float64)
    for both_ways in (True, False):
        memory = FastWeights(model, replace(CONFIG, ridge=1e-9, both_ways=both_ways))
        memory.observe(window, ["turn left"], past_frames=4)
        keys, _ = entries(model, window, "turn left")
        wanted = recalled_target(window[:, :, [6, 5, 4, 3]])[0]
        found = given(model, keys[1], memory=memory)
        assert torch.allclose(found, wanted, rtol=1e-4, atol=1e-4) == both_ways


def test_a_write_acts_on_what_is_generated_and_the_slow_weights_stay(model, make_window):
    before = {name: tensor.clone() for name, tensor in model.denoiser.state_dict().items()}
    window = make_window()
    memory = FastWeights(model, CONFIG)
    text = model.text_encoder.encode(["turn left"])
    noisy = torch.cat([window[:, :, :4], make_window(seed=1)[:, :, 4:]], dim=2)
    level = torch.tensor([[0, 0, 0, 0, 900, 900, 900, 900]])
    with torch.no_grad():
        slow = model.denoiser(noisy, level, text)
        assert torch.equal(read(memory, window[:, :, :4], text)(noisy, level), slow)
        memory.observe(window, ["turn left"], past_frames=4)
        assert not torch.equal(read(memory, window[:, :, :4], text)(noisy, level), slow)
        assert torch.equal(model.denoiser(noisy, level, text), slow)
    state = model.denoiser.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in before.items())


@pytest.mark.parametrize("change", [{"learning_rate": 0.0}, {"updates_per_chunk": 0}])
def test_a_memory_that_may_not_learn_equals_no_memory(model, make_window, change):
    memory = FastWeights(model, replace(CONFIG, **change))
    (record,) = memory.observe(make_window(), ["turn left"], past_frames=4)
    assert not memory.adapters.up[LAYER].any()
    assert record.loss_after == record.loss_before
    assert record.written == ("updates_per_chunk" not in change)


def test_a_batch_of_episodes_equals_one_by_one(model, make_window):
    model.denoiser.double()
    config = replace(CONFIG, max_norm=3.0, anchor=0.1, learning_rate=0.7)
    together = FastWeights(model, config, seeds=(5, 6, 7))
    alone = [FastWeights(model, config, seeds=(seed,)) for seed in (5, 6, 7)]
    for chunk in range(2):
        windows = make_window(3, seed=chunk, dtype=torch.float64)
        together.observe(windows, ACTIONS, past_frames=4)
        for index, memory in enumerate(alone):
            memory.observe(windows[index : index + 1], [ACTIONS[index]], past_frames=4)
    for index, memory in enumerate(alone):
        one, beside = memory.adapters.up[LAYER][0], together.adapters.up[LAYER][index]
        torch.testing.assert_close(one, beside, rtol=1e-6, atol=1e-9)


def test_the_gate_keeps_what_is_known_out(model, make_window):
    memory = FastWeights(model, replace(CONFIG, ridge=1e-6, gate=0.05))
    new, known = (
        memory.observe(make_window(), ["turn left"], past_frames=4)[0].written for _ in range(2)
    )
    assert new
    assert not known


def test_such_a_memory_is_a_file_like_any_other(model, make_window, tmp_path):
    memory = FastWeights(model, CONFIG, seeds=(7,))
    memory.observe(make_window(), ["go back"], past_frames=4)
    save_memory(memory_of(memory), tmp_path / "memory")
    again = open_memories(model, [load_memory(tmp_path / "memory")], seeds=(7,))
    for one in (memory, again):
        one.observe(make_window(seed=1), ["turn left"], past_frames=4)
    assert torch.equal(memory.adapters.up[LAYER], again.adapters.up[LAYER])


def test_two_such_memories_are_merged_and_run_on(model, make_window):
    memories = [FastWeights(model, CONFIG, seeds=(seed,)) for seed in (1, 2)]
    for memory in memories:
        memory.observe(make_window(seed=memory.seeds[0]), ["go back"], past_frames=4)
    first, second = (memory_of(memory) for memory in memories)
    both = merge(first, second, share=0.25)
    expected = 0.25 * first.delta(LAYER) + 0.75 * second.delta(LAYER)
    torch.testing.assert_close(both.delta(LAYER), expected)
    again = open_memories(model, [both], seeds=(7,))
    again.observe(make_window(seed=3), ["turn left"], past_frames=4)
    assert len(again.records[0]) == 3


def test_a_dream_with_such_a_memory_goes_on_bit_for_bit(model, random_frames, tmp_path):
    dream = Dream(model, random_frames(0), memory=FastWeights(model, CONFIG, seeds=(3,)), seed=3)
    dream.step("turn left")
    dream.observe(random_frames(1, 4), "turn left")
    dream.save(tmp_path / "dream")
    again = Dream.load(tmp_path / "dream", model)
    assert (dream.step("go forward") == again.step("go forward")).all()


def test_the_default_is_the_recall_layer_where_there_is_one(model, make_model):
    assert default(model) == CONFIG
    assert default(make_model(denoiser="unet3d")) == gradient()
    assert next(iter(PRESETS)) == "default"


def test_mistakes_are_named(model, make_model):
    with pytest.raises(ConfigError, match="alone, the targets name"):
        FastWeights(model, replace(CONFIG, targets=("recall.layer", "recall.to_key.1"), rank=16))
    with pytest.raises(ConfigError, match="rank must be 16"):
        FastWeights(model, replace(CONFIG, rank=8))
    with pytest.raises(ConfigError, match="no linear layer"):
        FastWeights(make_model(denoiser="unet3d"), CONFIG)
    with pytest.raises(ConfigError, match="ridge"):
        RidgeConfig(ridge=0.0)
    with pytest.raises(ConfigError, match="generated_weight is a share"):
        RidgeConfig(generated_weight=1.5)


def test_a_chunk_of_another_length_is_refused(model, make_window):
    memory = FastWeights(model, CONFIG)
    with pytest.raises(ShapeError, match="chunks of 4 frames, got 3"):
        memory.observe(make_window(), ["turn left"], past_frames=5)
    assert not memory.adapters.up[LAYER].any()


def test_what_was_generated_counts_as_far_as_it_was_not_recalled(model, make_window):
    model.denoiser.double()
    seen, again = make_window(dtype=torch.float64), make_window(seed=1, dtype=torch.float64)
    again[:, :, :4] = seen[:, :, :4]  # the same key, another outcome
    key = key_of(model, seen, "turn left")
    for generated_weight in (1.0, 0.4):
        memory = FastWeights(model, replace(ONE_WAY, ridge=0.5, generated_weight=generated_weight))
        memory.observe(seen, ["turn left"], past_frames=4)
        both, slow = (
            float(guess(model, seen, "turn left", memory=it)[-1]) for it in (memory, None)
        )
        memory.observe(again, ["turn left"], past_frames=4, generated=True)
        familiar = (both - slow) / (1 - slow)
        weights = torch.tensor([1.0, 1 - (1 - generated_weight) * familiar], dtype=torch.float64)
        targets = torch.stack([recalled_target(it[:, :, 4:])[0] for it in (seen, again)])
        errors = targets - given(model, key)
        expected = torch.outer(weights @ errors, key) / (weights.sum() + 0.5)
        torch.testing.assert_close(memory.adapters.up[LAYER][0], expected, rtol=1e-6, atol=1e-9)


def test_a_fully_familiar_dream_leaves_the_memory_alone(model, random_frames):
    memory = FastWeights(model, replace(ONE_WAY, ridge=1e-6), seeds=(3,))
    dream = Dream(model, random_frames(0), memory=memory, seed=3)
    dream.observe(random_frames(1, 4), "turn left")
    before = memory.adapters.up[LAYER].clone()
    dream.past = model.encode(random_frames(0)[None, None])
    dream.step("turn left")  # the first view again, the first action again
    change = float((memory.adapters.up[LAYER] - before).detach().norm())
    assert change < 1e-3 * float(before.detach().norm())


def test_what_was_written_is_familiar(model, make_window):
    memory = FastWeights(model, default(model), seeds=(1, 2))
    window = make_window(2)
    past, text = window[:, :, :4], model.text_encoder.encode(["turn left"] * 2)
    assert read(memory, past, text).familiarity_B.max() < 0.5
    memory.observe(window, ["turn left"] * 2, past_frames=4)
    assert read(memory, past, text).familiarity_B.min() > 0.8
    other = FastWeights(model, paper(), seeds=(1, 2))
    assert not read(other, past, text).familiarity_B.any()


def test_the_anchor_forgets_and_makes_room(model, make_window):
    free, anchored = (FastWeights(model, replace(CONFIG, anchor=share)) for share in (0.0, 0.25))
    for memory in (free, anchored):
        memory.observe(make_window(), ["turn left"], past_frames=4)
    torch.testing.assert_close(anchored.adapters.up[LAYER], 0.75 * free.adapters.up[LAYER])
    fresh = torch.eye(16) / CONFIG.ridge
    expected = free.writer.inverse_EKK.lerp(fresh, 0.25)
    torch.testing.assert_close(anchored.writer.inverse_EKK, expected)


def test_what_is_forgotten_may_be_written_over(model, make_window):
    memory = FastWeights(model, CONFIG)
    memory.observe(make_window(), ["turn left"], past_frames=4)
    file = memory_of(memory)
    fresh = torch.eye(CONFIG.rank) / CONFIG.ridge
    assert torch.equal(forget(file, share=0.0).writer["inverse"], file.writer["inverse"])
    assert torch.allclose(forget(file, share=1.0).writer["inverse"], fresh)
