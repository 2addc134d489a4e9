"""What a step of the sampler asks of the denoiser: all of it in one call.

Slow weights, fast weights and guidance each ask a `Question`; what two of them ask alike is asked
once. `FastReader` and `FastReading` are what fast weights offer to `WorldModel.generate`; memory/
has them. Axes: B clips of a batch, Q clips of a question, C channels, T frames, H and W cells.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, cast, runtime_checkable

import torch
from torch import Tensor

from twospeed.worldmodel.backbones.schedule import Schedule
from twospeed.worldmodel.reading import Reading

HALF_KNOWN = 0.5
"""Familiarity from which on a chunk is not guided, and asked about at every other step if its
reading can hold it."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Question:
    """Some clips of a batch, and what the denoiser is asked about them."""

    reading: Reading
    """Of these clips alone."""

    clips_Q: Tensor
    """Their numbers."""

    from_level: int = 0
    """Level of noise from which on up it is asked; below it the answer is zeros."""

    held_by: Schedule | None = None
    """By it, the clean latents of the last answer are held at every other step; None: asked at all
    of them."""

    @classmethod
    def of(
        cls, reading: Reading, is_asked_B: Tensor | None = None, *, from_level: int = 0
    ) -> "Question":
        """Ask about a batch.

        Args:
            reading: of all of its clips.
            is_asked_B: bool: which of them are asked about; None is all.
            from_level: level of noise from which on up.
        """
        count, device = len(reading.past_BCPHW), reading.past_BCPHW.device
        if is_asked_B is None or bool(is_asked_B.all()):
            clips_Q = torch.arange(count, device=device)
        else:
            clips_Q = is_asked_B.nonzero()[:, 0]
            reading = reading.clips(clips_Q)
        return cls(reading=reading, clips_Q=clips_Q, from_level=from_level)

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
        questions: of one denoiser; every window begins with the past that they ask about.
    """

    def __init__(self, questions: Sequence[Question]) -> None:
        asked: list[tuple[int, Reading]] = []
        self._questions = tuple(questions)
        self._places = [_places(question, asked) for question in questions]
        self._clips = [clip for clip, _ in asked]
        readings = [reading for _, reading in asked]
        self._reading = readings[0].beside(*readings[1:]) if readings else None
        self._held: dict[int, Tensor] = {}
        self._steps = 0

    def __call__(self, noisy_BCTHW: Tensor, level_BT: Tensor) -> list[Tensor]:
        """Return the answer to every question, (Q, C, T, H, W)."""
        if self._reading is not None and not self._steps:
            self._reading = self._reading.with_past(level_BT[self._clips])
        due = list(self._due(int(level_BT[0, -1])))
        told = self._told(due, noisy_BCTHW, level_BT)
        self._steps += 1
        return [
            self._answer(number, told.get(number), noisy_BCTHW[clips_Q], level_BT[clips_Q])
            for number, clips_Q in enumerate(it.clips_Q for it in self._questions)
        ]

    def _told(self, due: Sequence[int], noisy_BCTHW: Tensor, level_BT: Tensor) -> dict[int, Tensor]:
        """Ask some questions in one call; what they ask alike is asked once."""
        places = sorted({place for number in due for place in self._places[number]})
        if self._reading is None or not places:
            return dict.fromkeys(due, noisy_BCTHW[:0])
        clips = [self._clips[place] for place in places]
        reading = self._reading.clips(torch.tensor(places, device=noisy_BCTHW.device))
        answers = reading(noisy_BCTHW[clips], level_BT[clips])
        return {
            number: answers[[places.index(place) for place in self._places[number]]]
            for number in due
        }

    def _due(self, level: int) -> Iterator[int]:
        """Yield the numbers of the questions that are asked at this step."""
        for number, question in enumerate(self._questions):
            is_held = question.held_by is not None and self._steps % 2
            if level >= question.from_level and not is_held:
                yield number

    def _answer(
        self, number: int, told: Tensor | None, noisy_QCTHW: Tensor, level_QT: Tensor
    ) -> Tensor:
        """Return an answer, or what stands for it; hold what is to be held."""
        schedule = self._questions[number].held_by
        if told is None and (schedule is None or number not in self._held):
            return torch.zeros_like(noisy_QCTHW)
        if schedule is None:
            return cast(Tensor, told)
        if told is None:
            return schedule.predicting(self._held[number], noisy_QCTHW, level_QT)
        self._held[number] = schedule.split(noisy_QCTHW, told, level_QT)[0]
        return told


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
