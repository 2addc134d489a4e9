"""Scenes that look almost the same: a perceptual hash of first frames, compared in pairs."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from twospeed.worlds.base import Frame

MOST_BITS = 12
"""Frames whose hashes differ in at most so many of 128 bits are near-duplicates..."""

MOST_LEVELS = 6.0
"""...if their colours, on a grid of four by four, differ by at most so much of 255 on average."""

_STEP = 4  # smaller steps are noise
_BLOCK = 256


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Look:
    """What a frame looks like from afar."""

    bits: NDArray[np.uint64]
    """(2,): where it gets brighter, to the right and downwards, on a grid of eight by eight."""

    colours: NDArray[np.uint8]
    """(48,): the colours of a grid of four by four."""


def look_of(frame_HWC: Frame) -> Look:
    """Return what a frame looks like from afar."""
    picture = Image.fromarray(frame_HWC)
    grey = np.asarray(picture.convert("L").resize((9, 9), Image.Resampling.BOX)).astype(int)
    steps = np.stack([np.diff(grey, axis=1)[:8], np.diff(grey, axis=0)[:, :8]]) > _STEP
    colours = np.asarray(picture.resize((4, 4), Image.Resampling.BOX)).ravel()
    return Look(
        bits=np.packbits(steps.reshape(2, 64), axis=1).view(np.uint64)[:, 0], colours=colours
    )


def alike(looks: list[Look], groups: list[str]) -> Iterator[tuple[int, int, int]]:
    """Yield (index, index, bits that differ) of near-duplicates that are of different groups.

    Args:
        looks: of frames.
        groups: what each belongs to; two of one group are not compared.
    """
    if not looks:
        return
    bits = np.stack([look.bits for look in looks])
    colours = np.stack([look.colours for look in looks]).astype(np.int16)
    kinds = np.unique(groups, return_inverse=True)[1]
    for start in range(0, len(looks), _BLOCK):
        block = slice(start, start + _BLOCK)
        differing = np.bitwise_count(bits[block, None] ^ bits[None]).sum(axis=-1)
        close = (differing <= MOST_BITS) & (kinds[block, None] != kinds[None])
        for row, column in np.argwhere(close).tolist():
            one = start + row
            levels = np.abs(colours[one] - colours[column]).mean()
            if one < column and levels <= MOST_LEVELS:
                yield one, column, int(differing[row, column])
