"""One memory through one episode: chunks are shown, generated and, as the protocol says, learned.

The episode stays behind a `Ledger`: the memory gets the frames that it is shown, each in memory of
its own, actions, and seeds that say nothing of the episode. All is counted in latents: a frame
each, or several where an autoencoder packs time. Axes as in base.py.
"""

import time
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from twospeed.core.random import seed_of
from twospeed.core.video import Frames
from twospeed.evaluation.matrix.base import Make, Memory, Shown
from twospeed.evaluation.matrix.ledger import Ledger
from twospeed.evaluation.matrix.protocol import Protocol
from twospeed.evaluation.matrix.task import Task
from twospeed.evaluation.protocols.coding import decode_after, encode
from twospeed.worldmodel.model import WorldModel

WARM_UP = 2
"""Chunks at the start whose time does not count."""


@dataclass(kw_only=True, slots=True)
class Played:
    """What came of it."""

    made: Tensor
    """(C, T, H, W), latents of all that was generated."""

    frames: Frames
    """The same decoded, (frames, H, W, 3)."""

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
        self.model, self.task, self.protocol, self.seed = model, task, protocol, seed
        self.length = model.latents_in(task.chunk_frames)
        self.ledger = Ledger(encode(model, task.frames))
        self.past = self.ledger.show(0, 1)
        self.played = Played(made=self.past[:, :0], frames=task.frames[:0])

    def play(self, memory: Memory, teacher: "_Player") -> Played:
        if self.protocol.observed != "each":
            self.ledger.expect(range(self._first(self.task.observed), self._first(None)))
        for chunk in range(teacher.task.observed):
            teacher._show(memory, chunk)
        self.played.writes = teacher.played.writes
        if teacher is not self and self.task.observed:
            self.past = self.ledger.show(self._first(self.task.observed - 1), self.length)
        for chunk in range(self.task.observed, len(self.task.actions)):
            self._generate(memory, chunk)
        self.played.num_bytes = memory.num_bytes()
        self.played.frames = self._decoded()
        return self.played

    def _first(self, chunk: int | None) -> int:
        """Return the first latent of a chunk; None: behind the last one."""
        return 1 + self.length * (len(self.task.actions) if chunk is None else chunk)

    def _decoded(self) -> Frames:
        """Decode what was generated, each after what it was generated after."""
        made, first = self.played.made, self.task.observed
        chunks = made.split(self.length if self.protocol.observed == "each" else made.shape[1], 1)
        parts = [
            decode_after(self.model, self.ledger.before(self._first(first + place)), chunk)
            for place, chunk in enumerate(chunks)
        ]
        return np.concatenate(parts)

    def _show(self, memory: Memory, chunk: int) -> None:
        new = self.ledger.show(self._first(chunk), self.length)
        memory.learn(self._shown(new, chunk, generated=False))
        self.played.writes += 1
        self.past = new

    def _generate(self, memory: Memory, chunk: int) -> None:
        action = self.task.actions[chunk]
        frames = range(self._first(chunk), self._first(chunk + 1))
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
