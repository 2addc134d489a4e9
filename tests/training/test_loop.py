import json
from dataclasses import replace

import pytest
import torch
from torch import nn

from twospeed.core.errors import ConfigError, DataError
from twospeed.core.random import initial_weights_of
from twospeed.training.loop import run_loop
from twospeed.training.loop_config import LoopConfig, rate_at

CONFIG = LoopConfig(
    steps=60, learning_rate=0.05, warmup_steps=5, ema_decay=0.9, checkpoint_minutes=0.0
)


def small_net():
    with initial_weights_of(0):
        return nn.Sequential(nn.Linear(4, 8), nn.SiLU(), nn.Linear(8, 4))


def train(out, config=CONFIG, *, killing=lambda it: it, minutes=None, scale=1.0):
    net = small_net()

    def loss_of(step, generator):  # noqa: ARG001
        batch = torch.randn(8, 4, generator=generator)
        return scale * (net(batch) - batch.flip(1)).square().mean()

    return run_loop(net, killing(loss_of), config, out=out, minutes=minutes), net


def equal(one, other):
    first, second = one.state_dict(), other.state_dict()
    return all(torch.equal(first[name], second[name]) for name in first)


def test_a_run_that_was_killed_ends_as_if_it_had_not_been(whole_after_kills):
    def train_both(out, killing):
        return nn.ModuleList(train(out, killing=killing)).state_dict()  # averaged, and last

    whole_after_kills(train_both, 7, 31)


def test_the_same_seed_gives_the_same_run_and_another_another(tmp_path):
    first, again = (train(tmp_path / name)[0] for name in ("a", "b"))
    assert equal(first, again)
    assert not equal(first, train(tmp_path / "c", replace(CONFIG, seed=1))[0])


def test_the_loss_falls_and_the_journal_says_so(tmp_path):
    train(tmp_path, replace(CONFIG, steps=300))
    lines = [json.loads(line) for line in (tmp_path / "journal.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [50, 100, 150, 200, 250, 300]
    assert lines[-1]["loss"] < 0.2 * lines[0]["loss"]


def test_the_averaged_weights_are_what_the_formula_says(tmp_path):
    config = replace(CONFIG, steps=3, cooldown=0.0)
    seen = [
        train(tmp_path / str(steps), replace(config, steps=steps))[1].state_dict()
        for steps in (1, 2, 3)
    ]
    average = train(tmp_path / "all", config)[0].state_dict()
    for name, value in average.items():
        by_hand = seen[0][name]
        for count in (1, 2):
            decay = min(0.9, (1 + count) / (10 + count))
            by_hand = by_hand.lerp(seen[count][name], 1 - decay)
        torch.testing.assert_close(value, by_hand)


def test_no_time_takes_no_step_and_a_later_call_goes_on(tmp_path):
    fresh = small_net()
    _, net = train(tmp_path, minutes=0)
    assert equal(net, fresh)
    assert equal(train(tmp_path)[1], train(tmp_path / "whole")[1])


def test_the_rate_goes_up_stays_and_falls_to_zero():
    config = LoopConfig(steps=100, warmup_steps=10, cooldown=0.2)
    rates = [rate_at(step, config) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[10:80] == [1.0] * 70
    assert rates[-1] == pytest.approx(0.05)


def test_a_loss_that_is_not_finite_stops_the_run_before_it_is_saved(tmp_path):
    with pytest.raises(DataError, match="no longer finite"):
        train(tmp_path, replace(CONFIG, checkpoint_minutes=9.0), scale=torch.inf)
    assert not (tmp_path / "checkpoint").exists()


def test_a_checkpoint_of_another_module_or_a_damaged_one_is_one_line(tmp_path):
    train(tmp_path)
    path = tmp_path / "checkpoint" / "module.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-8])
    with pytest.raises(DataError, match="remove it to start anew") as caught:
        train(tmp_path)
    assert "\n" not in str(caught.value)
    path.write_bytes(whole)
    with pytest.raises(DataError, match="cannot resume"):
        run_loop(nn.Linear(2, 2), lambda *_: torch.zeros(()), CONFIG, out=tmp_path)


def test_settings_that_cannot_work_are_refused():
    for wrong in ({"steps": -1}, {"learning_rate": 0.0}, {"cooldown": 2.0}):
        with pytest.raises(ConfigError):
            LoopConfig(**wrong)


def test_no_steps_leave_the_weights_as_they_are(tmp_path):
    averaged, net = train(tmp_path, replace(CONFIG, steps=0))
    assert equal(averaged, net)
    assert equal(net, small_net())


def test_the_rate_falls_with_the_time_that_is_given(tmp_path):
    net = small_net()
    rates = []

    class Watching(torch.optim.AdamW):
        def step(self, *args, **kwargs):
            rates.append(self.param_groups[0]["lr"])
            return super().step(*args, **kwargs)

    config = replace(CONFIG, steps=10**6, warmup_steps=0, cooldown=0.5, checkpoint_minutes=9.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim, "AdamW", Watching)
        run_loop(net, lambda *_: net[0].weight.square().sum(), config, out=tmp_path, minutes=0.02)
    assert rates[0] == config.learning_rate
    assert rates[-1] < 0.3 * config.learning_rate
    assert rates == sorted(rates, reverse=True)
