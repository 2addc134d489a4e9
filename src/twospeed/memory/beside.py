"""Clips of one batch, each with a memory of its own or with none: a `FastReader`.

What one sees with and without a memory is generated at once: what all of them ask of the denoiser
is one call, or each kind is a batch in a thread of its own. Axes: B clips, C channels, T frames, H
and W cells, N tokens, D features.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from functools import cache

import torch
from torch import Tensor

from twospeed.core.capacity import num_cores
from twospeed.core.errors import ShapeError
from twospeed.memory.fast_weights import FastWeights
from twospeed.worldmodel.asking.questions import FastReading, Question, SlowReading
from twospeed.worldmodel.clips import Seeds
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.reading import Reading


class MemoriesBeside:
    """Memories of the clips of a batch.

    Args:
        memories: fast weights of one episode, or None, for every clip.

    Raises:
        ShapeError: when fast weights are of several episodes.
    """

    def __init__(self, memories: Sequence[FastWeights | None]) -> None:
        for memory in memories:
            if memory is not None and len(memory.seeds) != 1:
                raise ShapeError(f"a clip has a memory of one episode, got {len(memory.seeds)}")
        self.memories = tuple(memories)
        self.familiarity: tuple[float, ...] = ()
        """How far each chunk was remembered when it was last asked for, 0 to 1."""

    def read(self, slow: Reading) -> "ReadingsBeside":
        """Ask every clip's memory about its chunk; see `FastReader`.

        Raises:
            ShapeError: when there is not one clip a memory.
        """
        count = len(slow.past_BCPHW)
        self._check(count)
        numbers = torch.arange(count, device=slow.past_BCPHW.device).split(1)
        clips = [slow.clips(number) for number in numbers]
        pairs = zip(self.memories, clips, strict=True)
        reading = ReadingsBeside(
            [memory.read(clip) if memory else SlowReading(clip) for memory, clip in pairs]
        )
        self.familiarity = tuple(reading.familiarity_B.tolist())
        return reading

    def generate(
        self, model: WorldModel, past_BCTHW: Tensor, actions: Sequence[str], seeds: Seeds
    ) -> Tensor:
        """Generate the next chunk of every clip, as `WorldModel.generate` does with these memories.

        Where cores are free, the clips without a memory have a thread of their own.

        Raises:
            ShapeError: when there is not one clip a memory, or as `WorldModel.generate`.
            KindError: as `WorldModel.generate`.
        """
        self._check(len(past_BCTHW))
        own, other = (
            [number for number, memory in enumerate(self.memories) if (memory is None) == is_plain]
            for is_plain in (False, True)
        )
        if not own or not other or not self._may_be_apart(model):
            return model.generate(past_BCTHW, actions, seeds, fast_weights=self)
        model.text_encoder.encode([*actions, ""])  # from now on known to both threads
        reader = MemoriesBeside([self.memories[number] for number in own])

        def generate(clips: list[int], reader: MemoriesBeside | None) -> Tensor:
            asked = [actions[clip] for clip in clips], [seeds[clip] for clip in clips]
            return model.generate(past_BCTHW[clips], *asked, fast_weights=reader)

        beside = _other_thread().submit(generate, other, None)
        try:
            remembered = generate(own, reader)
        finally:
            wait([beside])
        known = dict(zip(own, reader.familiarity, strict=True))
        self.familiarity = tuple(known.get(number, 0.0) for number in range(len(self.memories)))
        return torch.cat([remembered, beside.result()])[torch.tensor([*own, *other]).argsort()]

    def _may_be_apart(self, model: WorldModel) -> bool:
        """Say whether two threads are faster, and no memory acts on what the other one asks."""
        are_free = model.device.type == "cpu" and 2 * torch.get_num_threads() <= num_cores()
        return are_free and all(memory is None or memory.is_apart for memory in self.memories)

    def _check(self, count: int) -> None:
        if count != len(self.memories):
            raise ShapeError(f"{len(self.memories)} memories are of as many clips, got {count}")


@cache
def _other_thread() -> ThreadPoolExecutor:
    """Return the one that generates the clips without a memory, the same for every chunk."""
    return ThreadPoolExecutor(1, thread_name_prefix="plain")


class ReadingsBeside:
    """Readings of single clips as one of them all; a `FastReading`.

    Args:
        clips: the readings.
    """

    def __init__(self, clips: Sequence[FastReading]) -> None:
        self._clips = tuple(clips)
        self.familiarity_B = torch.cat([clip.familiarity_B for clip in clips])
        self.asked: Sequence[Question] = tuple(
            replace(question, clips_Q=question.clips_Q + number)
            for number, clip in enumerate(clips)
            for question in clip.asked
        )

    def compared(self, no_text_BND: Tensor) -> tuple[Reading, Reading]:
        """See `FastReading`."""
        pairs = zip(self._clips, no_text_BND.split(1), strict=True)
        told, untold = zip(*(clip.compared(no_text) for clip, no_text in pairs), strict=True)
        return told[0].beside(*told[1:]), untold[0].beside(*untold[1:])

    def finish(self, answers: Sequence[Tensor], noisy_BCTHW: Tensor, level_BT: Tensor) -> Tensor:
        """See `FastReading`."""
        left = iter(answers)
        each = zip(self._clips, noisy_BCTHW.split(1), level_BT.split(1), strict=True)
        return torch.cat(
            [
                clip.finish([next(left) for _ in clip.asked], noisy, level)
                for clip, noisy, level in each
            ]
        )
