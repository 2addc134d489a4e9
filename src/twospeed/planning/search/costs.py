"""What futures are scored by: likeness to what should be seen, and how well a place is known.

The novelty of a chunk is what its key adds to the keys that were written, ridge * kᵀ P k with the
matrix P of the ridge writer (memory/ridge_writer.py): 0 for a chunk that was written, 1 for one
unlike all of them. Unlike a familiarity score it does not saturate.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from twospeed.memory.config import RidgeConfig
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.ridge_writer import RidgeWriter
from twospeed.planning.search.base import Cost
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.reading import Reading


def unlike(goal_1CTHW: Tensor) -> Cost:
    """Return the cost of not looking like a chunk: mean squared error of latents."""

    def cost(past_BCTHW: Tensor, commands: Sequence[str], new_BCTHW: Tensor) -> Tensor:  # noqa: ARG001
        return (new_BCTHW - goal_1CTHW).square().mean((1, 2, 3, 4))

    return cost


def unknown(model: WorldModel, memory: FastWeights) -> Cost:
    """Return the cost of not having been seen: `novelty_of`."""

    def cost(past_BCTHW: Tensor, commands: Sequence[str], new_BCTHW: Tensor) -> Tensor:  # noqa: ARG001
        return novelty_of(model, memory, past_BCTHW, commands)

    return cost


@torch.no_grad()
def novelty_of(
    model: WorldModel, memory: FastWeights, past_BCTHW: Tensor, commands: Sequence[str]
) -> Tensor:
    """Return how new each command's chunk would be to a memory, 0 to 1, (B,).

    A past is looked at as it is and with its last frame repeated, as one that was reached in
    another way; the lesser counts. Memories that are no ridge solution say 1 - familiarity.
    """
    still = past_BCTHW[:, :, -1:].expand_as(past_BCTHW)
    text_BND = model.text_encoder.encode(commands).to(model.device)
    readings = [Reading.of(model.denoiser, past, text_BND) for past in (past_BCTHW, still)]
    writer, config = memory.writer, memory.config
    if not isinstance(writer, RidgeWriter) or not isinstance(config, RidgeConfig):
        known = torch.stack([memory.read(reading).familiarity_B for reading in readings])
        return 1 - known.amax(0)
    keys = torch.stack([reading.key_BK for reading in readings if reading.key_BK is not None])
    new = torch.einsum("sbk,kl,sbl->sb", keys, writer.inverse_EKK[0], keys)
    return (config.ridge * new).amin(0).clamp(0, 1)
