"""A checkpoint: a folder of safetensors that is whole or not there."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from twospeed.core.files import read_json, write_json
from twospeed.core.folders import FolderKind, folder_aside, recover
from twospeed.core.ranges import Within
from twospeed.core.tensors import fill_state_, flat_state, read_tensors
from twospeed.core.untrusted import resuming, typed

FOLDER = "checkpoint"


def _is_checkpoint(folder: Path) -> bool:
    return "step" in read_json(folder / "state.json")


CHECKPOINT = FolderKind(
    name="a checkpoint",
    files=("module.safetensors", "average.safetensors", "optimizer.safetensors", "state.json"),
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
    average: nn.Module,
    optimizer: torch.optim.Optimizer,
    reached: Reached,
) -> None:
    """Write weights, averaged weights, optimizer state and step to ``out/checkpoint``."""
    with folder_aside(out / FOLDER, CHECKPOINT) as aside:
        save_file(_copies(module.state_dict()), aside / "module.safetensors")
        save_file(_copies(average.state_dict()), aside / "average.safetensors")
        save_file(flat_state(optimizer), aside / "optimizer.safetensors")
        write_json(aside / "state.json", {"step": reached.step, "seconds": reached.seconds})


def load_checkpoint_(
    out: Path, module: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer
) -> Reached:
    """Fill everything from ``out/checkpoint`` and say how far it had come; step 0 without one.

    Raises:
        DataError: when the checkpoint belongs to another module or is damaged.
    """
    folder = out / FOLDER
    recover(folder, CHECKPOINT)
    if not folder.exists():
        return Reached()
    for part, fill in (
        ("module", module.load_state_dict),
        ("average", average.load_state_dict),
        ("optimizer", lambda flat: fill_state_(optimizer, flat)),
    ):
        name = f"{part}.safetensors"
        with resuming(folder, part=name):
            fill(read_tensors(folder / name))
    return reached_in(out)


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


def _copies(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}
