"""A checkpoint: a folder of safetensors that is whole or not there."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from twospeed.core.errors import DataError
from twospeed.core.files import read_json, write_json
from twospeed.core.folders import FolderKind, folder_aside, recover

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

    step: int = 0
    """Optimizer steps taken."""

    seconds: float = 0.0
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
        save_file(_flat_state(optimizer), aside / "optimizer.safetensors")
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
    try:
        module.load_state_dict(load_file(folder / "module.safetensors"))
        average.load_state_dict(load_file(folder / "average.safetensors"))
        _fill_state_(optimizer, load_file(folder / "optimizer.safetensors"))
        state = read_json(folder / "state.json")
        return Reached(step=int(state["step"]), seconds=float(state.get("seconds", 0.0)))
    except Exception as error:
        raise DataError(
            f"cannot resume from {folder}: {str(error).splitlines()[0]}; remove it to start anew"
        ) from error


def _copies(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}


def _flat_state(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    state: dict[int, dict[str, Any]] = optimizer.state_dict()["state"]
    return {
        f"{index}.{key}": torch.as_tensor(value).contiguous()
        for index, entry in state.items()
        for key, value in entry.items()
    }


def _fill_state_(optimizer: torch.optim.Optimizer, flat: dict[str, Tensor]) -> None:
    full = optimizer.state_dict()
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in flat.items():
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": full["param_groups"]})
