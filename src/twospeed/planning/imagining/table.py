"""The cheapest video planner: a table of the raw chunks of the way back, and no network.

Asked for the way back, it shows the chunk whose past is nearest to what is seen now.
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
