import pytest
import torch

from twospeed.memory.config import GradientConfig, RidgeConfig
from twospeed.memory.fast_weights import FastWeights
from twospeed.planning.search.costs import novelty_of

COMMANDS = ["go forward", "turn left"]


def latents(model, seed, frames=4):
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(0, 256, (1, frames, 16, 16, 3), generator=generator, dtype=torch.uint8)
    return model.encode(drawn.numpy())


def test_what_was_written_is_less_new(model):
    memory = FastWeights(model, RidgeConfig(rank=16), seeds=(0,))
    past, new = latents(model, 0), latents(model, 1)
    before = novelty_of(model, memory, past.expand(2, -1, -1, -1, -1), COMMANDS)
    assert before == pytest.approx(torch.ones(2), abs=1e-5)
    memory.observe(torch.cat([past, new], 2), ["turn left"], past_frames=4)
    after = novelty_of(model, memory, past.expand(2, -1, -1, -1, -1), COMMANDS)
    assert float(after[1]) < 0.1
    assert (after <= before + 1e-6).all()


def test_other_memories_say_how_unfamiliar_it_is(model):
    memory = FastWeights(model, GradientConfig(rank=2), seeds=(0,))
    past = latents(model, 0).expand(2, -1, -1, -1, -1)
    assert novelty_of(model, memory, past, COMMANDS).tolist() == [1.0, 1.0]
