"""Self-forced past: past frames as they will be in use, generated with the memory.

Chunk after chunk, a memory is read by what it gave before, and small errors grow unless it has
learned to lead them back. So some past frames that slow weights learn from are generated, by the
weights as they are, from some chunks before on. Where nothing is recalled the true frames stay: an
invented wall is no past of the true one.

Holds: `self_forced_past`. Axes: B windows, C channels, P past frames, N new frames, H and W cells.
"""

import torch
from torch import Tensor

from twospeed.training.recall.dual_ridge import Chunks
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.reading import Reading
from twospeed.worldmodel.sampler import sample


@torch.no_grad()
def self_forced_past(
    model: WorldModel,
    chunks: Chunks,
    picks_B: Tensor,
    *,
    depth: int,
    steps: int,
    generator: torch.Generator,
) -> Tensor:
    """Return the past of some chunks after `depth` generated ones, (B, C, P, H, W).

    Args:
        model: with the memories of the episodes attached.
        chunks: of all episodes.
        picks_B: places in `chunks`, as many of each episode, episode by episode; none is an
            episode's first chunk.
        depth: chunks that are generated one after the other; none starts before the
            second chunk of its episode.
        steps: sampling steps of each.
        generator: draws the noise.
    """
    number = len(chunks.past_BCPHW) // chunks.episodes
    past = chunks.past_BCPHW[_chunks_before(picks_B, depth, number)]
    for left in range(depth, 0, -1):
        places_B = _chunks_before(picks_B, left, number)
        reading = Reading.of(model.denoiser, past, chunks.text_BND[places_B])
        made = _generated(model, reading, chunks.new_BCNHW.shape[2], steps, generator)
        recalled_B = reading.score_B.clamp(0, 1) * (picks_B % number > left).to(past)
        made = torch.cat([past, made], dim=2)[:, :, -past.shape[2] :]
        true = chunks.past_BCPHW[_chunks_before(picks_B, left - 1, number)]
        past = true.lerp(made, recalled_B[:, None, None, None, None])
    return past


def _chunks_before(picks_B: Tensor, count: int, number: int) -> Tensor:
    """Return the places so many chunks before, but none before an episode's second chunk."""
    return picks_B - torch.minimum(torch.full_like(picks_B, count), picks_B % number - 1)


def _generated(
    model: WorldModel, reading: Reading, frames: int, steps: int, generator: torch.Generator
) -> Tensor:
    past_BCPHW = reading.past_BCPHW
    batch, channels, _, height, width = past_BCPHW.shape
    noise = torch.randn((batch, channels, frames, height, width), generator=generator)
    window = (channels, past_BCPHW.shape[2] + frames, height, width)
    return sample(
        reading,
        noise.to(past_BCPHW),
        past_BCTHW=past_BCPHW,
        steps=model.steps(window, steps),
    )
