"""Memories of episodes side by side: taken apart, put together anew, and the controls among them.

Holds: `Snapshot` and what is done with it. Holds not: writing (memory/), generating (rollout.py).
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from twospeed.core.random import generator_of
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.files import MemoryFile, memory_of, open_memories
from twospeed.worldmodel.model import WorldModel


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """One episode's memory with the rest of its state, so that it can go on."""

    file: MemoryFile
    state: dict[str, Tensor]


def snapshot_of(memory: FastWeights, episode: int) -> Snapshot:
    """Copy one episode out of fast weights."""
    return Snapshot(file=memory_of(memory, episode), state=memory.state(episode))


def resumed(
    model: WorldModel, snapshots: Sequence[Snapshot], *, seeds: Sequence[int]
) -> FastWeights:
    """Run snapshots side by side; they go on as if nothing had happened. It is detached."""
    memory = open_memories(model, [snapshot.file for snapshot in snapshots], seeds=seeds)
    for episode, snapshot in enumerate(snapshots):
        memory.load_state_(snapshot.state, episode)
    return memory


def narrowed(memory: FastWeights, keep: Sequence[int]) -> FastWeights:
    """Go on with some of the episodes; the result is detached."""
    seeds = [memory.seeds[episode] for episode in keep]
    return resumed(memory.model, [snapshot_of(memory, e) for e in keep], seeds=seeds)


def rotated(snapshots: Sequence[Snapshot]) -> list[Snapshot]:
    """Return another episode's memory for every episode, of as many writes where there is one.

    Episodes with equally many writes pass theirs on in a ring; one that is alone with its number
    takes that of its neighbour in the order of writes.
    """
    count = [len(snapshot.file.records) for snapshot in snapshots]
    order = sorted(range(len(snapshots)), key=lambda episode: (count[episode], episode))
    givers = dict(zip(order, [*order[1:], order[0]], strict=True))
    for number in set(count):
        ring = [episode for episode in order if count[episode] == number]
        if len(ring) > 1:
            givers |= dict(zip(ring, [*ring[1:], ring[0]], strict=True))
    return [snapshots[givers[episode]] for episode in range(len(snapshots))]


def random_like(snapshot: Snapshot, *, seed: int) -> Snapshot:
    """Return random adapters that add as much to every layer's weights as this memory does.

    Both factors are drawn; `up` is scaled until the added weights have the memory's norm.
    """
    file = snapshot.file
    generator = generator_of(seed, "random adapter")
    down, up = {}, {}
    for name in sorted(file.up):
        down[name] = torch.randn(file.down[name].shape, generator=generator)
        drawn = torch.randn(file.up[name].shape, generator=generator)
        up[name] = drawn * (file.delta(name).norm() / (drawn @ down[name]).norm())
    return Snapshot(file=dataclasses.replace(file, down=down, up=up), state=snapshot.state)
