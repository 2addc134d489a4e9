"""Whole episodes in chunks, and what all writes to their memories together come to.

The writes of memory/ridge_writer.py, one after the other, have one closed form; it can be
differentiated at the cost of one small system of equations.

Holds: `Chunks`, `cut`, `Memories`, `dual_ridge_solution`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from twospeed.training.data.latents import EpisodeLatents
from twospeed.worldmodel.recall import LOOKS_AT


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Chunks:
    """All chunks of E episodes side by side: M chunks of N frames, B = E * M clips in a row."""

    past_BCPHW: Tensor
    """Latents before each chunk."""

    new_BCNHW: Tensor
    """Latents of each chunk."""

    text_BND: Tensor
    """Features of each chunk's action."""

    inverse_BND: Tensor
    """Features of each action's inverse; zeros where none is known."""

    episodes: int
    """E."""

    written: int
    """How many chunks of each episode are written."""

    def apart(self, tensor: Tensor) -> Tensor:
        """View (E * M, ...) as (E, M, ...)."""
        view: Tensor = tensor.unflatten(0, (self.episodes, -1))
        return view


def cut(episodes: Sequence[EpisodeLatents], past_frames: int = LOOKS_AT) -> tuple[Tensor, Tensor]:
    """Cut episodes into chunks, as many as the shortest has.

    Args:
        episodes: cached ones.
        past_frames: P.

    Returns:
        Past frames (E, M, C, P, H, W), where those before an episode's first frame are like it, and
        new frames (E, M, C, N, H, W).
    """
    chunks = min(len(episode.actions) for episode in episodes)
    frames = episodes[0].chunk_frames
    latents = [
        torch.from_numpy(episode.latents_TCHW[: 1 + frames * chunks].astype("float32"))
        for episode in episodes
    ]
    latents_ECTHW = torch.stack(latents).transpose(1, 2)
    new = latents_ECTHW[:, :, 1:].unflatten(2, (chunks, frames)).transpose(1, 2)
    before = latents_ECTHW[:, :, :1].expand(-1, -1, past_frames - 1, -1, -1)
    padded = torch.cat([before, latents_ECTHW], dim=2)
    past = padded.unfold(2, past_frames, frames)[:, :, :chunks]  # (E, C, M, H, W, P)
    return past.permute(0, 2, 1, 5, 3, 4), new


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Memories:
    """The fast weights up @ down of E episodes; their rank is M, the number of writes."""

    down_EMK: Tensor
    """The keys."""

    up_EOM: Tensor
    """What each of them gives."""

    def read(self, keys_EMK: Tensor) -> Tensor:
        """Return what they add to the layer's guesses at other keys, (E, M, O)."""
        return keys_EMK @ self.down_EMK.mT @ self.up_EOM.mT

    def passed_on(self) -> "Memories":
        """Give every episode the memory of its neighbour."""
        return Memories(down_EMK=self.down_EMK.roll(1, 0), up_EOM=self.up_EOM.roll(1, 0))


def dual_ridge_solution(keys_EMK: Tensor, errors_EMO: Tensor, *, ridge: float) -> Memories:
    """Return what M writes make of empty memories: see memory/ridge_writer.py.

    Ridge regression in its dual form, in terms of the chunks: X of (K Kᵀ + ridge I) X = errors.
    """
    dtype = torch.promote_types(keys_EMK.dtype, torch.float32)  # half cannot be solved in
    keys_EMK, errors_EMO = keys_EMK.to(dtype), errors_EMO.to(dtype)
    added = ridge * torch.eye(keys_EMK.shape[1]).to(keys_EMK)
    shares_EMO = torch.linalg.solve(keys_EMK @ keys_EMK.mT + added, errors_EMO)
    return Memories(down_EMK=keys_EMK, up_EOM=shares_EMO.mT)
