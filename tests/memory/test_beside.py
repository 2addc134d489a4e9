import os
import threading

import pytest
import torch

from twospeed.core.errors import ShapeError
from twospeed.memory.beside import MemoriesBeside
from twospeed.memory.config import GradientConfig, RidgeConfig, ViewConfig
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


@pytest.fixture
def asking_threads(viewing_model):
    """The clips that each thread asked the denoiser about at a time, by its name."""
    asked = {}
    viewing_model.denoiser.register_forward_pre_hook(
        lambda _, inputs: asked.setdefault(threading.current_thread().name, set()).add(
            len(inputs[0])
        )
    )
    return asked


@pytest.mark.parametrize("cores", [1, 64])
@pytest.mark.parametrize("config", [ViewConfig(rank=12), RIDGE, GRADIENT])
def test_clips_without_memory_have_a_thread_of_their_own_where_cores_are_free(
    viewing_model, make_window, monkeypatch, asking_threads, cores, config
):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(cores), raising=False)
    memories = [None, written(viewing_model, config, make_window, 5), None]
    past, alone = make_window(3, seed=6)[:, :, :4], []
    for row, memory in enumerate(memories):
        clip = past[row : row + 1], [TEXTS[row]], [SEEDS[row]]
        alone.append(viewing_model.generate(*clip, fast_weights=memory))
    asking_threads.clear()
    reader = MemoriesBeside(memories)
    together = reader.generate(viewing_model, past, TEXTS, SEEDS)
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-4, atol=1e-4)
    assert reader.familiarity[::2] == (0, 0)
    is_apart = cores == 64 and isinstance(config, ViewConfig)  # others act on the denoiser itself
    assert len(asking_threads) == 1 + is_apart
    if is_apart:
        assert asking_threads == {threading.current_thread().name: {1}, "plain_0": {2}}


def test_what_fails_in_one_thread_fails(viewing_model, make_window, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(64), raising=False)
    memory = written(viewing_model, ViewConfig(rank=12), make_window, 5)

    def fail(*_):
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("no memory left")

    viewing_model.denoiser.register_forward_pre_hook(fail)
    past = make_window(2)[:, :, :4]
    with pytest.raises(RuntimeError, match="no memory left"):
        MemoriesBeside([memory, None]).generate(viewing_model, past, TEXTS[:2], SEEDS[:2])


def test_other_numbers_of_clips_or_episodes_are_named(model, make_window):
    past = make_window(2)[:, :, :4]
    with pytest.raises(ShapeError, match="3 memories are of as many clips, got 2"):
        model.generate(past, TEXTS[:2], SEEDS[:2], fast_weights=MemoriesBeside([None] * 3))
    with pytest.raises(ShapeError, match="3 memories are of as many clips, got 2"):
        MemoriesBeside([None] * 3).generate(model, past, TEXTS[:2], SEEDS[:2])
    with pytest.raises(ShapeError, match="memory of one episode, got 2"):
        MemoriesBeside([FastWeights(model, seeds=(1, 2))])
