"""A table of raw chunks and no network (protocols/lookup.py): what replay alone gives."""

import torch
from torch import Tensor

from twospeed.evaluation.matrix.base import Keeper, next_chunk
from twospeed.evaluation.protocols.lookup import LookUp
from twospeed.worldmodel.model import WorldModel


class Table(Keeper):
    """Replays the kept chunk of the same command whose past is nearest."""

    def __init__(self, model: WorldModel) -> None:
        super().__init__(model, most_frames=model.settings.chunk_frames)
        self._table: LookUp | None = None
        self._entries = 0

    def generate(self, past_CPHW: Tensor, action: str, seed: int) -> Tensor:
        """Replay; while nothing is kept, ask the backbone."""
        if not self.kept:
            return next_chunk(self.model, past_CPHW, action, seed)
        if self._table is None or self._entries != len(self.kept):
            start = self.kept[0].past[:, -1:]
            latents = torch.cat([start, *(it.new for it in self.kept)], dim=1)
            actions = [it.action for it in self.kept]
            is_single = self.model.rules.frames == 1
            self._table = LookUp(latents, actions, both_ways=is_single)
            self._entries = len(self.kept)
        return self._table.replay(past_CPHW, [action])
