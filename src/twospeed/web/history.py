"""What undo goes back to: moments of a session, and the writes that lead from one to the next.

A memory has megabytes and a moment a few thousand numbers, so whole memories are kept only now and
then; the one of any other moment is the last kept one, written once more with the same chunks,
which gives the same bits.
"""

from dataclasses import dataclass

from torch import Tensor

from twospeed.core.errors import ConfigError
from twospeed.memory.fast_weights import FastWeights, WriteRecord
from twospeed.memory.memory_file import MemoryFile, memory_of, open_memories
from twospeed.web.frames import Shown
from twospeed.web.panes import State
from twospeed.web.truth import TrueWorld
from twospeed.worldmodel.model import WorldModel
from twospeed.worlds.base import Observation

KEPT_EVERY = 12
"""Acts between two whole memories."""

MOST_KEPT = 3
"""Whole memories at once; acts before the oldest can no longer be undone."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Moment:
    """All of a session but its memory."""

    past: Tensor
    """Clean latents of the past frames of every pane, (B, C, P, h, w)."""

    stream: State
    """What the frames after them depend on."""

    shown: Shown
    """The last frame of every pane."""

    num_chunks: int
    """Chunks generated or seen so far; it decides the noise of the next."""

    num_acts: int
    """Acts done so far, also those that are not chunks."""

    truth: TrueWorld | None
    """The true world; None without one."""

    true_steps: int
    """Commands that it has done."""

    true_seen: Observation | None
    """What the true world shows; None without one."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Write:
    """One chunk that the memory learned."""

    window: Tensor
    """Past ⊕ new, (1, C, T, h, w)."""

    text: str
    past_frames: int
    generated: bool

    def learn(self, memory: FastWeights) -> WriteRecord:
        """Let a memory learn it, and return what the write did."""
        (record,) = memory.observe(
            self.window, [self.text], past_frames=self.past_frames, generated=self.generated
        )
        return record


@dataclass(kw_only=True, eq=False, slots=True)
class _Act:
    """One act: the moment before it, and how the memory changed."""

    before: Moment
    memory: MemoryFile | None
    """The memory before it, where it is kept."""

    write: Write | None
    """None: the memory was edited, or there is none."""


class History:
    """The latest acts of a session, newest last."""

    def __init__(self) -> None:
        self._acts: list[_Act] = []
        self._must_keep = True

    def __len__(self) -> int:
        """Return how many acts can be undone."""
        return len(self._acts)

    def add(self, before: Moment, memory: FastWeights | None, write: Write | None) -> None:
        """Note an act that is about to be done.

        Args:
            before: the moment before it.
            memory: as it is before it; None without one.
            write: what the memory is about to learn; None when it is edited instead.
        """
        kept = memory_of(memory) if memory is not None and self._is_time() else None
        self._acts.append(_Act(before=before, memory=kept, write=write))
        self._must_keep = write is None
        self._prune()

    def undo(
        self, count: int, model: WorldModel, memory: FastWeights | None
    ) -> tuple[Moment, FastWeights | None]:
        """Take back the last acts and return the moment before them and its memory.

        Raises:
            ConfigError: when there are not so many.
        """
        if not 1 <= count <= len(self._acts):
            raise ConfigError(
                f"the last {len(self._acts)} acts can be undone, got {count}"
                if self._acts
                else "there is nothing to undo"
            )
        place = len(self._acts) - count
        target = self._acts[place]
        if memory is not None:
            memory = self._memory_before(place, model, memory.seeds)
        del self._acts[place:]
        self._must_keep = True
        return target.before, memory

    def _memory_before(self, place: int, model: WorldModel, seeds: tuple[int, ...]) -> FastWeights:
        start = max(i for i in range(place + 1) if self._acts[i].memory is not None)
        kept = self._acts[start].memory
        assert kept is not None  # noqa: S101 - the choice of `start`
        memory = open_memories(model, [kept], seeds=seeds)
        for act in self._acts[start:place]:
            if act.write is not None:
                act.write.learn(memory)
        return memory

    def _is_time(self) -> bool:
        recent = self._acts[-KEPT_EVERY + 1 :]
        is_long_ago = len(recent) == KEPT_EVERY - 1 and all(act.memory is None for act in recent)
        return self._must_keep or is_long_ago or not self._acts

    def _prune(self) -> None:
        kept = [i for i, act in enumerate(self._acts) if act.memory is not None]
        if len(kept) > MOST_KEPT:
            del self._acts[: kept[-MOST_KEPT]]
        elif not kept and len(self._acts) > KEPT_EVERY * MOST_KEPT:
            del self._acts[0]  # without a memory
