"""Batches to learn from: clips, some of which no command explains, and pictures that are not clean.

Generated frames are paler and softer than true ones; light, noise and blur keep a network from
leaning on what they lack.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from twospeed.core.fields import check_fields
from twospeed.core.ranges import Batch, Share, Within
from twospeed.core.video import Frames
from twospeed.planning.inverse.clips import ClipSet


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawingConfig:
    """How batches are drawn."""

    batch_size: Batch = 32
    """Clips in a batch."""

    none_share: Share = 0.2
    """Share of the clips that are made into one that no command explains."""

    spoiled_share: Share = 0.5
    """Share of the clips whose light, noise and sharpness are changed."""

    noise: Annotated[float, Within(0, 255)] = 6.0
    """Greatest deviation of that noise, in grey levels."""

    def __post_init__(self) -> None:
        check_fields(self)


def draw_batch(
    clips: ClipSet, config: DrawingConfig, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Draw clips, all labels with equal chance.

    Returns:
        What a network reads, (B, 3 * frames, H, W), and labels (B,).
    """
    numbers = np.random.default_rng(int(torch.randint(2**31, (), generator=generator)))
    chosen = _even(clips.labels_N, config.batch_size, numbers)
    frames, labels = clips.clips(chosen), clips.labels_N[chosen].copy()
    is_none = numbers.random(len(labels)) < config.none_share
    frames[is_none] = _unexplained(clips, chosen[is_none], numbers)
    labels[is_none] = len(clips.commands)
    pixels = network_input(frames)
    spoil_(pixels, share=config.spoiled_share, noise=config.noise, generator=generator)
    return pixels, torch.from_numpy(labels)


def spoil_(pixels_BCHW: Tensor, *, share: float, noise: float, generator: torch.Generator) -> None:
    """Change light, noise and sharpness of a share of the pictures in place.

    Args:
        pixels_BCHW: what a network reads, -1 to 1.
        share: of the pictures, 0 to 1.
        noise: greatest deviation, in grey levels.
        generator: draws which, and how much.
    """
    chosen_B = torch.rand(len(pixels_BCHW), generator=generator) < share
    pixels_BCHW[chosen_B] = _spoiled(pixels_BCHW[chosen_B], noise / 127.5, generator)


def network_input(clips_BTHWC: Frames) -> Tensor:
    """Return frames as a network reads them: (B, 3 * T, H, W), -1 to 1."""
    pixels = torch.from_numpy(np.ascontiguousarray(clips_BTHWC)).permute(0, 1, 4, 2, 3)
    return pixels.flatten(1, 2).float() / 127.5 - 1


def _even(
    labels_N: NDArray[np.int64], count: int, numbers: np.random.Generator
) -> NDArray[np.int64]:
    kinds = np.unique(labels_N)
    wanted = numbers.choice(kinds, count)
    return np.array([numbers.choice(np.flatnonzero(labels_N == kind)) for kind in wanted], np.int64)


def _unexplained(clips: ClipSet, chosen: NDArray[np.int64], numbers: np.random.Generator) -> Frames:
    """Return chunks that do not follow on the frame before: of elsewhere, or of nothing at all."""
    frames = clips.clips(chosen)
    others = clips.clips(numbers.integers(len(clips), size=len(chosen)))
    for clip, other in zip(frames, others, strict=True):
        kind = numbers.integers(3)
        clip[1:] = (other[1:], clip[:1].repeat(len(clip) - 1, 0), clip[1:][::-1].copy())[kind]
        if kind == 2:
            clip[0] = other[0]
    return frames


def _spoiled(pixels_BCHW: Tensor, noise: float, generator: torch.Generator) -> Tensor:
    batch = len(pixels_BCHW)

    def drawn(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand((batch, 1, 1, 1), generator=generator)

    blurred = functional.avg_pool2d(pixels_BCHW, 3, 1, 1, count_include_pad=False)
    softer = pixels_BCHW.lerp(blurred, drawn(0, 1))
    lit = softer * drawn(0.85, 1.15) + drawn(-0.1, 0.1)
    return lit + drawn(0, noise) * torch.randn(lit.shape, generator=generator)
