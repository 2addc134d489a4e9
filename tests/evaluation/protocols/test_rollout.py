import copy

import numpy as np
import pytest
import torch

from twospeed.evaluation.protocols.base import ProtocolConfig
from twospeed.evaluation.protocols.coding import (
    before_return,
    encode,
    encode_before,
    generate_after,
    last_chunk,
    past_of,
)
from twospeed.evaluation.protocols.generated_return import run_generated_return
from twospeed.evaluation.protocols.observed_return import run_observed_return
from twospeed.evaluation.protocols.rollout import Job, fresh_memory, generate, observe
from twospeed.evaluation.protocols.walks import draw_walks
from twospeed.generation.dream import Dream
from twospeed.memory.memory_file import memory_of
from twospeed.memory.video import learn_video

ACTIONS = ("turn left", "go forward", "turn left")
SEED = 4


@pytest.fixture(params=[None, 1, 7, 8])
def looking(request, model):
    """The model that looks at so many past frames."""
    return copy.copy(model).configure(past_frames=request.param)


def job(model, walk, **more):
    first = encode(model, walk.frames[:1])
    return Job(seed=SEED, past=first, actions=ACTIONS, first_chunk=0, **more)


@pytest.mark.parametrize("remembers", [True, False])
def test_a_rollout_is_what_a_dream_is(looking, walks, fast, remembers):
    begun = job(looking, walks[0])
    memory = fresh_memory(looking, fast, [begun]) if remembers else None
    dreamt = fresh_memory(looking, fast, [begun]) if remembers else None
    (made,), _ = generate(looking, [begun], memory, writes=True, advance=lambda _: None)
    dream = Dream(looking, walks[0].frames[0], memory=dreamt, seed=SEED)
    for action in ACTIONS:
        dream.step(action)
    assert dream.past.shape[2] == min(13, looking.past_latents)
    torch.testing.assert_close(past_of(looking, made), dream.past[0])


def test_what_is_observed_is_learned_as_a_video_is(looking, walks, fast):
    frames = walks[0].frames[:13]
    begun = job(looking, walks[0], truth=encode(looking, frames)[:, 1:])
    (seen,) = observe(looking, [begun], fast, advance=lambda _: None)
    memory = fresh_memory(looking, fast, [begun])
    list(learn_video(memory, frames, ACTIONS))
    for name, up in memory_of(memory).up.items():
        torch.testing.assert_close(seen.memory.up[name], up)


def test_a_model_is_shown_what_it_looks_at_and_no_frame_before_the_first(looking, walks):
    frames = walks[0].frames
    for end in (5, 9):
        seen = encode_before(looking, frames, end)
        past = min(end, looking.past_latents)
        assert seen.shape[1] == max(past, 4)
        latents = encode(looking, frames[:end])
        torch.testing.assert_close(past_of(looking, seen), latents[:, -past:])
        torch.testing.assert_close(last_chunk(looking, seen), latents[:, -4:])


def test_a_replay_is_shown_nothing_from_before_it_began_anew(looking):
    (walk,) = draw_walks("replay", [11], size=looking.settings.frame_size)
    first = walk.route.first_generated
    latents = encode(looking, walk.frames[first - 4 : first])
    torch.testing.assert_close(before_return(looking, walk), latents)


def test_pasts_of_any_lengths_are_gone_on_from_each_as_alone(model, walks):
    latents = encode(model, walks[0].frames[:9])
    pasts = [latents, latents[:, -3:], latents]
    asked = ["turn left", "go back", "go forward"], [(seed,) for seed in range(3)]
    together = generate_after(model, pasts, *asked)
    for past, action, seed, new in zip(pasts, *asked, together, strict=True):
        torch.testing.assert_close(generate_after(model, [past], [action], [seed])[0], new)


@pytest.mark.parametrize("run", [run_observed_return, run_generated_return])
def test_ways_shorter_than_what_is_looked_at_run_beside_longer_ones(run, model, walks, fast):
    far = copy.copy(model).configure(past_frames=20)
    assert len({min(walk.num_shown, 20) for walk in walks}) == 2
    together, alone = (
        list(run(far, walks, ProtocolConfig(memory=fast, batch_size=size), advance=lambda _: None))
        for size in (2, 1)
    )
    for one, other in zip(together, alone, strict=True):
        assert values_of(one) == pytest.approx(values_of(other), abs=1e-3)


def values_of(outcome):
    if hasattr(outcome, "frames"):
        return [float(it.astype(np.float64).mean()) for it in outcome.frames.values()]
    return [float(np.mean(it)) for it in outcome.values["psnr_db"].values()]
