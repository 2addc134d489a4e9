"""A checkpoint: a folder of safetensors that is whole or not there.

Where weights are split over processes, every one writes its own files (parallel/files.py).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from twospeed.core.files import read_json, write_json
from twospeed.core.folders import FolderKind, recover
from twospeed.core.ranges import Within
from twospeed.core.tensors import fill_state_, flat_state
from twospeed.core.untrusted import resuming, typed
from twospeed.training.averaging import Average
from twospeed.training.parallel.files import Like, are_split, folder_of_all, read_part, save_part

FOLDER = "checkpoint"


def _is_checkpoint(folder: Path) -> bool:
    return "step" in read_json(folder / "state.json")


CHECKPOINT = FolderKind(
    name="a checkpoint",
    files=("module*.safetensors", "average*.safetensors", "optimizer*.safetensors", "state.json"),
    sign=_is_checkpoint,
)
"""What `save_checkpoint` writes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reached:
    """How far a training has come."""

    step: Annotated[int, Within(0, 10**12)] = 0
    """Optimizer steps taken."""

    seconds: Annotated[float, Within(0, 10**12)] = 0.0
    """Wall-clock time of all its runs."""


def save_checkpoint(
    out: Path,
    module: nn.Module,
    average: nn.Module | Average,
    optimizer: torch.optim.Optimizer,
    reached: Reached,
) -> None:
    """Write weights, averaged weights, optimizer state and step to ``out/checkpoint``.

    Where the weights are split over processes, every process must call it.
    """
    is_shared = are_split(module.state_dict())
    with folder_of_all(out / FOLDER, CHECKPOINT, is_shared=is_shared) as aside:
        save_part(aside, "module", module.state_dict())
        save_part(aside, "average", average.state_dict())
        save_part(aside, "optimizer", flat_state(optimizer))
        if not is_shared or dist.get_rank() == 0:
            write_json(aside / "state.json", {"step": reached.step, "seconds": reached.seconds})


def load_checkpoint_(
    out: Path, module: nn.Module, average: nn.Module | Average, optimizer: torch.optim.Optimizer
) -> Reached:
    """Fill everything from ``out/checkpoint`` and say how far it had come; step 0 without one.

    Any number of processes may have written it.

    Raises:
        DataError: when the checkpoint belongs to another module or is damaged.
    """
    folder = out / FOLDER
    recover(folder, CHECKPOINT)
    if not folder.exists():
        return Reached()
    for part, fill, like in (
        ("module", module.load_state_dict, module.state_dict().get),
        ("average", average.load_state_dict, average.state_dict().get),
        ("optimizer", lambda flat: fill_state_(optimizer, flat), _parameter_of(optimizer)),
    ):
        with resuming(folder, part=f"{part}.safetensors"):
            fill(read_part(folder, part, like))
    return reached_in(out)


def _parameter_of(optimizer: torch.optim.Optimizer) -> Like:
    """Return what finds the parameter that a state of the optimizer belongs to, by its name."""
    parameters: list[Any] = [it for group in optimizer.param_groups for it in group["params"]]

    def like(name: str) -> Tensor | None:
        index = name.partition(".")[0]
        is_known = index.isdecimal() and int(index[:9]) < len(parameters)
        return parameters[int(index[:9])] if is_known else None

    return like


def reached_in(out: Path) -> Reached:
    """Say how far the checkpoint in ``out/checkpoint`` had come; step 0 without one.

    Raises:
        DataError: when it is damaged.
    """
    folder = out / FOLDER
    if not folder.exists():
        return Reached()
    with resuming(folder, part="state.json"):
        return typed(Reached, read_json(folder / "state.json"), "it")
