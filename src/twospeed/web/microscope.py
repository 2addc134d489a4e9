"""The recall microscope: which of the chunks that were written a memory recalls, and of what age.

A memory of least squares reads by keys, one a chunk, and a chunk is recalled as far as its key is
like the one that is asked for; it also knows each chunk time-reversed, by a second key. Memories
written otherwise have no keys: of them, a chunk counts as recalled as far as what is dreamed looks
like it. Axes: N written chunks, K features of a key, T frames, O numbers in a frame's latents.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from twospeed.core.pictures import Frame
from twospeed.memory.config import RidgeConfig
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.ridge_writer import pairs_of
from twospeed.web.frames import thumbnail
from twospeed.web.history import Write
from twospeed.worldmodel.model import WorldModel

MOST_WRITES = 256
"""Written chunks that are told apart, the latest ones."""

THUMB_SIDE = 32
"""Pixels of a thumbnail's side at most."""

LEAST_ALIKE = 0.2
"""Likeness below which nothing is said to be recalled."""

UNLIKE = 0.5
"""Mean squared difference of latents (of variance 1) from which on two frames are not alike."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recall:
    """What a memory recalls for one chunk."""

    familiarity: float
    """How far the chunk is remembered, 0 to 1."""

    alike: tuple[float, ...] = ()
    """For each written chunk how far it is the one that is recalled, 0 to 1."""

    age: int | None = None
    """Writes since the chunk that is recalled most; None where nothing is."""

    is_reversed: bool = False
    """It is recalled time-reversed, under the inverse command."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Trace:
    """One written chunk."""

    marks: Tensor
    """What it is told by: keys of the chunk and of it time-reversed, (2, K); or, where the memory
    has none, the latents of its frames in half precision, (T, O)."""

    is_key: bool

    thumb: Frame


class Microscope:
    """Keeps a key and a thumbnail of every written chunk.

    Args:
        model: the slow weights.
    """

    def __init__(self, model: WorldModel) -> None:
        self._model = model
        self._traces: list[Trace] = []
        self.first = 0
        """Number of the oldest chunk that is still told apart."""

    @property
    def count(self) -> int:
        """Chunks noted, also those that are no longer told apart."""
        return self.first + len(self._traces)

    @torch.no_grad()
    def trace_of(self, write: Write, frame: Frame, memory: FastWeights) -> Trace:
        """Return what is kept of a chunk that is written, and of its last frame."""
        thumb, past_frames = thumbnail(frame, THUMB_SIDE), write.past_frames
        past, new = write.window.tensor_split([past_frames], dim=2)
        recaller, config = self._model.recaller, memory.config
        if recaller is None or not isinstance(config, RidgeConfig):
            return Trace(marks=_frames(new).half(), is_key=False, thumb=thumb)
        action = recaller.action_of(self._text(write.text).to(past))
        pairs = pairs_of(recaller.recall, past, new, action, both_ways=config.both_ways)
        keys = torch.cat([key for key, _ in pairs]).expand(2, -1)
        return Trace(marks=keys, is_key=True, thumb=thumb)

    def note(self, trace: Trace) -> None:
        """Note a chunk that was written."""
        self._traces.append(trace)
        if len(self._traces) > MOST_WRITES:
            del self._traces[0]
            self.first += 1

    def take_back(self, count: int) -> None:
        """Forget the chunks that were noted after the first `count`."""
        del self._traces[max(count - self.first, 0) :]
        self.first = min(self.first, count)

    def clear(self) -> None:
        """Forget all."""
        self._traces.clear()
        self.first = 0

    @torch.no_grad()
    def recall(self, past: Tensor, text: str, new: Tensor, familiarity: float) -> Recall:
        """Say what is recalled for a chunk.

        Args:
            past: clean latents before it, (1, C, P, h, w).
            text: its action.
            new: what was dreamed, (1, C, T, h, w).
            familiarity: of the chunk, as the memory told it.
        """
        if not self._traces:
            return Recall(familiarity=familiarity)
        marks_NMX = torch.stack([trace.marks for trace in self._traces]).float()
        is_key = self._traces[-1].is_key
        alike_NM = (
            self._alike_keys(marks_NMX, past, text)
            if is_key
            else familiarity * _alike_frames(marks_NMX, _frames(new)[-1])
        )
        alike_N, way_N = alike_NM.max(1)
        best = int(alike_N.argmax())
        return Recall(
            familiarity=familiarity,
            alike=tuple(round(value, 3) for value in alike_N.tolist()),
            age=len(self._traces) - best if float(alike_N[best]) >= LEAST_ALIKE else None,
            is_reversed=is_key and bool(way_N[best]),
        )

    def thumbs(self) -> NDArray[np.uint8] | None:
        """Return all thumbnails side by side, (H, N * W, 3); None where nothing was written."""
        if not self._traces:
            return None
        return np.concatenate([trace.thumb for trace in self._traces], axis=1)

    def tensors(self) -> dict[str, Tensor]:
        """Return what a saved session keeps of it."""
        if not self._traces:
            return {}
        thumbs = torch.from_numpy(np.stack([trace.thumb for trace in self._traces]))
        name = "keys" if self._traces[-1].is_key else "views"
        return {"thumbs": thumbs, name: torch.stack([trace.marks for trace in self._traces])}

    def load_(self, named: dict[str, Tensor], first: int) -> None:
        """Take over what `tensors` gave.

        Args:
            named: `thumbs` (N, side, side, 3), and `keys` (N, 2, K) or `views` (N, T, O).
            first: number of the oldest chunk among them.
        """
        self.first, is_key = first, "keys" in named
        marks, thumbs = named.get("keys", named.get("views")), named.get("thumbs")
        pairs = () if marks is None or thumbs is None else zip(marks, thumbs, strict=True)
        self._traces = [
            Trace(marks=mark, is_key=is_key, thumb=np.asarray(thumb.numpy()))
            for mark, thumb in pairs
        ]

    def _alike_keys(self, keys_N2K: Tensor, past: Tensor, text: str) -> Tensor:
        """Return how alike each chunk's keys are to the one that is asked for, 0 to 1, (N, 2)."""
        recaller = self._model.recaller
        assert recaller is not None  # noqa: S101 - there are keys
        asked_1K = recaller.keys_of(past, self._text(text).to(past))
        return (keys_N2K.to(asked_1K) @ asked_1K[0]).clamp(0, 1)

    def _text(self, text: str) -> Tensor:
        return self._model.text_encoder.encode([text])


def _frames(latents: Tensor) -> Tensor:
    """Return the frames of one clip's latents, (T, O)."""
    return latents[0].transpose(0, 1).flatten(1)


def _alike_frames(views_NTO: Tensor, frame_O: Tensor) -> Tensor:
    """Return how alike each frame of each chunk is to one frame, 0 to 1, (N, T)."""
    apart_NT = (views_NTO - frame_O.to(views_NTO)).square().mean(2)
    return (1 - apart_NT / UNLIKE).clamp(0, 1)
