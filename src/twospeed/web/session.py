"""`Session`: one player's walk, dreamed with memory and without, beside the true world.

All dreaming panes are generated at once. An act is a chunk that is dreamed (`imagine`, then
`frames_of`, then `learn`), one that is seen (`look`, `observe`), or an edit of the memory
(edits.py); each can be undone, bit for bit. Axes: B panes, C channels, T frames.
"""

import time
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from twospeed.core.arguments import as_frames
from twospeed.core.errors import ConfigError, ShapeError
from twospeed.core.fields import checked
from twospeed.core.ranges import Seed
from twospeed.core.video import Frames
from twospeed.memory.beside import MemoriesBeside
from twospeed.memory.fast_weights import FastWeights, WriteRecord
from twospeed.web.chunk import Done, Imagined
from twospeed.web.frames import MEMORY, PLAIN, Shown, dreamed, seen
from twospeed.web.history import History, Moment, Write
from twospeed.web.microscope import Microscope
from twospeed.web.panes import PaneStream
from twospeed.web.truth import Start, TrueWorld, frames_of
from twospeed.web.words import Said, Words
from twospeed.worldmodel.model import WorldModel
from twospeed.worlds.base import Observation


class Session:
    """One player's walk; nothing of it is shared with another but the slow weights.

    Args:
        model: the slow weights.
        words: what may be said to it.
        start: where it begins.
        truth: the true world there, or None.
        memory: fast weights of this episode, or None for the pane without alone.
        seed: decides all noise.

    Raises:
        ConfigError: when the seed is out of its range.
        ShapeError: when the frame is not of the model's size.
    """

    def __init__(
        self,
        model: WorldModel,
        words: Words,
        start: Start,
        truth: TrueWorld | None,
        *,
        memory: FastWeights | None,
        seed: int = 0,
    ) -> None:
        self.model, self.words, self.start = model, words, start
        self.truth = self._world = truth
        self.seed: int = checked(seed, Seed, "seed")
        self.memory = memory
        self.panes = (PLAIN,) if memory is None else (MEMORY, PLAIN)
        self.microscope = Microscope(model)
        self.history = History()
        self.num_chunks = self.num_acts = 0
        self.actions: list[tuple[str, bool]] = []
        """Every chunk's text, and whether it was seen."""
        self.stream = PaneStream(model, len(self.panes), start.frame)
        self.past: Tensor = self.stream.first
        pose = truth.now.pose if truth else None
        self.shown = seen(start.frame, self.panes, pose, is_true=truth is not None)

    def imagine(self, text: str) -> Imagined:
        """Generate the next chunk of every pane at once; nothing is learned yet.

        Raises:
            UnknownNameError: when the text is near no command.
        """
        said = self.words.meant(text)
        started = time.perf_counter()
        memories = [self.memory, None] if self.memory else [None]
        reader, count = MemoriesBeside(memories), len(self.panes)
        noise = (self.seed, "chunk", self.num_chunks)  # that of `Dream`
        new = reader.generate(self.model, self.past, [said.text] * count, [noise] * count)
        seconds = time.perf_counter() - started
        recall = None
        if self.memory is not None:
            recall = self.microscope.recall(
                self.past[:1], said.text, new[:1], reader.familiarity[0]
            )
        return Imagined(
            said=said, new=new, truth=self._true_chunk(said), recall=recall, seconds=seconds
        )

    def frames_of(self, imagined: Imagined) -> Iterator[Shown]:
        """Decode a chunk, the first frame before the others, and yield frame after frame."""
        truth = iter(imagined.truth)
        for frames in self.stream.frames_of(imagined.new):
            panes = dict(zip(self.panes, frames, strict=True))
            self.shown = dreamed(panes, next(truth, None))
            yield self.shown

    def learn(self, imagined: Imagined, before: Moment) -> Done:
        """Let the memory learn a chunk whose frames were shown; the session goes on from it.

        Args:
            imagined: the chunk.
            before: the moment before it was generated.
        """
        record = self._go_on(imagined.new, imagined.said, before, is_seen=False)
        return Done(
            said=imagined.said,
            is_seen=False,
            recall=imagined.recall,
            record=record,
            seconds=imagined.seconds,
        )

    def look(self, text: str) -> tuple[list[Shown], Done]:
        """Do a command in the true world with open eyes: its frames are learned.

        Raises:
            UnknownNameError: when the text is near no command.
            ConfigError: when there is no true world, or it has no such command.
        """
        said = self.words.meant(text)
        if self.truth is None or not self.truth.knows(said.command):
            raise ConfigError(
                "there is no true world to look at here"
                if self.truth is None
                else f"the true world has no command {said.command!r}"
            )
        before = self.moment()
        truth = self._true_chunk(said)
        shown = [seen(it.frame, self.panes, it.pose, is_true=True) for it in truth]
        return shown, self._learn_seen(frames_of(truth), said, shown[-1], before)

    def observe(self, frames: Frames, text: str) -> tuple[list[Shown], Done]:
        """Take a chunk of frames that were handed in: it is learned, the dream goes on from it.

        The true world is left: nobody knows where in it these frames are.

        Args:
            frames: uint8, one chunk of them, of the model's size.
            text: what led to them.

        Raises:
            UnknownNameError: when the text is near no command.
            ShapeError: when it is not one chunk.
        """
        said = self.words.meant(text)
        chunk = as_frames(frames, "THWC")
        if len(chunk) != self.model.settings.chunk_frames:
            raise ShapeError(
                f"a chunk has {self.model.settings.chunk_frames} frames, got {len(chunk)}"
            )
        before = self.moment()
        shown = [seen(it, self.panes, None, is_true=False) for it in chunk]
        done = self._learn_seen(chunk, said, shown[-1], before)
        self.truth = None
        return shown, done

    def moment(self) -> Moment:
        """Return all that is now but the memory."""
        return Moment(
            past=self.past,
            stream=self.stream.state,
            shown=self.shown,
            num_chunks=self.num_chunks,
            num_acts=self.num_acts,
            truth=self.truth,
            true_steps=self.truth.steps if self.truth else 0,
            true_seen=self.truth.now if self.truth else None,
        )

    def undo(self, count: int = 1) -> None:
        """Take back the last acts: frames, memory and true world are as they were, bit for bit.

        Raises:
            ConfigError: when there are not so many.
        """
        moment, self.memory = self.history.undo(count, self.model, self.memory)
        self.go_back(moment)

    def go_back(self, moment: Moment) -> None:
        """Be again as at a moment, but for the memory."""
        self.past, self.shown = moment.past, moment.shown
        self.stream.state = moment.stream
        self.num_chunks, self.num_acts = moment.num_chunks, moment.num_acts
        self.truth = moment.truth
        del self.actions[moment.num_chunks :]
        self.microscope.take_back(moment.num_chunks)
        if self.truth is not None and moment.true_seen is not None:
            self.truth.go_back(moment.true_steps, moment.true_seen)

    def close(self) -> None:
        """Give back what the true world holds."""
        if self._world is not None:
            self._world.close()

    def _true_chunk(self, said: Said) -> Sequence[Observation]:
        if self.truth is None or not self.truth.knows(said.command):
            return ()
        return self.truth.walk(said.command, self.model.settings.chunk_frames)

    def _learn_seen(self, frames: Frames, said: Said, last: Shown, before: Moment) -> Done:
        new = self.stream.see(frames)
        self.shown = last
        record = self._go_on(new, said, before, is_seen=True)
        return Done(said=said, is_seen=True, recall=None, record=record, seconds=0.0)

    def _go_on(
        self, new: Tensor, said: Said, before: Moment, *, is_seen: bool
    ) -> WriteRecord | None:
        write = self._write_of(new, said, is_seen=is_seen)
        record = None if write is None else self._write(write, before)
        if write is None:
            self.history.add(before, None, None)
        self.past = self.model.past_after(self.past, new)
        self.stream.go_on()
        self.num_chunks += 1
        self.num_acts += 1
        self.actions.append((said.text, is_seen))
        return record

    def _write(self, write: Write, before: Moment) -> WriteRecord:
        """Let the memory learn a chunk; when that fails, all is as it was."""
        assert self.memory is not None  # noqa: S101 - there is a write
        trace = self.microscope.trace_of(write, self.shown.frames[MEMORY], self.memory)
        self.history.add(before, self.memory, write)
        try:
            record = write.learn(self.memory)
        except Exception:
            _, self.memory = self.history.undo(1, self.model, self.memory)
            raise
        self.microscope.note(trace)
        return record

    def _write_of(self, new: Tensor, said: Said, *, is_seen: bool) -> Write | None:
        if self.memory is None:
            return None
        past = self.past[:1]
        return Write(
            window=torch.cat([past, new[:1]], dim=2),
            text=said.text,
            past_frames=past.shape[2],
            generated=not is_seen,
        )
