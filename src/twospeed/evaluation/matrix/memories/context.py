"""Contexts without a search: the past alone, its last frame, more of it, and the first frame.

StreamingT2V's anchor is the first frame of the episode, put before the past. The backbone was
trained on the past of one chunk; longer contexts are as far as it stretches. Axes as in base.py.
"""

from torch import Tensor

from twospeed.evaluation.matrix.base import Keeper, Shown, next_chunk
from twospeed.worldmodel.model import WorldModel

LONG_FRAMES = 12
"""Frames of the longer context, with the past."""


class NoMemory:
    """The slow weights, given the past; of `frames` of it where that is not None."""

    def __init__(self, model: WorldModel, *, frames: int | None = None) -> None:
        self.model, self.frames = model, frames

    def learn(self, shown: Shown) -> None:
        """Keep nothing."""

    def follow(self, shown: Shown) -> None:
        """Keep nothing."""

    def generate(self, past_CPHW: Tensor, action: str, seed: int) -> Tensor:
        """Generate after the past."""
        past = past_CPHW if self.frames is None else past_CPHW[:, -self.frames :]
        return next_chunk(self.model, past, action, seed)

    def num_bytes(self) -> int:
        """Return 0."""
        return 0


class LongContext(Keeper):
    """The last `LONG_FRAMES` frames."""

    def __init__(self, model: WorldModel) -> None:
        super().__init__(model, most_frames=LONG_FRAMES)

    def follow(self, shown: Shown) -> None:
        """Keep it: this memory is nothing but what was last."""
        self.learn(shown)

    def learn(self, shown: Shown) -> None:
        """Keep it, and drop what is too old."""
        self.kept = [*self.kept, shown][-LONG_FRAMES // shown.new.shape[1] :]

    def chosen(self, past_CPHW: Tensor, action: str) -> list[Tensor]:  # noqa: ARG002
        """Return the chunks before the past."""
        return [it.new for it in self.kept[:-1]]


class FirstFrame(Keeper):
    """The first frame that was ever shown, before the past."""

    def __init__(self, model: WorldModel) -> None:
        super().__init__(model, most_frames=1 + model.settings.chunk_frames)
        self.first: Tensor | None = None

    def learn(self, shown: Shown) -> None:
        """Keep the first frame alone."""
        if self.first is None:
            self.first = shown.past[:, :1]

    def chosen(self, past_CPHW: Tensor, action: str) -> list[Tensor]:  # noqa: ARG002
        """Return the first frame."""
        return [] if self.first is None else [self.first]

    def num_bytes(self) -> int:
        """Return the bytes of that frame."""
        return 0 if self.first is None else self.first.numel() * self.first.element_size()
