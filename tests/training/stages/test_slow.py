from dataclasses import replace

import pytest
import torch

from twospeed.core.errors import ConfigError
from twospeed.training.stages.slow import SlowLearningConfig, Windows, slow_loss

CONFIG = SlowLearningConfig(batch_size=4)


class Recorder:
    """A denoiser that keeps what it was asked and answers with noise of its own."""

    def __init__(self):
        self.asked = []

    def __call__(self, noisy, level, text):
        self.asked.append((noisy, level, text))
        return torch.zeros_like(noisy)


def windows_of(past):
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(4, 8, past + 4, 4, 4, generator=generator)
    text = torch.randn(4, 1, 16, generator=generator)
    return Windows(latents_BCTHW=latents, text_BND=text, past_frames=past)


def ask(model, config, past=4, seeds=range(40)):
    denoiser, windows = Recorder(), windows_of(past)
    no_text = torch.zeros(1, 1, 16)
    losses = [
        slow_loss(
            denoiser, windows, no_text, model.schedule, config, torch.Generator().manual_seed(seed)
        )
        for seed in seeds
    ]
    return denoiser.asked, windows, losses


@pytest.mark.parametrize("past", [1, 4])
def test_past_frames_stay_clean_as_in_the_paper(model, past):
    config = replace(CONFIG, joint_share=0.0, past_level=0)
    asked, windows, _ = ask(model, config, past)
    for noisy, level, _ in asked:
        assert torch.equal(noisy[:, :, :past], windows.latents_BCTHW[:, :, :past])
        assert (level[:, :past] == 0).all()
        assert (level[:, past:] > 0).all()
        assert (level[:, past:] == level[:, past : past + 1]).all()


def test_the_loss_is_on_new_frames_only(model):
    config = replace(CONFIG, joint_share=0.0, past_level=0, text_dropout=0.0)
    windows, no_text = windows_of(4), torch.zeros(1, 1, 16)
    draws = [
        slow_loss(
            lambda noisy, level, text, wrong=wrong: torch.cat(  # noqa: ARG005
                [torch.full_like(noisy[:, :, :4], wrong), noisy[:, :, 4:]], dim=2
            ),
            windows,
            no_text,
            model.schedule,
            config,
            torch.Generator().manual_seed(1),
        )
        for wrong in (0.0, 1e6)
    ]
    assert draws[0] == draws[1]


def test_a_share_of_batches_is_the_fast_learners_task(model):
    asked, _, _ = ask(model, replace(CONFIG, joint_share=0.5), seeds=range(200))
    joint = [(level, text) for _, level, text in asked if (level[:, 0] == level[:, -1]).all()]
    assert 70 < len(joint) < 130
    assert all((level > 0).all() and not text.any() for level, text in joint)


def test_an_action_is_hidden_as_often_as_asked(model):
    asked, _, _ = ask(model, replace(CONFIG, joint_share=0.0, text_dropout=0.3), seeds=range(100))
    hidden = torch.cat([(text == 0).all(-1).flatten() for _, _, text in asked])
    assert 0.2 < hidden.float().mean() < 0.4


def test_settings_that_cannot_work_are_refused():
    for wrong in ({"joint_share": 2.0}, {"past_lengths": ()}, {"new_frames": 0}):
        with pytest.raises(ConfigError):
            SlowLearningConfig(**wrong)
