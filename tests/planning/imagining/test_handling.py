from itertools import combinations

import torch

from twospeed.memory.config import RidgeConfig
from twospeed.planning.imagining.handling import memory_of_handling, numeral
from twospeed.planning.imagining.remembering import RememberingPlanner
from twospeed.planning.imagining.replay import Seen
from twospeed.worldmodel.recall import time_reversed


def test_numerals_differ_from_each_other():
    commands = tuple(f"command {number}" for number in range(14))
    words = [numeral(number, commands) for number in range(60)]
    assert all(one != other for one, other in combinations(words, 2))


def test_chunks_of_the_way_back_are_recalled_by_their_numbers(model):
    shape = model.settings.chunk_frames, *model.denoiser.recall.shape[1:]
    latents = torch.randn(1, shape[1], 1 + 3 * shape[0], *shape[2:])
    seen = Seen(
        latents_1CTHW=latents, actions=("turn left", "go back", "go forward"), frames=shape[0]
    )
    config = RidgeConfig(
        rank=model.denoiser.recall.layer.in_features, ridge=1e-7, retrieval_range=(0.85, 0.97)
    )
    commands = ("turn left", "turn right", "go forward", "go back")
    memory = memory_of_handling(model, config, seen, commands=commands, seed=0)
    planner = RememberingPlanner(model, memory)
    past = latents[:, :, -1:].expand(-1, -1, shape[0], -1, -1)
    for number, index in enumerate((2, 1, 0)):
        _, back = time_reversed(seen.before(index), seen.chunk(index))
        found = planner.imagine(numeral(number, commands), past, 0).latents
        assert torch.allclose(found, back, atol=0.05)
