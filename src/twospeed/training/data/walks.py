"""Walks: some chunks of an episode in a row, and the frames before them."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from twospeed.training.data.windows import LatentWindows
from twospeed.worldmodel.text import TextEncoder


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Walks:
    """G chunks of N frames in a row, of B episodes."""

    latents_BCTHW: Tensor
    """Clean latents: P past frames and G * N new ones."""

    text_GBND: Tensor
    """Features of the action of every chunk."""

    past_frames: int
    """P."""

    @property
    def past_BCPHW(self) -> Tensor:
        """The frames before."""
        return self.latents_BCTHW[:, :, : self.past_frames]

    @property
    def chunk_frames(self) -> int:
        """N."""
        return (self.latents_BCTHW.shape[2] - self.past_frames) // len(self.text_GBND)

    def to(self, like: Tensor) -> "Walks":
        """Return the walks on the device of `like`, in its precision."""
        latents, text = self.latents_BCTHW.to(like), self.text_GBND.to(like)
        return Walks(latents_BCTHW=latents, text_GBND=text, past_frames=self.past_frames)

    def seen(self) -> Tensor:
        """Return every chunk after the frame before it, chunk by chunk, (G * B, C, 1 + N, H, W)."""
        after, size = self.latents_BCTHW[:, :, self.past_frames - 1 :], self.chunk_frames
        return torch.cat(list(after.unfold(2, 1 + size, size).permute(2, 0, 1, 5, 3, 4)))


def draw_walks(
    windows: LatentWindows,
    generator: torch.Generator,
    *,
    walks: int,
    chunks: int,
    past_frames: int,
    new_frames: int,
    text_encoder: TextEncoder,
    even_share: float = 0.0,
) -> Walks:
    """Draw walks.

    Args:
        windows: cached episodes.
        generator: decides everything.
        walks: how many, B.
        chunks: of each, G.
        past_frames: before them, P.
        new_frames: of a chunk, N.
        text_encoder: encodes one of each action's sayings.
        even_share: share of the walks whose last action is drawn first, all texts alike.

    Raises:
        ConfigError: when no episode is so long.
    """
    latents, texts = [], []
    for _ in range(walks):
        episode, last = windows.draw_place(
            generator,
            past_frames=past_frames + new_frames * (chunks - 1),
            new_frames=new_frames,
            even_share=even_share,
        )
        end = 1 + new_frames * (last + 1)
        latents.append(episode.latents_TCHW[end - new_frames * chunks - past_frames : end])
        actions = episode.actions[last + 1 - chunks : last + 1]
        texts += [windows.said(action, generator) for action in actions]
    text = text_encoder.encode(texts)
    return Walks(
        latents_BCTHW=torch.from_numpy(np.stack(latents).astype(np.float32)).transpose(1, 2),
        text_GBND=text.unflatten(0, (walks, chunks)).transpose(0, 1),
        past_frames=past_frames,
    )
