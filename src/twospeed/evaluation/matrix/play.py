"""One memory through one episode: chunks are shown, generated and, as the protocol says, learned.

The episode stays behind a `Ledger`: the memory gets the frames that it is shown, each in memory of
its own, actions, and seeds that say nothing of the episode. Axes as in base.py.
"""

import time
from dataclasses import dataclass, field

import torch
from torch import Tensor

from twospeed.core.random import seed_of
from twospeed.evaluation.matrix.base import Make, Memory, Shown
from twospeed.evaluation.matrix.ledger import Ledger
from twospeed.evaluation.matrix.protocol import Protocol
from twospeed.evaluation.matrix.task import Task
from twospeed.evaluation.protocols.coding import encode
from twospeed.worldmodel.model import WorldModel

WARM_UP = 2
"""Chunks at the start whose time does not count."""


@dataclass(kw_only=True, slots=True)
class Played:
    """What came of it."""

    made: Tensor
    """(C, T, H, W), latents of all generated frames."""

    seconds: list[float] = field(default_factory=list)
    """Of every generated chunk: generating, and learning or following it."""

    num_bytes: int = 0
    writes: int = 0


def play(
    model: WorldModel,
    make: Make,
    task: Task,
    protocol: Protocol,
    *,
    seed: int,
    taught: Task | None = None,
) -> Played:
    """Play an episode.

    Args:
        model: the backbone.
        make: of the memory.
        task: the episode.
        protocol: what is shown and learned.
        seed: of all noise, the same for every memory.
        taught: the episode whose true chunks the memory is shown; None this one.

    Raises:
        LeakError: when a frame is shown that is still to be scored.
    """
    player = _Player(model, task, protocol, seed_of(seed, "matrix", protocol.name, task.seed))
    memory = make(model, seed_of(player.seed, "writes"))
    teacher = player if taught is None else _Player(model, taught, protocol, player.seed)
    return player.play(memory, teacher)


class _Player:
    def __init__(self, model: WorldModel, task: Task, protocol: Protocol, seed: int) -> None:
        self.task, self.protocol, self.seed = task, protocol, seed
        self.ledger = Ledger(encode(model, task.frames))
        self.past = self.ledger.show(0, 1)
        self.played = Played(made=self.past[:, :0])

    def play(self, memory: Memory, teacher: "_Player") -> Played:
        if self.protocol.observed != "each":
            self.ledger.expect(range(self.task.first_judged, len(self.task.frames)))
        for chunk in range(teacher.task.observed):
            teacher._show(memory, chunk)
        self.played.writes = teacher.played.writes
        if teacher is not self and self.task.observed:
            length = self.task.chunk_frames
            self.past = self.ledger.show(self.task.first_judged - length, length)
        for chunk in range(self.task.observed, len(self.task.actions)):
            self._generate(memory, chunk)
        self.played.num_bytes = memory.num_bytes()
        return self.played

    def _show(self, memory: Memory, chunk: int) -> None:
        length = self.task.chunk_frames
        new = self.ledger.show(1 + length * chunk, length)
        memory.learn(self._shown(new, chunk, generated=False))
        self.played.writes += 1
        self.past = new

    def _generate(self, memory: Memory, chunk: int) -> None:
        length, action = self.task.chunk_frames, self.task.actions[chunk]
        frames = range(1 + length * chunk, 1 + length * (chunk + 1))
        is_each = self.protocol.observed == "each"
        if is_each:
            self.ledger.expect(frames)
        started = time.perf_counter()
        new = memory.generate(self.past.clone(), action, seed_of(self.seed, "chunk", chunk))
        self.played.made = torch.cat([self.played.made, new], dim=1)
        if is_each:
            self.ledger.settle(frames)
            self._show(memory, chunk)
        else:
            self._keep(memory, new, chunk)
        self.played.seconds.append(time.perf_counter() - started)

    def _keep(self, memory: Memory, new: Tensor, chunk: int) -> None:
        shown = self._shown(new, chunk, generated=True)
        if self.protocol.learn_generated:
            memory.learn(shown)
            self.played.writes += 1
        else:
            memory.follow(shown)
        self.past = new

    def _shown(self, new: Tensor, chunk: int, *, generated: bool) -> Shown:
        return Shown(
            past=self.past.clone(),
            new=new.clone(),
            action=self.task.actions[chunk],
            generated=generated,
        )
