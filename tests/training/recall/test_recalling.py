from dataclasses import replace

import pytest
import torch

from twospeed.core.errors import ConfigError
from twospeed.data.recording import RecordingConfig
from twospeed.memory.fast_weights import FastWeights
from twospeed.training.data.latents import fill_cache
from twospeed.training.data.sources import WorldSource
from twospeed.training.data.windows import LatentWindows, stacked
from twospeed.training.loop import run_loop
from twospeed.training.loop_config import LoopConfig
from twospeed.training.recall.config import RecallingConfig
from twospeed.training.recall.learning import Recalling
from twospeed.training.recall.memory_rollout import repeat_last_frame
from twospeed.training.recall.self_forcing import self_forced_past
from twospeed.training.stages.slow import SlowLearningConfig
from twospeed.worldmodel.recall import LAYER, recalled_target
from twospeed.worldmodel.sampler import sample_ddim
from twospeed.worlds.language import MOVES, OPPOSITE

RECORDING = RecordingConfig(
    world="rooms", episodes=8, chunks=5, frame_size=16, episodes_per_shard=4, policy="revisit"
)
CONFIG = RecallingConfig(
    episodes=2,
    first_steps=1,
    first_episodes=2,
    loop=LoopConfig(
        steps=6, learning_rate=1e-3, warmup_steps=1, ema_decay=0.9, checkpoint_minutes=0.0
    ),
)


@pytest.fixture
def cache(model, tmp_path):
    return fill_cache(WorldSource(config=RECORDING), model.autoencoder, tmp_path / "latents")


def recalling_of(model, cache, config=CONFIG):
    windows = LatentWindows(cache, {text: (text,) for text in MOVES})
    return Recalling(model, windows, SlowLearningConfig(batch_size=2), config)


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_memory_that_is_learned_through_is_the_one_that_will_be_written(model, cache):
    model.denoiser.double()
    learning = recalling_of(model, cache, replace(CONFIG, repeated_frame_share=0.0))
    chunks = learning.drawing.chunks(draws(), 2)
    memories, _, _ = learning._write(chunks, draws())
    memory = FastWeights(model, learning.memory, seeds=(1, 2))
    episodes = learning.windows.draw_episodes(draws(), 2)
    for chunk in range(chunks.written):
        window, actions, past = stacked([(episode, chunk) for episode in episodes])
        memory.observe(window.double(), actions, past_frames=past)
    up = memories.up_EOM @ memories.down_EMK
    assert up.abs().max() > 0
    torch.testing.assert_close(memory.adapters.up[LAYER], up, rtol=1e-6, atol=1e-9)


def test_the_gradient_through_the_writes_is_that_of_finite_differences(model, cache):
    model.denoiser.double()
    learning = recalling_of(model, cache, replace(CONFIG, alone_every=0, self_forced_share=0.0))
    recall = model.denoiser.recall
    learning.loss(1, draws()).backward()
    for parameter in (recall.to_key[1].weight, recall.layer.weight, recall.look[0].weight):
        direction = torch.randn(parameter.shape, generator=draws(1), dtype=torch.float64)
        slope = float((parameter.grad * direction).sum())
        ends = []
        for sign in (1, -1):
            with torch.no_grad():
                parameter += sign * 1e-6 * direction
            ends.append(float(learning.loss(1, draws()).detach()))
            with torch.no_grad():
                parameter -= sign * 1e-6 * direction
        assert abs(slope) > 1e-6
        assert slope == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-4)


def taught(model, cache):
    """Return chunks of two episodes, their memories, and places of the fourth and second chunk."""
    learning = recalling_of(model, cache)
    chunks = replace(learning.drawing.chunks(draws(), 2), written=5)
    memories = learning.write_loss.rollout.memory_of(chunks, slice(5))
    return learning, chunks, memories, torch.tensor([3, 5 + 1])


def test_a_self_forced_past_is_generated_each_chunk_from_the_one_before(model, cache):
    learning, chunks, memories, picks = taught(model, cache)
    memories.up_EOM[:, -1] *= 1e3  # everything is familiar
    with learning.adapters.attached(), torch.no_grad():
        learning.adapters.act_as({LAYER: memories.down_EMK}, {LAYER: memories.up_EOM})
        past = self_forced_past(model, chunks, picks, depth=2, steps=2, generator=draws(1))
        generator, expected = draws(1), chunks.past_BCPHW[[1, 6]]
        for places in ([1, 6], [2, 6]):
            noise = torch.randn(expected.shape, generator=generator)
            expected = sample_ddim(
                lambda noisy, level, text=chunks.text_BND[places]: model.denoiser(
                    noisy, level, text
                ),
                noise,
                past_BCTHW=expected,
                schedule=model.schedule,
                levels=[1000, 500, 0],
            )
            expected[1] = chunks.past_BCPHW[6]  # its walk would begin before the second chunk
    torch.testing.assert_close(past, expected)
    assert not torch.equal(past[0], chunks.past_BCPHW[3])


