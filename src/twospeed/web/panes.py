"""All panes of a session between latents and frames, chunk by chunk, undone as all else.

Where an autoencoder packs time, a chunk's frames depend on those before it: what the decoder keeps
of them is a part of every moment (history.py). Axes: B panes, C channels, T frames.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from twospeed.core.errors import DataError
from twospeed.core.pictures import Frame
from twospeed.core.video import Frames
from twospeed.worldmodel.codec import FrameStream
from twospeed.worldmodel.model import WorldModel

State = Mapping[str, Tensor]
"""What the next chunk's frames depend on, by name; empty where every frame is a latent."""


class PaneStream:
    """The panes of one session.

    Args:
        model: whose autoencoder it is.
        count: B.
        first: the frame that all panes begin with, uint8 (H, W, 3).
    """

    def __init__(self, model: WorldModel, count: int, first: Frame) -> None:
        self.model, self.count = model, count
        self.state: State = {}
        self._after: State = {}
        self.first: Tensor = self.see(first[None])
        self.go_on()

    def frames_of(self, new_BCTHW: Tensor) -> Iterator[NDArray[np.uint8]]:
        """Yield the frames (B, H, W, 3) of a chunk, the first ones before the others are decoded.

        The session has not gone on yet: the same chunk can be shown again.
        """
        stream = self._stream()
        for part in new_BCTHW.tensor_split([1], dim=2):
            if part.shape[2]:
                yield from stream.next(part).swapaxes(0, 1)
        self._after = stream.state()

    def see(self, frames: Frames) -> Tensor:
        """Return the latents (B, C, T, H, W) of real frames that come next in all panes."""
        stream = self._stream()
        is_packed = self.model.rules.frames > 1
        chunk = np.stack([frames] * (self.count if is_packed else 1))
        new = stream.encode(chunk).to(self.model.device)
        stream.skip(new, chunk)
        self._after = stream.state()
        return new.expand(self.count, -1, -1, -1, -1)

    def go_on(self) -> None:
        """Take the chunk that was shown or seen last as done."""
        self.state = self._after

    def open_(self, state: State) -> None:
        """Go on from a saved state.

        Raises:
            DataError: when it is that of another autoencoder or of other frames.
        """
        for name, begun in self.state.items():
            kept = state.get(name, begun)
            if kept.dtype != begun.dtype or _place(kept) != _place(begun):
                raise DataError(f"its {name} does not fit the model")
        stream = self.model.stream()
        stream.load_state_(dict(state))
        self.state = stream.state()

    def _stream(self) -> FrameStream:
        stream = self.model.stream()
        stream.load_state_(dict(self.state))
        return stream


def _place(kept: Tensor) -> tuple[int, ...]:
    """Return all sides but the one of time: of latents the third, of frames the second."""
    time = 1 if kept.dtype == torch.uint8 else 2
    return (*kept.shape[:time], *kept.shape[time + 1 :])
