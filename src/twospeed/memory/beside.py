"""Clips of one batch, each with a memory of its own or with none: a `FastReader`.

What one sees with and without a memory is generated in one batch. Least squares act through what
the recall layer gives alone, so that their clips and those without memory are one call of the
denoiser; a clip that is recalled wholly is not asked about. Other memories are asked clip by clip.
Axes: B clips, C channels, T frames, H and W cells.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

from twospeed.core.errors import ShapeError
from twospeed.memory.config import RidgeConfig
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.reading import MemoryReading
from twospeed.memory.retrieval_gate import RetrievalGate
from twospeed.worldmodel.reading import FastReading, Reading


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
        if count != len(self.memories):
            raise ShapeError(f"{len(self.memories)} memories are of as many clips, got {count}")
        numbers = torch.arange(count, device=slow.past_BCPHW.device).split(1)
        pairs = zip(numbers, self.memories, strict=True)
        clips = [_Clip.of(slow.clips(number), memory) for number, memory in pairs]
        reading = ReadingsBeside(clips)
        self.familiarity = tuple(reading.familiarity_B.tolist())
        return reading


@dataclass(frozen=True, kw_only=True, slots=True)
class _Clip:
    """One clip: what is asked together with others, or a reading of its own."""

    shared: Reading | None
    gate: RetrievalGate | None
    alone: FastReading | None
    familiarity_1: Tensor

    @classmethod
    def of(cls, slow: Reading, memory: FastWeights | None) -> "_Clip":
        if memory is None:
            return cls(shared=slow, gate=None, alone=None, familiarity_1=torch.zeros(1))
        reading = memory.read(slow)
        known_1 = reading.familiarity_B.cpu()
        is_ridge = isinstance(memory.config, RidgeConfig) and not memory.config.contrast
        if isinstance(reading, MemoryReading) and is_ridge:
            gate = reading.gate
            return cls(shared=reading.fast, gate=gate, alone=None, familiarity_1=known_1)
        return cls(shared=None, gate=None, alone=reading, familiarity_1=known_1)

    @property
    def is_recalled(self) -> bool:
        """Whether what is recalled takes the place of any prediction."""
        gate = self.gate
        return gate is not None and float(gate.familiarity_B) >= gate.retrieval_range[1]

    def finish(self, predicted: Tensor, noisy: Tensor, level: Tensor) -> Tensor:
        """Return the prediction of the whole, (1, C, T, H, W)."""
        if self.alone is not None:
            return self.alone(noisy, level)
        return predicted if self.gate is None else self.gate(predicted, noisy, level)


class ReadingsBeside:
    """Predictions of slow and fast weights for clips with memories of their own; a `FastReading`.

    Args:
        clips: what each was asked.
    """

    def __init__(self, clips: Sequence[_Clip]) -> None:
        self._clips = tuple(clips)
        self.familiarity_B = torch.cat([clip.familiarity_1 for clip in clips])
        asked = {
            index: clip.shared
            for index, clip in enumerate(clips)
            if clip.shared is not None and not clip.is_recalled
        }
        self._asked = list(asked)
        self._together = reduce(Reading.beside, asked.values()) if asked else None

    def __call__(self, noisy_BCTHW: Tensor, level_BT: Tensor) -> Tensor:
        """Return the prediction for every frame, (B, C, T, H, W)."""
        predicted = noisy_BCTHW.clone()
        if self._together is not None:
            rows = self._asked
            predicted[rows] = self._together(noisy_BCTHW[rows], level_BT[rows])
        return torch.cat(
            [
                clip.finish(predicted[i : i + 1], noisy_BCTHW[i : i + 1], level_BT[i : i + 1])
                for i, clip in enumerate(self._clips)
            ]
        )