def test_a_repeated_last_frame_is_that_of_an_episode_which_begins_there(model, cache):
    _, chunks, _, _ = taught(model, cache)
    repeated = repeat_last_frame(chunks, 1.0, draws()).past_BCPHW
    assert torch.equal(repeat_last_frame(chunks, 0.0, draws()).past_BCPHW, chunks.past_BCPHW)
    action = model.denoiser.action_of(chunks.text_BND)
    keys = model.denoiser.recall.keys(repeated, action)
    torch.testing.assert_close(
        keys, model.denoiser.recall.keys(chunks.past_BCPHW[:, :, -1:], action)
    )


def test_the_reverse_rollout_goes_by_the_inverse_of_what_was_done(model, cache):
    learning, chunks, memories, _ = taught(model, cache)
    rollout, recall = learning.write_loss.rollout, model.denoiser.recall
    chunks = replace(chunks, written=2)
    texts = [action for one in learning.windows.draw_episodes(draws(), 2) for action in one.actions]
    inverse = model.text_encoder.encode([OPPOSITE[text] for text in texts])
    torch.testing.assert_close(chunks.inverse_BND, inverse)
    squares, share = [], torch.rand(2, generator=draws(2))
    latents = torch.cat([chunks.past_BCPHW[:, :, -1:], chunks.new_BCNHW], dim=2)
    past = chunks.new_BCNHW[[1, 6]]
    for places in ([1, 6], [0, 5]):  # the second chunk of both episodes, then the first
        true = latents[places].flip(2)[:, :, 1:]
        key = recall.keys(past, model.denoiser.action_of(inverse[places]))
        guess = recall.layer(key) + memories.read(key[:, None])[:, 0]
        squares.append((guess - recalled_target(true)).square().mean())
        made = guess[:, :-1].unflatten(1, recall.shape).transpose(1, 2)
        past = true + share[:, None, None, None, None] * (made - true)
    back = rollout.reverse_loss(chunks, memories, draws(2))
    torch.testing.assert_close(back, sum(squares) / 2)


def test_where_no_inverse_of_an_action_is_known_the_learned_one_is_taken(model, cache):
    learning, chunks, _, _ = taught(model, cache)
    text, none = chunks.text_BND, torch.zeros_like(chunks.inverse_BND)
    action = model.denoiser.action_of(text)
    recall = model.denoiser.recall
    torch.testing.assert_close(
        learning.write_loss.rollout._inverse_actions(text, none), recall.inverse_action(action)
    )


def test_where_nothing_is_recalled_the_true_past_stays(model, cache):
    learning, chunks, memories, picks = taught(model, cache)
    with learning.adapters.attached():
        learning.adapters.act_as({LAYER: memories.down_EMK}, {LAYER: 0 * memories.up_EOM})
        model.denoiser.recall.layer.weight.data.zero_()
        past = self_forced_past(model, chunks, picks, depth=3, steps=1, generator=draws(1))
    assert torch.equal(past, chunks.past_BCPHW[picks])


def test_first_steps_move_the_recall_layer_alone(model, cache):
    learning = recalling_of(model, cache)
    learning.loss(0, draws()).backward()
    moved = {name for name, tensor in model.denoiser.named_parameters() if tensor.grad is not None}
    assert all(name.startswith(("recall.", "text_in.")) for name in moved)
    assert "recall.layer.weight" in moved


def test_some_steps_learn_without_any_memory(model, cache):
    learning = recalling_of(model, cache, replace(CONFIG, alone_every=2, first_steps=0))
    learning.loss(2, draws()).backward()
    assert not model.denoiser.recall.look[0].weight.grad.isnan().any()
    assert learning.adapters.up[LAYER].shape[0] == 2
    assert not learning.adapters.up[LAYER].any()  # nothing was written


def test_a_run_that_was_killed_ends_as_if_it_had_not_been(make_model, cache, whole_after_kills):
    def train(out, killing):
        model = make_model()
        loss_of = killing(recalling_of(model, cache).loss)
        return run_loop(model.denoiser, loss_of, CONFIG.loop, out=out).state_dict()

    whole_after_kills(train, 3)


def test_it_teaches_slow_weights_to_use_what_is_written(make_model, tmp_path):
    model = make_model()
    source = WorldSource(config=replace(RECORDING, chunks=10, episodes=32))
    long = fill_cache(source, model.autoencoder, tmp_path / "long")
    many = replace(CONFIG.loop, steps=150, learning_rate=3e-3, checkpoint_minutes=9.0)
    config = replace(CONFIG, episodes=8, first_steps=60, first_episodes=8, least_written=5)
    learning = recalling_of(model, long, config)
    averaged = run_loop(model.denoiser, learning.loss, many, out=tmp_path / "run")
    model.denoiser.load_state_dict(averaged.state_dict())
    on, off = learning.held_out_losses(6)
    assert on < 0.97 * off


def test_mistakes_are_named(model, make_model, cache):
    with pytest.raises(ConfigError, match="record longer ones"):
        recalling_of(model, cache, replace(CONFIG, least_written=5)).loss(1, draws())
    with pytest.raises(ConfigError, match="recall_keys above 0"):
        recalling_of(make_model(denoiser="unet3d"), cache)
    for wrong in (
        {"episodes": 0},
        {"written_share": 1.5},
        {"first_episodes": 0},
        {"self_forced_chunks": 0},
    ):
        with pytest.raises(ConfigError):
            replace(CONFIG, **wrong)
