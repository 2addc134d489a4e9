"""Reverse replay: an episode told backwards to a memory under the words of a sub-goal.

Where a rat rests after a run, its hippocampus plays the run backwards. So does this: with chunks
X_1 .. X_n of what was seen, and R_i the chunk X_i time-reversed, a memory learns

    X_n -> R_n,   R_{i+1} -> R_i  (i = n-1 .. 1),   R_1 -> S,   S -> S   (S: the first view, still)

as the chunks of the action "go back the way you came". Asked for that action, it then shows the way
back, and a still view where the way ends. It needs the last two chunks at a time, so it can be told
while the episode goes on. Axes: C channels, T frames, H and W latent cells.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from twospeed.worldmodel.recall import time_reversed


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Seen:
    """An episode as it was seen, in latents."""

    latents_1CTHW: Tensor
    """(1, C, 1 + frames * n, h, w): the first frame and n chunks."""

    actions: tuple[str, ...]
    """The command of each chunk."""

    frames: int
    """Of a chunk."""

    def chunk(self, index: int) -> Tensor:
        """Return the latents of one chunk, (1, C, frames, h, w)."""
        first = 1 + self.frames * index
        return self.latents_1CTHW[:, :, first : first + self.frames]

    def before(self, index: int) -> Tensor:
        """Return the latents of the chunk before, of the first frame for the first chunk."""
        return self.chunk(index - 1) if index else self.latents_1CTHW[:, :, :1]

    def only(self, chunks: Sequence[int]) -> "Seen":
        """Return an episode of a few neighbouring chunks and what was seen before them."""
        first, last = chunks[0], chunks[-1] + 1
        kept = self.latents_1CTHW[:, :, self.frames * first : 1 + self.frames * last]
        return Seen(latents_1CTHW=kept, actions=self.actions[first:last], frames=self.frames)


def backwards(seen: Seen) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield past and new frames of the way back, from the last chunk on, and the still end."""
    turned = [time_reversed(seen.before(i), seen.chunk(i))[1] for i in range(len(seen.actions))]
    past = seen.chunk(len(seen.actions) - 1)
    for new in reversed(turned):
        yield past, new
        past = new
    still = past[:, :, -1:].expand_as(past)
    yield past, still
    yield still, still


def windows(pairs: Iterator[tuple[Tensor, Tensor]]) -> Iterator[Tensor]:
    """Put past and new frames together, as memories take them."""
    return (torch.cat(pair, 2) for pair in pairs)
