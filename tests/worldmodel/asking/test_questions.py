"""All that a step asks of the denoiser is one call, and nothing is asked twice."""

from dataclasses import replace

import pytest
import torch

from twospeed.memory.beside import MemoriesBeside
from twospeed.memory.config import RidgeConfig, ViewConfig
from twospeed.memory.fast_weights import FastWeights
from twospeed.worldmodel.asking.questions import Asked, Question
from twospeed.worldmodel.reading import Reading

LEVEL = torch.tensor([[0] * 4 + [700] * 4] * 2)
TEXTS = ["turn left", "go forward"]


def windows(count, seed=0):
    """Return clips of 4 past and 4 new latent frames."""
    return torch.randn(count, 8, 8, 4, 4, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def calls(viewing_model):
    """The clips of every call of the denoiser."""
    counted = []
    count = viewing_model.denoiser.register_forward_pre_hook(
        lambda _, inputs: counted.append(len(inputs[0]))
    )
    yield counted
    count.remove()


@pytest.fixture
def reading(viewing_model):
    text = viewing_model.text_encoder.encode(TEXTS)
    return Reading.of(viewing_model.denoiser, windows(2)[:, :, :4], text)


@torch.no_grad()
def test_what_two_ask_alike_is_asked_once(viewing_model, reading, calls):
    window = windows(2)
    second = Question.of(reading, torch.tensor([False, True]))
    other = Question.of(reading.under(viewing_model.text_encoder.encode(["go back"] * 2)))
    answers = Asked([Question.of(reading), second, other])(window, LEVEL)
    assert calls == [4]
    assert torch.equal(answers[0][1:], answers[1])
    torch.testing.assert_close(answers[0], reading(window, LEVEL))
    torch.testing.assert_close(answers[2], other.reading(window, LEVEL))
    assert not torch.equal(answers[0], answers[2])


def test_without_questions_nothing_is_asked(reading, calls):
    nothing = Question.of(reading, torch.tensor([False, False]))
    window = windows(2)
    answers = Asked([nothing])(window, LEVEL)
    assert calls == []
    assert torch.equal(nothing.placed(answers[0], window), window)


@torch.no_grad()
def test_a_question_that_is_held_keeps_its_clean_latents_at_every_other_step(
    viewing_model, reading, calls
):
    schedule = viewing_model.schedule
    held = replace(Question.of(reading, torch.tensor([True, False])), held_by=schedule)
    asked = Asked([held, Question.of(reading)])
    windows_of = [torch.cat([windows(2)[:, :, :4], windows(2, it)[:, :, 4:]], 2) for it in range(4)]
    cleans = []
    for level, window in zip((800, 600, 400, 200), windows_of, strict=True):
        levels = torch.where(LEVEL > 0, level, 0)
        answer, every = asked(window, levels)
        cleans.append(schedule.split(window[:1], answer, levels[:1])[0][:, :, 4:])
        torch.testing.assert_close(every, reading(window, levels))
    assert calls[::2] == [2, 2, 2, 2]  # those at odd places are of the line above
    torch.testing.assert_close(cleans[0], cleans[1])
    torch.testing.assert_close(cleans[2], cleans[3])
    assert not torch.allclose(cleans[1], cleans[2])


@torch.no_grad()
def test_what_the_denoiser_makes_of_the_past_is_found_once_a_chunk(
    viewing_model, reading, monkeypatch
):
    denoiser, found = viewing_model.denoiser, []
    find = denoiser.past_tokens
    windows_of = [torch.where(LEVEL > 0, level, 0) for level in (900, 400)]
    alone = [reading(windows(2), levels) for levels in windows_of]
    monkeypatch.setattr(
        denoiser, "past_tokens", lambda *asked, **made: found.append(asked) or find(*asked, **made)
    )
    asked = Asked([Question.of(reading), Question.of(reading, torch.tensor([False, True]))])
    for levels, expected in zip(windows_of, alone, strict=True):
        torch.testing.assert_close(asked(windows(2), levels)[0], expected)
    assert len(found) == 1
    noisy = LEVEL.clamp_min(20)  # the past is told of as not quite clean
    (answer,) = Asked([Question.of(reading)])(windows(2), noisy)
    torch.testing.assert_close(answer, reading(windows(2), noisy))
    assert len(found) == 1


@torch.no_grad()
def test_below_its_level_a_question_is_not_asked(reading, calls):
    late = Question.of(reading, from_level=900)
    (answer,) = Asked([late])(windows(2), LEVEL)
    assert calls == []
    assert not answer.any()


@pytest.mark.parametrize(
    ("config", "clips"),
    [
        (ViewConfig(rank=12), [4, 2]),
        (RidgeConfig(rank=16), [3, 2]),
        (ViewConfig(rank=12, known_view=9.0), [2, 1]),
    ],
)
def test_panes_and_guidance_are_one_call_a_step(viewing_model, calls, config, clips):
    memory = FastWeights(viewing_model, config, seeds=(5,))
    memory.observe(windows(1), ["turn left"], past_frames=4)
    viewing_model.settings = replace(
        viewing_model.settings, sampling_steps=2, guidance=1.0, guided_from=600
    )
    past = windows(2, seed=7)[:, :, :4]
    reader = MemoriesBeside([memory, None])
    viewing_model.generate(past, TEXTS, [(5,)] * 2, fast_weights=reader)
    assert calls == clips  # a chunk that is half known is not guided
