"""One episode's memory as a value: copied out of fast weights, put into others.

Holds: `MemoryFile`, `memory_of`, `check_belongs`, `restore_`, `open_memories`. Holds not: how it
lies on disk (files.py), what is made of two (edits.py). Axes: R rank, I and O features in and out
of a layer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

import torch
from torch import Tensor

from twospeed.core.arguments import check_kind
from twospeed.core.errors import DataError, KindError, ShapeError
from twospeed.core.fields import checked
from twospeed.core.ranges import Within
from twospeed.memory.adapter_files import check_halves
from twospeed.memory.config import FastLearningConfig, GradientConfig, RidgeConfig, ViewConfig
from twospeed.memory.fast_weights import FastWeights, WriteRecord
from twospeed.memory.ways import hash_of
from twospeed.memory.writer import check_state
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.renamed import are_of_one_line


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoryFile:
    """One episode's memory, as it lies on disk.

    Raises:
        DataError: when the weights are no whole pairs of finite numbers of the configured rank.
    """

    model_hash: str
    """Hash of the slow weights it belongs to."""

    config: FastLearningConfig
    """How it was written."""

    records: tuple[WriteRecord, ...]
    """Every write, oldest first."""

    down: dict[str, Tensor]
    """Layer -> (R, I)."""

    up: dict[str, Tensor]
    """Layer -> (O, R)."""

    part: str = ""
    """Part of a pipeline of diffusers that it adapts, such as "transformer"; "" for our weights."""

    writer: dict[str, Tensor] = field(default_factory=dict)
    """What the writer needs to go on exactly (`FastWeights.state`); empty: it begins anew."""

    def __post_init__(self) -> None:
        check_halves(self.down, self.up, rank=self.config.rank)

    def delta(self, layer: str) -> Tensor:
        """Return what the memory adds to a layer's weight, (O, I)."""
        return self.up[layer] @ self.down[layer]

    def norm(self) -> float:
        """Return the L2 norm of all added weights."""
        return float(torch.stack([self.delta(n).square().sum() for n in self.up]).sum().sqrt())


def memory_of(memory: FastWeights, episode: int = 0) -> MemoryFile:
    """Copy one episode's memory out of fast weights.

    Raises:
        KindError: when they are none.
        ConfigError: when there is no such episode.
    """
    check_kind(memory, FastWeights, "memory")
    checked(episode, Annotated[int, Within(0, len(memory.seeds) - 1)], "episode")
    memory.settle_()  # the file holds what was learned, not what is put off
    copy = {
        part: {name: t[episode].detach().cpu().clone() for name, t in tensors.items()}
        for part, tensors in (("down", memory.adapters.down), ("up", memory.adapters.up))
    }
    origin = memory.model.origin if isinstance(memory.config, GradientConfig) else None
    return MemoryFile(
        model_hash=memory.model_hash,
        config=memory.config,
        records=tuple(memory.records[episode]),
        part=origin.family.part if origin else "",
        writer={name: it.detach().cpu().clone() for name, it in memory.state(episode).items()},
        **copy,
    )


def restore_(memory: FastWeights, saved: Sequence[MemoryFile]) -> None:
    """Fill fast weights, one file an episode; where it has its writer's state, that goes on.

    Raises:
        DataError: when a file belongs to other slow weights or has other layers or another rank;
            the memory is as it was then.
        ShapeError: when there is not one file an episode.
    """
    if len(saved) != len(memory.seeds):
        raise ShapeError(f"{len(memory.seeds)} episodes take as many memories, got {len(saved)}")
    for file in saved:
        _check_fit(memory, file)
    with torch.no_grad():
        for episode, file in enumerate(saved):
            for name in memory.adapters.up:
                memory.adapters.down[name][episode] = file.down[name].to(memory.model.device)
                memory.adapters.up[name][episode] = file.up[name].to(memory.model.device)
            memory.records[episode] = list(file.records)
    memory.writer.reset_()
    for episode, file in enumerate(saved):
        if file.writer:
            memory.load_state_(file.writer, episode)


def check_belongs(file: MemoryFile, model_hash: str, *, found: str = "") -> None:
    """Refuse a memory of other slow weights; views and recall layers go over to their heirs.

    Args:
        file: the memory.
        model_hash: what `hash_of` gives for the model that shall take it.
        found: what else was wrong with it.

    Raises:
        DataError: when it was written on another model.
    """
    if not belongs_to(file, model_hash):
        raise DataError(
            f"this memory belongs to slow weights {file.model_hash[:40]}, the model has"
            f" {model_hash}: load the model it was written on{found and f' ({found})'}"
        )


def belongs_to(file: MemoryFile, model_hash: str) -> bool:
    """Say whether a memory was written on these slow weights, or on some that they took over."""
    if isinstance(file.config, RidgeConfig | ViewConfig):
        return are_of_one_line(file.model_hash, model_hash)
    return file.model_hash == model_hash


def _check_fit(memory: FastWeights, file: MemoryFile) -> None:
    check_belongs(file, memory.model_hash)
    for part, tensors in (("down", memory.adapters.down), ("up", memory.adapters.up)):
        found = {name: tuple(tensor.shape) for name, tensor in getattr(file, part).items()}
        wanted = {name: tuple(tensor.shape[1:]) for name, tensor in tensors.items()}
        different = sorted(set(found.items()) ^ set(wanted.items()))
        if different:
            raise DataError(
                f"this memory has other adapters: layer {different[0][0][:200]!r} does not fit"
            )
    if file.writer:
        check_state(file.writer, like=memory.state())


def open_memories(
    model: WorldModel, saved: Sequence[MemoryFile], *, seeds: Sequence[int]
) -> FastWeights:
    """Open saved memories on a model, one an episode.

    Layers are found by the names that the file has adapters of: a pattern out of a file is not
    run.

    Raises:
        KindError: when something is of another type.
        ShapeError: when there is no memory, or not one seed for each.
        DataError: when a memory belongs to other slow weights, or a layer is not there or does
            not fit.
    """
    check_kind(model, WorldModel, "model")
    if not isinstance(saved, Sequence):
        raise KindError(f"open_memories takes a list of memories, got {type(saved).__name__}")
    if not saved:
        raise ShapeError("open_memories needs at least one memory, got none")
    for one in saved:
        check_kind(one, MemoryFile, "a saved memory")
    try:
        memory = FastWeights(model, saved[0].config, seeds=seeds, layers=tuple(saved[0].up))
    except DataError as error:
        check_belongs(saved[0], hash_of(model, saved[0].config), found=str(error))
        raise
    restore_(memory, saved)
    return memory
