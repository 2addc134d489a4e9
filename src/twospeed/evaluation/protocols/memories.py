"""Memories of episodes side by side: taken apart, put together anew, and the controls among them.

Holds not: writing, files (memory/), generating (rollout.py).
"""

import dataclasses
from collections.abc import Sequence

import torch

from twospeed.core.random import generator_of
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.memory_file import MemoryFile, memory_of, open_memories


def narrowed(memory: FastWeights, keep: Sequence[int]) -> FastWeights:
    """Go on with some of the episodes; the result is detached."""
    seeds = [memory.seeds[episode] for episode in keep]
    return open_memories(memory.model, [memory_of(memory, e) for e in keep], seeds=seeds)


def rotated(files: Sequence[MemoryFile]) -> list[MemoryFile]:
    """Return another episode's memory for every episode, of as many writes where there is one.

    Episodes with equally many writes pass theirs on in a ring; one that is alone with its number
    takes that of its neighbour in the order of writes.
    """
    count = [len(file.records) for file in files]
    order = sorted(range(len(files)), key=lambda episode: (count[episode], episode))
    givers = dict(zip(order, [*order[1:], order[0]], strict=True))
    for number in set(count):
        ring = [episode for episode in order if count[episode] == number]
        if len(ring) > 1:
            givers |= dict(zip(ring, [*ring[1:], ring[0]], strict=True))
    return [files[givers[episode]] for episode in range(len(files))]


def random_like(file: MemoryFile, *, seed: int) -> MemoryFile:
    """Return random adapters that add as much to every layer's weights as this memory does.

    Both factors are drawn; `up` is scaled until the added weights have the memory's norm.
    """
    generator = generator_of(seed, "random adapter")
    down, up = {}, {}
    for name in sorted(file.up):
        down[name] = torch.randn(file.down[name].shape, generator=generator)
        drawn = torch.randn(file.up[name].shape, generator=generator)
        up[name] = drawn * (file.delta(name).norm() / (drawn @ down[name]).norm())
    return dataclasses.replace(file, down=down, up=up)
