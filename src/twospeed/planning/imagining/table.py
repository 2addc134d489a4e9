"""The cheapest video planners: the raw chunks of the way back, looked up without fast weights.

`TablePlanner` shows the chunk whose past is nearest to what is seen now; `NumberedPlanner` counts.
"""

import torch
from torch import Tensor

from twospeed.planning.imagining.base import Imagined
from twospeed.planning.imagining.replay import Seen, backwards
from twospeed.worldmodel.model import WorldModel


class TablePlanner:
    """Looks chunks up; see `VideoPlanner`.

    Args:
        model: whose latents are compared.
        seen: the episode.
    """

    def __init__(self, model: WorldModel, seen: Seen) -> None:
        self.model = model
        self.num_imagined = 0
        self._pairs = list(backwards(seen))

    def imagine(self, text: str, past_1CTHW: Tensor, seed: int) -> Imagined:  # noqa: ARG002
        """Return the nearest chunk; see `VideoPlanner`."""
        last = past_1CTHW[:, :, -1:]
        away = [(past[:, :, -1:] - last).square().mean().item() for past, _ in self._pairs]
        new = self._pairs[away.index(min(away))][1]
        shown = torch.cat([last, new], 2)
        self.num_imagined += new.shape[2]
        return Imagined(frames=self.model.decode(shown)[0], latents=new, familiarity=1.0)

    def see(self, past_1CTHW: Tensor, new_1CTHW: Tensor, action: str) -> None:
        """Learn nothing: the table holds what was seen before the way back."""


class NumberedPlanner:
    """Shows the n-th chunk of the way back when it is asked for the n-th time; see `VideoPlanner`.

    Args:
        model: decodes latents.
        seen: the episode.
    """

    def __init__(self, model: WorldModel, seen: Seen) -> None:
        self.model = model
        self.num_imagined = 0
        self._chunks = [new for _, new in backwards(seen)]
        self._asked = 0

    def imagine(self, text: str, past_1CTHW: Tensor, seed: int) -> Imagined:  # noqa: ARG002
        """Return the next chunk of the list, its last one at familiarity 0 where the list ended."""
        is_known = self._asked < len(self._chunks)
        new = self._chunks[min(self._asked, len(self._chunks) - 1)]
        self._asked += 1
        self.num_imagined += new.shape[2]
        shown = torch.cat([past_1CTHW[:, :, -1:], new], 2)
        frames = self.model.decode(shown)[0]
        return Imagined(frames=frames, latents=new, familiarity=float(is_known))

    def see(self, past_1CTHW: Tensor, new_1CTHW: Tensor, action: str) -> None:
        """Learn nothing: the list holds what was seen before the way back."""
