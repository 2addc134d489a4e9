"""The recall microscope: which of the chunks that were written a memory recalls, and of what age.

A memory of least squares reads by keys, one a chunk, and a chunk is recalled as far as its key is
like the one that is asked for; it also knows each chunk time-reversed, by a second key. Memories
written otherwise have no keys: of them only the familiarity of a whole chunk is known. Axes: N
written chunks, K features of a key.
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
from twospeed.worldmodel.contract import recall_denoiser
from twospeed.worldmodel.model import WorldModel

MOST_WRITES = 512
"""Written chunks that are told apart, the latest ones."""

THUMB_SIDE = 32
"""Pixels of a thumbnail's side at most."""

LEAST_ALIKE = 0.2
"""Likeness of keys below which nothing is said to be recalled."""


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


@dataclass(kw_only=True, eq=False, slots=True)
class Trace:
    """One written chunk."""

    keys: Tensor | None
    """Of the chunk and of it time-reversed, (1 or 2, K)."""

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

    def trace_of(self, write: Write, frame: Frame, memory: FastWeights) -> Trace:
        """Return what is kept of a chunk that is written, and of its last frame."""
        keys = self._keys_of(write, memory)
        return Trace(keys=keys, thumb=thumbnail(frame, THUMB_SIDE))

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
    def recall(self, past: Tensor, text: str, familiarity: float) -> Recall:
        """Say what is recalled for the chunk that follows a past under an action.

        Args:
            past: clean latents, (1, C, P, h, w).
            text: the action.
            familiarity: of the chunk, as the memory told it.
        """
        denoiser = recall_denoiser(self._model.denoiser)
        stacks = [trace.keys for trace in self._traces]
        if denoiser is None or not stacks or any(keys is None for keys in stacks):
            return Recall(familiarity=familiarity)
        asked_1K = denoiser.keys_of(past, self._text(text).to(past))
        keys_N2K = torch.stack([keys.expand(2, -1) for keys in stacks if keys is not None])
        alike_N2 = (keys_N2K @ asked_1K[0]).clamp(0, 1)
        alike_N, way_N = alike_N2.max(1)
        best = int(alike_N.argmax())
        return Recall(
            familiarity=familiarity,
            alike=tuple(round(value, 3) for value in alike_N.tolist()),
            age=len(stacks) - best if float(alike_N[best]) >= LEAST_ALIKE else None,
            is_reversed=bool(way_N[best]),
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
        keys = [trace.keys.expand(2, -1) for trace in self._traces if trace.keys is not None]
        named = {"thumbs": thumbs}
        if len(keys) == len(self._traces):
            named["keys"] = torch.stack(keys).contiguous()
        return named

    def load_(self, named: dict[str, Tensor], first: int) -> None:
        """Take over what `tensors` gave.

        Args:
            named: `thumbs` (N, side, side, 3), and `keys` (N, 2, K) where there are any.
            first: number of the oldest chunk among them.
        """
        self.first, self._traces = first, []
        if "thumbs" not in named:
            return
        keys = named.get("keys")
        for place, thumb in enumerate(named["thumbs"]):
            one = None if keys is None else keys[place]
            self._traces.append(Trace(keys=one, thumb=np.asarray(thumb.numpy())))

    @torch.no_grad()
    def _keys_of(self, write: Write, memory: FastWeights) -> Tensor | None:
        denoiser, config = recall_denoiser(self._model.denoiser), memory.config
        if denoiser is None or not isinstance(config, RidgeConfig):
            return None
        past, new = write.window.tensor_split([write.past_frames], dim=2)
        action = denoiser.action_of(self._text(write.text).to(past))
        pairs = pairs_of(denoiser.recall, past, new, action, both_ways=config.both_ways)
        return torch.cat([key for key, _ in pairs])

    def _text(self, text: str) -> Tensor:
        return self._model.text_encoder.encode([text])
