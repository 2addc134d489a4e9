"""What one does with memories: merge, forget, compare. Files stay as they are (files.py)."""

import dataclasses

import torch
from torch import Tensor

from twospeed.core.arguments import check_kind
from twospeed.core.errors import ConfigError, DataError
from twospeed.core.fields import checked
from twospeed.core.ranges import Share
from twospeed.memory.config import RidgeConfig, ViewConfig
from twospeed.memory.memory_file import MemoryFile, belongs_to
from twospeed.memory.ridge_writer import loosened
from twospeed.memory.views.stored import joined
from twospeed.worldmodel.rendering.renderer import LAYER


def merge(first: MemoryFile, second: MemoryFile, *, share: float = 0.5) -> MemoryFile:
    """Blend two memories of one model: ``share`` of the first, the rest of the second.

    The blend is exact on the added weights: where the two share their `down`, `up` is blended;
    elsewhere ranks add up, so nothing is lost to averaging. The blend has no state of a writer:
    later writes begin as into an empty memory.

    Raises:
        KindError: when one is no memory file.
        DataError: when they belong to different slow weights or layers.
        ConfigError: when `share` is not in [0, 1], or views of memories that did not begin as one
            are to be merged.
    """
    share = checked(share, Share, "share")
    for one in (first, second):
        check_kind(one, MemoryFile, "a memory to merge")
    if not belongs_to(first, second.model_hash) or _shapes(first) != _shapes(second):
        raise DataError(
            f"memories of different models cannot be merged: {first.model_hash} and"
            f" {second.model_hash}"
        )
    if isinstance(first.config, ViewConfig):
        return _joined_views(first, second, share)
    records = first.records + second.records
    if all(torch.equal(first.down[n], second.down[n]) for n in first.up):
        up = {n: torch.lerp(second.up[n], first.up[n], share) for n in first.up}
        return dataclasses.replace(first, records=records, up=up, writer={})
    rank = first.config.rank + second.config.rank
    return MemoryFile(
        model_hash=first.model_hash,
        config=dataclasses.replace(first.config, rank=rank),
        records=records,
        part=first.part,
        down={n: torch.cat([first.down[n], second.down[n]], dim=0) for n in first.up},
        up={
            n: torch.cat([share * first.up[n], (1 - share) * second.up[n]], dim=1) for n in first.up
        },
    )


def forget(file: MemoryFile, *, share: float) -> MemoryFile:
    """Return the memory with this share of its added weights gone; 1 leaves an empty one.

    What is forgotten may be written over: the matrix of the least squares goes as far towards that
    of an empty memory, as it does with `anchor`. Of views, the first share goes whole.

    Raises:
        KindError: when it is no memory file.
        ConfigError: when `share` is not in [0, 1].
    """
    share = checked(share, Share, "share")
    check_kind(file, MemoryFile, "a memory to forget")
    if isinstance(file.config, ViewConfig):
        return _without_first_views(file, share)
    up = {name: (1 - share) * up for name, up in file.up.items()}
    return dataclasses.replace(file, up=up, writer=_looser(file, share))


def _joined_views(first: MemoryFile, second: MemoryFile, share: float) -> MemoryFile:
    """Return all views of both; where both know a pose, those of the one with the greater share."""
    mine, other = (first, second) if share >= 0.5 else (second, first)
    if not isinstance(mine.config, ViewConfig) or not isinstance(other.config, ViewConfig):
        raise ConfigError("a memory of views cannot be merged with one that was written otherwise")
    rows = joined((mine.down, mine.up), (other.down, other.up), mine.config.same_view)
    return dataclasses.replace(
        mine,
        records=max(first.records, second.records, key=len),
        down={LAYER: rows.down_R5},
        up={LAYER: rows.up_OR},
    )


def _without_first_views(file: MemoryFile, share: float) -> MemoryFile:
    down, up = ({name: it.clone() for name, it in half.items()} for half in (file.down, file.up))
    for name in down:
        is_there = down[name][:, 0].bool()
        gone = is_there.nonzero()[: round(share * int(is_there.sum())), 0]
        down[name][gone] = 0
        up[name][:, gone] = 0
    return dataclasses.replace(file, down=down, up=up)


def _looser(file: MemoryFile, share: float) -> dict[str, Tensor]:
    if not (isinstance(file.config, RidgeConfig) and file.writer):
        return file.writer
    return {name: loosened(it, file.config, share) for name, it in file.writer.items()}


def difference(first: MemoryFile, second: MemoryFile) -> dict[str, dict[str, float]]:
    """Compare two memories layer by layer: both norms, the distance, and the cosine.

    Raises:
        KindError: when one of them is no memory.
        DataError: when they do not have the same layers.
    """
    for one in (first, second):
        check_kind(one, MemoryFile, "a memory to compare")
    if _shapes(first) != _shapes(second):
        raise DataError("these memories have different layers; they cannot be compared")
    return {name: _compare(first.delta(name), second.delta(name)) for name in sorted(first.up)}


def _shapes(file: MemoryFile) -> dict[str, tuple[int, int]]:
    """Return layer -> outputs and inputs."""
    return {name: (len(up), file.down[name].shape[1]) for name, up in file.up.items()}


def _compare(first: Tensor, second: Tensor) -> dict[str, float]:
    norms = float(first.norm()), float(second.norm())
    return {
        "first": norms[0],
        "second": norms[1],
        "distance": float((first - second).norm()),
        "cosine": float((first * second).sum()) / max(norms[0] * norms[1], 1e-12),
    }
