import copy
from dataclasses import replace

import pytest
import torch

from twospeed.core.errors import ConfigError
from twospeed.data.recording import RecordingConfig
from twospeed.memory.config import GradientConfig
from twospeed.training.data.latents import fill_cache
from twospeed.training.data.sources import WorldSource
from twospeed.training.data.windows import LatentWindows, stacked, windows_to
from twospeed.training.loop import run_loop
from twospeed.training.loop_config import LoopConfig
from twospeed.training.stages.slow import SlowLearningConfig, slow_loss
from twospeed.training.stages.slow_fast import SlowFastConfig, SlowFastLoop
from twospeed.worlds.language import MOVES

RECORDING = RecordingConfig(
    world="rooms", episodes=8, chunks=5, frame_size=16, episodes_per_shard=4
)
WRITES = GradientConfig(
    targets=("up", "down"), objective="next", learning_rate=3e-2, updates_per_chunk=3
)
CONFIG = SlowFastConfig(
    episodes=2,
    least_written=2,
    steps_per_round=3,
    without_memory=0.0,
    memory=WRITES,
    loop=LoopConfig(
        steps=9, learning_rate=1e-3, warmup_steps=1, ema_decay=0.9, checkpoint_minutes=0.0
    ),
)


@pytest.fixture
def cache(model, tmp_path):
    return fill_cache(WorldSource(config=RECORDING), model.autoencoder, tmp_path / "latents")


def loop_of(model, cache, config=CONFIG):
    windows = LatentWindows(cache, {text: (text,) for text in MOVES})
    return SlowFastLoop(model, windows, SlowLearningConfig(), config)


def state_of(model):
    return {name: tensor.clone() for name, tensor in model.denoiser.state_dict().items()}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def merged(denoiser, adapters, episode):
    """Return the denoiser with W + up @ down in the place of W: the definition."""
    copied = copy.deepcopy(denoiser)
    with torch.no_grad():
        for name, up in adapters.up.items():
            layer = copied.get_submodule(name)
            layer.weight += (up[episode] @ adapters.down[name][episode]).to(layer.weight)
    return copied


def test_a_step_is_the_slow_loss_with_every_episodes_own_merged_weights(model, cache):
    model.denoiser.double()
    loop = loop_of(model, cache, replace(CONFIG, windows_per_episode=1))
    loss = loop.loss(0, generator())
    loss.backward()
    adapters = loop._round.beside.memory.adapters
    assert all(float(norm) > 0.1 for norm in adapters.norm_E())
    copies = [merged(model.denoiser, adapters, episode) for episode in range(2)]

    def each_with_its_own(noisy, level, text):
        parts = [copies[e](noisy[e : e + 1], level[e : e + 1], text[e : e + 1]) for e in range(2)]
        return torch.cat(parts)

    draws = generator()
    torch.rand((), generator=draws)  # decides whether a step sees no memory
    no_text = model.text_encoder.encode([""]).double()
    batch = windows_to(loop._round.beside.draw(1, draws), no_text)
    expected = slow_loss(each_with_its_own, batch, no_text, model.schedule, loop.slow, draws)
    expected.backward()
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-9)
    for name, parameter in model.denoiser.named_parameters():
        grads = [one.get_parameter(name).grad for one in copies]
        if parameter.grad is None:  # only a write asks for it
            assert grads == [None, None]
            continue
        wanted = sum(grads)
        torch.testing.assert_close(parameter.grad, wanted, rtol=1e-6, atol=1e-10)


def test_writing_moves_no_slow_weight_and_the_memory_stays_as_it_was_written(model, cache):
    loop = loop_of(model, cache)
    before = state_of(model)
    states = []
    for step in range(3):  # one round: the first step writes
        loop.loss(step, generator(step)).backward()
        up = loop._round.beside.memory.adapters.up.values()
        states.append(torch.cat([tensor.flatten() for tensor in up]))
    assert states[0].any()
    assert torch.equal(states[0], states[1])
    assert torch.equal(states[1], states[2])
    assert all(torch.equal(tensor, before[name]) for name, tensor in state_of(model).items())
    assert loop._round.index == 0
    loop.loss(3, generator(3))
    assert loop._round.index == 1


def test_a_memory_that_learns_nothing_changes_no_loss(model, cache):
    loop = loop_of(model, cache, replace(CONFIG, memory=replace(WRITES, learning_rate=0.0)))
    on, off = loop.held_out_losses(2)
    assert on == off
    on, off = loop_of(model, cache).held_out_losses(2)
    assert on != off


def test_a_run_that_was_killed_ends_as_if_it_had_not_been(make_model, cache, whole_after_kills):
    def train(out, killing):
        model = make_model()
        loss_of = killing(loop_of(model, cache).loss)
        run = run_loop(model.denoiser, loss_of, CONFIG.loop, out=out, round_steps=3)
        return run.state_dict()

    whole_after_kills(train, 4, 6)  # inside a round, and between two


def test_the_loop_teaches_slow_weights_to_use_memories(make_model, cache, tmp_path):
    model = make_model()
    loop = loop_of(model, cache)
    before, _ = loop.held_out_losses(4)
    many = replace(CONFIG.loop, steps=60, learning_rate=3e-3, checkpoint_minutes=9.0)
    model.denoiser = run_loop(model.denoiser, loop.loss, many, out=tmp_path, round_steps=3)
    after, _ = loop.held_out_losses(4)
    assert after < 0.8 * before


def test_a_window_is_the_chunk_before_and_the_chunk(cache):
    episode = LatentWindows(cache, {text: (text,) for text in MOVES}).train[0]
    latents, actions, past = stacked([(episode, 0), (episode, 2)])
    assert (latents.shape, past) == ((2, 8, 5, 4, 4), 1)
    latents, actions, past = stacked([(episode, 3)])
    assert (latents.shape[2], past, actions) == (8, 4, [episode.actions[3]])
    expected = torch.from_numpy(episode.latents_TCHW[9:17].astype("float32")).transpose(0, 1)
    assert torch.equal(latents[0], expected)


def test_mistakes_are_named(model, cache):
    with pytest.raises(ConfigError, match="record longer ones"):
        loop_of(model, cache, replace(CONFIG, least_written=5)).loss(0, generator())
    with pytest.raises(ConfigError, match="share from 0 to 1"):
        replace(CONFIG, without_memory=2.0)
    with pytest.raises(ConfigError, match="1 or more"):
        replace(CONFIG, steps_per_round=0)
