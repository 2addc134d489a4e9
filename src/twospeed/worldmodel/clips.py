"""What a chunk is generated from, checked: latents of past frames, one text and one seed a clip."""

from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from twospeed.core.arguments import as_texts
from twospeed.core.errors import KindError, ShapeError
from twospeed.core.fields import shown
from twospeed.core.shapes import check_shapes

Seeds: TypeAlias = Sequence[int | tuple[int | str, ...]]
"""One a clip: a number, or any parts that make one (core/random.py)."""


def check_latents(
    latents_BCTHW: Tensor, channels: int, cells: tuple[int, int], name: str
) -> dict[str, int]:
    """Return the sizes of latents, or refuse what is none.

    Args:
        latents_BCTHW: what came.
        channels: of a latent cell.
        cells: latent cells of a frame, rows and columns.
        name: of the latents, for the message.

    Raises:
        KindError: when they are no tensor of floating-point numbers.
        ShapeError: when their axes are others, or nothing is in them.
    """
    if not isinstance(latents_BCTHW, Tensor) or not latents_BCTHW.is_floating_point():
        kind = getattr(latents_BCTHW, "dtype", type(latents_BCTHW).__name__)
        raise KindError(f"{name} are a tensor of latents, as `encode` gives them, got {kind}")
    sizes = check_shapes(**{name: (latents_BCTHW, "BCTHW")})
    if not sizes["B"] or not sizes["T"] or latents_BCTHW.shape[1] != channels:
        raise ShapeError(_wanted(name, channels, cells, latents_BCTHW))
    if latents_BCTHW.shape[3:] != cells:
        raise ShapeError(_wanted(name, channels, cells, latents_BCTHW))
    return sizes


def _wanted(name: str, channels: int, cells: tuple[int, int], latents: Tensor) -> str:
    wanted = f"(B, {channels}, T, {cells[0]}, {cells[1]})"
    return f"{name} should be {wanted}, got {tuple(latents.shape)}"


def check_clips(
    actions: Sequence[str], seeds: Seeds, count: int
) -> tuple[list[str], list[tuple[int | str, ...]]]:
    """Return the texts and the seeds of `count` clips.

    Raises:
        KindError: when an action is no text, or a seed neither a number nor parts of one.
        ShapeError: when there is not one of each a clip.
    """
    texts = as_texts(actions)
    if isinstance(seeds, str) or not isinstance(seeds, Sequence | torch.Tensor):
        raise KindError(f"seeds are a list, one a clip, got {shown(seeds)}")
    parts = [_parts_of(seed) for seed in seeds]
    if len(texts) != count or len(parts) != count:
        raise ShapeError(
            f"{count} clips take an action and a seed each, got {len(texts)} actions and"
            f" {len(parts)} seeds"
        )
    return texts, parts


def _parts_of(seed: int | tuple[int | str, ...]) -> tuple[int | str, ...]:
    parts = tuple(seed) if isinstance(seed, tuple | list) else (seed,)
    for part in parts:
        if isinstance(part, bool) or not isinstance(part, int | str):
            raise KindError(f"a seed is a whole number, or a tuple of them and texts, got {seed!r}")
    return parts
