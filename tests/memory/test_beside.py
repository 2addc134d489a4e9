import pytest
import torch

from twospeed.core.errors import ShapeError
from twospeed.memory.beside import MemoriesBeside
from twospeed.memory.config import GradientConfig, RidgeConfig
from twospeed.memory.fast_weights import FastWeights

RIDGE = RidgeConfig(rank=16, retrieval_range=(0.85, 0.97))
GRADIENT = GradientConfig(rank=2, learning_rate=1e-2, updates_per_chunk=2)
TEXTS = ["turn left", "go back", "turn left"]
SEEDS = [(0, 1), (0, 2), (0, 3)]


def written(model, config, make_window, seed):
    memory = FastWeights(model, config, seeds=(seed,))
    memory.observe(make_window(seed=seed), ["turn left"], past_frames=4)
    return memory


@pytest.mark.parametrize("config", [RIDGE, GRADIENT, RidgeConfig(rank=16, contrast=0.5)])
def test_a_batch_with_memories_and_without_is_each_clip_alone(model, make_window, config):
    memories = [
        written(model, config, make_window, 5),
        None,
        written(model, config, make_window, 6),
    ]
    past = make_window(3, seed=5)[:, :, :4]  # the first clip's chunk was written
    reader = MemoriesBeside(memories)
    together = model.generate(past, TEXTS, SEEDS, fast_weights=reader)
    for row, memory in enumerate(memories):
        alone = model.generate(past[row : row + 1], [TEXTS[row]], [SEEDS[row]], fast_weights=memory)
        torch.testing.assert_close(together[row : row + 1], alone, rtol=1e-4, atol=1e-4)
    assert len(reader.familiarity) == 3
    assert reader.familiarity[1] == 0
    if isinstance(config, RidgeConfig):
        assert reader.familiarity[0] > 0.97


def test_what_is_recalled_wholly_is_not_asked_about(model, make_window):
    memory = written(model, RIDGE, make_window, 5)
    past, calls = make_window(2, seed=5)[:, :, :4], []
    past[1] = past[0]
    hook = model.denoiser.register_forward_pre_hook(lambda _, inputs: calls.append(len(inputs[0])))
    model.generate(past, ["turn left"] * 2, SEEDS[:2], fast_weights=MemoriesBeside([memory, None]))
    hook.remove()
    assert set(calls) == {1}  # the clip without memory


def test_other_numbers_of_clips_or_episodes_are_named(model, make_window):
    past = make_window(2)[:, :, :4]
    with pytest.raises(ShapeError, match="3 memories are of as many clips, got 2"):
        model.generate(past, TEXTS[:2], SEEDS[:2], fast_weights=MemoriesBeside([None] * 3))
    with pytest.raises(ShapeError, match="memory of one episode, got 2"):
        MemoriesBeside([FastWeights(model, seeds=(1, 2))])
