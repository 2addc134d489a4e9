import numpy as np
import pytest
import torch

from twospeed.evaluation.protocols.memories import (
    narrowed,
    random_like,
    rotated,
)
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.memory_file import memory_of, open_memories


@pytest.fixture
def memory(model, fast):
    memory = FastWeights(model, fast, seeds=[1, 2, 3])
    window = torch.randn((3, 8, 8, 4, 4), generator=torch.Generator().manual_seed(0))
    memory.observe(window, ["turn left"] * 3, past_frames=4)
    memory.detach()
    return memory


def states_equal(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test_a_narrowed_memory_is_the_kept_episodes_bit_for_bit(memory):
    kept = narrowed(memory, [2, 0])
    assert kept.seeds == (3, 1)
    for place, episode in enumerate([2, 0]):
        for name, up in memory.adapters.up.items():
            assert torch.equal(kept.adapters.up[name][place], up[episode])
            assert torch.equal(kept.adapters.down[name][place], memory.adapters.down[name][episode])
        assert states_equal(kept.writer.state(place), memory.writer.state(episode))
    assert [len(records) for records in kept.records] == [1, 1]


def test_a_resumed_memory_writes_on_as_if_nothing_had_happened(model, memory):
    copy = open_memories(model, [memory_of(memory, e) for e in range(3)], seeds=memory.seeds)
    window = torch.randn((3, 8, 8, 4, 4), generator=torch.Generator().manual_seed(1))
    for one in (memory, copy):
        one.attach()
        one.observe(window, ["go back"] * 3, past_frames=4)
        one.detach()
    assert states_equal(memory.adapters.up, copy.adapters.up)


def test_random_adapters_add_as_much_to_every_layer_but_something_else(memory):
    file = memory_of(memory, 0)
    drawn = random_like(memory_of(memory, 0), seed=5)
    for name in file.up:
        assert float(drawn.delta(name).norm()) == pytest.approx(
            float(file.delta(name).norm()), rel=1e-4
        )
        assert not torch.allclose(drawn.delta(name), file.delta(name))


def test_an_empty_memory_has_an_empty_random_twin(model, fast):
    memory = FastWeights(model, fast)
    memory.detach()
    drawn = random_like(memory_of(memory, 0), seed=5)
    assert all(not up.any() for up in drawn.up.values())


def test_memories_go_to_another_episode_of_as_many_writes(memory):
    first = memory_of(memory, 0)
    again = narrowed(memory, [0, 1])
    again.attach()
    again.observe(torch.zeros(2, 8, 8, 4, 4), ["go back"] * 2, past_frames=4)
    again.detach()
    two = [memory_of(again, e) for e in range(2)]
    mixed = [two[0], first, two[1]]
    passed_on = rotated(mixed)
    writes = [len(one.records) for one in passed_on]
    assert passed_on[0] is two[1]
    assert passed_on[2] is two[0]
    assert passed_on[1] is not first
    assert np.array_equal([writes[0], writes[2]], [2, 2])
