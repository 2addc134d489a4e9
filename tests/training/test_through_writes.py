from dataclasses import replace

import pytest
import torch

from twospeed.core.config import from_json
from twospeed.core.errors import ConfigError
from twospeed.data.recording import RecordingConfig
from twospeed.memory.config import FastLearningConfig
from twospeed.memory.temp_lora import TempLora
from twospeed.training.latents import LatentWindows, fill_cache
from twospeed.training.loop import LoopConfig, run_loop
from twospeed.training.slow import SlowLearningConfig, slow_loss
from twospeed.training.sources import WorldSource
from twospeed.training.through_writes import ThroughWrites, ThroughWritesConfig, plain_writes
from twospeed.worlds.language import MOVES

RECORDING = RecordingConfig(
    world="rooms", episodes=8, chunks=5, frame_size=16, episodes_per_shard=4, policy="revisit"
)
CONFIG = ThroughWritesConfig(
    written=2,
    later=1,
    least_seen=3,
    memory=replace(plain_writes(), rank=4, learning_rate=3.0),
    loop=LoopConfig(
        steps=6, learning_rate=1e-3, warmup_steps=1, ema_decay=0.9, checkpoint_minutes=0.0
    ),
)


@pytest.fixture
def cache(model, tmp_path):
    return fill_cache(WorldSource(config=RECORDING), model.autoencoder, tmp_path / "latents")


def writes_of(model, cache, config=CONFIG):
    windows = LatentWindows(cache, {text: (text,) for text in MOVES})
    return ThroughWrites(model, windows, SlowLearningConfig(), config)


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_gradient_through_the_write_is_that_of_finite_differences(model, cache):
    model.denoiser.double()
    learning = writes_of(model, cache, replace(CONFIG, written_share=0.0))
    learner = learning.learner
    learning.loss(0, draws()).backward()
    for parameter in (learner.down[0], learner.log_rate, learner.denoiser.blocks[0].up.weight):
        direction = torch.randn(parameter.shape, generator=draws(1), dtype=torch.float64)
        slope = float((parameter.grad * direction).sum())
        ends = []
        for sign in (1, -1):
            with torch.no_grad():
                parameter += sign * 1e-5 * direction
            ends.append(float(learning.loss(0, draws()).detach()))
            with torch.no_grad():
                parameter -= sign * 1e-5 * direction
        assert slope == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-4, abs=1e-9)
    assert learner.down[0].grad.abs().max() > 0


def test_the_memory_that_is_learned_through_is_the_one_that_will_be_written(model, cache):
    model.denoiser.double()
    learning = writes_of(model, cache, replace(CONFIG, episodes=1, written=1))
    with torch.no_grad():
        learning.learner.log_rate += 0.02
    written, _ = learning._draw(draws(3), held_out=False)
    no_text = model.text_encoder.encode([""]).double()
    _, ups = learning._write(written, no_text, draws(4), differentiable=False)
    model.fast_start = learning.fast_start()
    seed = int(torch.randint(2**31, (1,), generator=draws(4)))
    memory = TempLora(model, from_json(FastLearningConfig, model.fast_start.config), seeds=(seed,))
    (said,) = (
        text
        for text in MOVES
        if torch.equal(model.text_encoder.encode([text])[0].double(), written.text_BND[0])
    )
    memory.observe(written.latents_BCTHW, [said], past_frames=written.past_frames)
    for name, up in memory.adapters.up.items():
        assert up.abs().max() > 0
        torch.testing.assert_close(up, ups[name], rtol=1e-6, atol=1e-12)


def test_a_rate_of_zero_is_no_memory(model, cache):
    still = replace(CONFIG, memory=replace(CONFIG.memory, learning_rate=0.0))
    on, off = writes_of(model, cache, still).held_out_losses(2)
    assert on == pytest.approx(off, rel=1e-6)
    on, off = writes_of(model, cache).held_out_losses(2)
    assert on != pytest.approx(off, rel=1e-6)


def test_a_later_loss_is_the_slow_loss_when_nothing_is_written(model, cache):
    still = replace(CONFIG, memory=replace(CONFIG.memory, learning_rate=0.0), written_share=0.0)
    learning = writes_of(model, cache, still)
    loss = float(learning.loss(0, draws()).detach())
    generator = draws()
    _, later = learning._draw(generator, held_out=False)
    torch.randint(2**31, (still.episodes,), generator=generator)
    no_text = model.text_encoder.encode([""])
    expected = slow_loss(model.denoiser, later, no_text, model.schedule, learning.slow, generator)
    assert loss == pytest.approx(float(expected.detach()), rel=1e-5)


def test_a_run_that_was_killed_ends_as_if_it_had_not_been(make_model, cache, tmp_path):
    def run(out, killed_at=None):
        learning = writes_of(make_model(), cache)

        def loss_of(step, generator):
            if step == killed_at:
                raise KeyboardInterrupt
            return learning.loss(step, generator)

        return run_loop(learning.learner, loss_of, CONFIG.loop, out=out).state_dict()

    whole = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "parts", killed_at=3)
    parts = run(tmp_path / "parts")
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    assert any(name.startswith("down") for name in whole)


def test_it_teaches_slow_weights_to_use_what_is_written(make_model, tmp_path):
    model = make_model()
    source = WorldSource(config=replace(RECORDING, chunks=10))
    long = fill_cache(source, model.autoencoder, tmp_path / "long")
    many = replace(CONFIG.loop, steps=120, learning_rate=3e-3, checkpoint_minutes=9.0)
    gentle = replace(CONFIG.memory, learning_rate=0.3)
    learning = writes_of(
        model, long, replace(CONFIG, written=4, later=2, least_seen=5, memory=gentle)
    )
    on, off = learning.held_out_losses(6)
    before = off - on
    averaged = run_loop(learning.learner, learning.loss, many, out=tmp_path / "run")
    learning.learner.load_state_dict(averaged.state_dict())
    on, off = learning.held_out_losses(6)
    assert off - on > max(20 * before, 0.005 * off)


def test_mistakes_are_named(model, cache):
    with pytest.raises(ConfigError, match="record longer ones"):
        writes_of(model, cache, replace(CONFIG, least_seen=5)).loss(0, draws())
    with pytest.raises(ConfigError, match="optimizer=gradient"):
        replace(CONFIG, memory=FastLearningConfig())
    with pytest.raises(ConfigError, match="1 or more"):
        replace(CONFIG, later=0)
    with pytest.raises(ConfigError, match="least_seen"):
        replace(CONFIG, least_seen=1)
