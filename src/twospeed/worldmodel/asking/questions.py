"""What a step of the sampler asks of the denoiser: all of it in one call.

Slow weights, fast weights and guidance each ask a `Question`; what two of them ask alike is asked
once. `FastReader` and `FastReading` are what fast weights offer to `WorldModel.generate`; memory/
has them. Axes: B clips of a batch, Q clips of a question, C channels, T frames, H and W cells.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from twospeed.worldmodel.reading import Reading


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Question:
    """Some clips of a batch, and what the denoiser is asked about them."""

    reading: Reading
    """Of these clips alone."""

    clips_Q: Tensor
    """Their numbers."""

    @classmethod
    def of(cls, reading: Reading, is_asked_B: Tensor | None = None) -> "Question":
        """Ask about a batch.

        Args:
            reading: of all of its clips.
            is_asked_B: bool: which of them are asked about; None is all.
        """
        count, device = len(reading.past_BCPHW), reading.past_BCPHW.device
        if is_asked_B is None or bool(is_asked_B.all()):
            return cls(reading=reading, clips_Q=torch.arange(count, device=device))
        clips_Q = is_asked_B.nonzero()[:, 0]
        return cls(reading=reading.clips(clips_Q), clips_Q=clips_Q)

    def placed(self, answer: Tensor, batch_BCTHW: Tensor) -> Tensor:
        """Return a batch with these clips taken from their answer, (B, C, T, H, W)."""
        return batch_BCTHW.index_copy(0, self.clips_Q, answer)


class FastReading(Protocol):
    """What fast weights make of one chunk of every clip."""

    familiarity_B: Tensor
    """How far each chunk is remembered, 0 to 1."""

    asked: Sequence[Question]
    """What is asked of the denoiser at every step."""

    def compared(self, no_text_BND: Tensor) -> tuple[Reading, Reading]:
        """Return what guidance compares: the slow weights told the actions, and told none.

        Args:
            no_text_BND: tokens of no action.
        """
        ...

    def finish(self, answers: Sequence[Tensor], noisy_BCTHW: Tensor, level_BT: Tensor) -> Tensor:
        """Return the prediction of slow and fast weights for every frame, (B, C, T, H, W).

        Args:
            answers: to every question, (Q, C, T, H, W).
            noisy_BCTHW: the batch.
            level_BT: steps of the noise schedule.
        """
        ...


@runtime_checkable
class FastReader(Protocol):
    """Fast weights, as generating asks them: once a chunk."""

    def read(self, slow: Reading) -> FastReading:
        """Return what they make of the chunks that the slow weights were asked about."""
        ...


class SlowReading:
    """The slow weights alone; a `FastReading`.

    Args:
        slow: their reading.
    """

    def __init__(self, slow: Reading) -> None:
        self.slow = slow
        self.asked: Sequence[Question] = (Question.of(slow),)
        self.familiarity_B = slow.past_BCPHW.new_zeros(len(slow.past_BCPHW))

    def compared(self, no_text_BND: Tensor) -> tuple[Reading, Reading]:
        """See `FastReading`."""
        return self.slow, self.slow.under(no_text_BND)

    def finish(self, answers: Sequence[Tensor], noisy_BCTHW: Tensor, level_BT: Tensor) -> Tensor:  # noqa: ARG002
        """Return the denoiser's own prediction."""
        return answers[0]

    def __call__(self, noisy_BCTHW: Tensor, level_BT: Tensor) -> Tensor:
        """Ask for one step alone, see `Predicting`."""
        return Predicting(self)(noisy_BCTHW, level_BT)


class Asked:
    """Questions about one chunk, answered at every step by one call of the denoiser.

    Args:
        questions: of one denoiser.
    """

    def __init__(self, questions: Sequence[Question]) -> None:
        asked: list[tuple[int, Reading]] = []
        self._places = [_places(question, asked) for question in questions]
        self._clips = [clip for clip, _ in asked]
        readings = [reading for _, reading in asked]
        self._reading = readings[0].beside(*readings[1:]) if readings else None

    def __call__(self, noisy_BCTHW: Tensor, level_BT: Tensor) -> list[Tensor]:
        """Return the answer to every question, (Q, C, T, H, W)."""
        if self._reading is None:
            return [noisy_BCTHW[:0] for _ in self._places]
        answers = self._reading(noisy_BCTHW[self._clips], level_BT[self._clips])
        return [answers[places] for places in self._places]


class Predicting:
    """Predictions of slow and fast weights; a `Predict`.

    Args:
        reading: of one chunk of every clip.
    """

    def __init__(self, reading: FastReading) -> None:
        self._reading, self._asked = reading, Asked(reading.asked)

    def __call__(self, noisy_BCTHW: Tensor, level_BT: Tensor) -> Tensor:
        """Return the prediction for every frame, (B, C, T, H, W)."""
        answers = self._asked(noisy_BCTHW, level_BT)
        return self._reading.finish(answers, noisy_BCTHW, level_BT)


def _places(question: Question, asked: list[tuple[int, Reading]]) -> list[int]:
    """Return where in all that is asked the clips of a question are; what is new is added."""
    return [
        _place(clip, question.reading.clips(slice(number, number + 1)), asked)
        for number, clip in enumerate(question.clips_Q.tolist())
    ]


def _place(clip: int, reading: Reading, asked: list[tuple[int, Reading]]) -> int:
    for place, (other_clip, other) in enumerate(asked):
        if clip == other_clip and reading.asks_like(other):
            return place
    asked.append((clip, reading))
    return len(asked) - 1
