"""What stands beside clips, made of the true ones.

frozen   the first true frame, repeated
copy     the first true chunk, repeated
truth    the true clips themselves; distances of sets between their halves
coded    the true clips through a model's autoencoder, where one is named: what it could reach
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from twospeed.core.errors import ShapeError
from twospeed.core.video import Frames
from twospeed.evaluation.protocols.coding import coded_clip
from twospeed.evaluation.videos.clips import Clip
from twospeed.evaluation.videos.finding import Say
from twospeed.worldmodel.model import WorldModel


@dataclass(frozen=True, kw_only=True, slots=True)
class Autoencoder:
    """That of a model, and the name that the model was asked for by."""

    name: str
    model: WorldModel

    @classmethod
    def of(cls, name: str) -> "Autoencoder":
        """Load a packaged model, or one from a folder.

        Raises:
            UnknownNameError, DataError: as `WorldModel.from_pretrained`.
        """
        return cls(name=name, model=WorldModel.from_pretrained(name))

    def coded(self, clip: Clip, *, say: Say) -> dict[str, Frames]:
        """Return the control of a true clip; none, and a line, where it has another size."""
        try:
            return {"coded": coded_clip(self.model, clip.frames)}
        except ShapeError as error:
            say(f"{clip.path}: not coded by {self.name}: {error}")
            return {}

    def to_json(self) -> dict[str, Any]:
        """Return what tells it from others."""
        return {"model": self.name, "hash": self.model.hash()}


def controls_of(real_THWC: Frames, chunk_frames: int) -> dict[str, Frames]:
    """Return the controls of a true clip that need no model, each of its shape."""
    index = np.arange(len(real_THWC)) % min(chunk_frames, len(real_THWC))
    return {
        "frozen": np.repeat(real_THWC[:1], len(real_THWC), axis=0),
        "copy": real_THWC[index],
        "truth": real_THWC,
    }
