"""What is imagined of many commands in one call. Axes: B futures, C channels, T frames, H, W cells.

Where a model has a recall layer, a future is what that layer gives with the fast weights of the
episode: one product, without denoising. Other models generate their futures.
"""

from collections.abc import Sequence

from torch import Tensor

from twospeed.core.random import seed_of
from twospeed.memory.fast_weights import FastWeights
from twospeed.planning.imagining.glance import glance
from twospeed.worldmodel.model import WorldModel


def next_chunks(
    model: WorldModel,
    memory: FastWeights | None,
    past_BCTHW: Tensor,
    futures: Sequence[tuple[str, ...]],
    seed: int,
) -> Tensor:
    """Return the chunk that the last command of each future brings, (B, C, T, H, W).

    Args:
        model: imagines.
        memory: fast weights of this episode, or None.
        past_BCTHW: clean latents before that chunk.
        futures: commands so far, one a chunk.
        seed: with the commands, decides the noise.
    """
    commands = [future[-1] for future in futures]
    new = glance(model, memory, past_BCTHW, commands)
    if new is not None:
        return new
    parts = [("search", seed_of(seed, len(future) - 1, *future[:-1])) for future in futures]
    return model.generate(past_BCTHW, commands, parts, fast_weights=memory)
