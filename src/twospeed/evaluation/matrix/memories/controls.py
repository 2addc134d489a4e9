"""What no memory should lose to: the last frame held, the last chunk again. Axes as in base.py."""

from torch import Tensor

from twospeed.evaluation.matrix.base import Shown
from twospeed.worldmodel.model import WorldModel


class Held:
    """Repeats the last frames that it saw, `frames` of them."""

    def __init__(self, model: WorldModel, *, frames: int) -> None:
        self.length, self.frames = model.settings.chunk_frames, frames

    def learn(self, shown: Shown) -> None:
        """Keep nothing."""

    def follow(self, shown: Shown) -> None:
        """Keep nothing."""

    def generate(self, past_CPHW: Tensor, action: str, seed: int) -> Tensor:  # noqa: ARG002
        """Repeat."""
        last = past_CPHW[:, -self.frames :]
        times = -(-self.length // last.shape[1])
        return last.repeat(1, times, 1, 1)[:, : self.length]

    def num_bytes(self) -> int:
        """Return 0."""
        return 0
