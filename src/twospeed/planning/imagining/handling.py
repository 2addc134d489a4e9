"""A memory that leads a hand back: the chunks of an episode backwards, each under its number.

From the view where the way back begins, still, the n-th time-reversed chunk follows under the n-th
numeral. Nothing of the way is in the key but its number, so what is recalled does not depend on how
the hand comes along. Numerals are pairs of commands, since the text encoder tells these apart.
Axes: as in replay.py.
"""

from collections.abc import Sequence

import torch

from twospeed.memory.config import FastLearningConfig
from twospeed.memory.fast_weights import FastWeights
from twospeed.planning.imagining.replay import Seen
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.recall import time_reversed

_STRIDE = 5  # of the second word against the first, so that pairs differ in both


def numeral(number: int, commands: Sequence[str]) -> str:
    """Return the words that stand for a number from 0 on.

    Args:
        number: below the square of the number of commands.
        commands: of the world.
    """
    round_, first = divmod(number, len(commands))
    return f"{commands[first]}, {commands[(_STRIDE * first + round_) % len(commands)]}"


@torch.no_grad()
def memory_of_handling(
    model: WorldModel,
    config: FastLearningConfig,
    seen: Seen,
    *,
    commands: Sequence[str],
    seed: int,
) -> FastWeights:
    """Return fast weights that learned the way back of an episode.

    Args:
        model: the slow weights.
        config: how to write.
        seen: the episode.
        commands: numerals are made of.
        seed: of the writes.
    """
    memory = FastWeights(model, config, seeds=(seed,))
    for number, index in enumerate(reversed(range(len(seen.actions)))):
        _, back = time_reversed(seen.before(index), seen.chunk(index))
        still = seen.latents_1CTHW[:, :, -1:].expand_as(back)
        window = torch.cat([still, back], 2)
        memory.observe(window, [numeral(number, commands)], past_frames=seen.frames)
    return memory
