"""Tensors by name: out of a file of safetensors, and the state of an optimizer as such."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from twospeed.core.errors import DataError
from twospeed.core.untrusted import parsing


def read_tensors(path: Path, *, what: str = "") -> dict[str, Tensor]:
    """Read all tensors of a file, on the CPU.

    Args:
        path: the file.
        what: what it is, for the message; by default the path.

    Raises:
        DataError: when it is missing, no file (a pipe would never end), or damaged.
    """
    what = what or str(path)
    if not path.is_file():
        raise DataError(f"cannot read {what}: there is no such file")
    with parsing(what):
        return dict(load_file(path))


def hash_of(tensors: Mapping[str, Tensor]) -> str:
    """Return a short hash of names and values, to half precision, as weights are stored."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(name.encode())
        digest.update(tensor.detach().half().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def flat_state(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return all of an optimizer's state, "INDEX.NAME" -> tensor."""
    return {
        f"{index}.{name}": torch.as_tensor(value).contiguous()
        for index, values in optimizer.state_dict()["state"].items()
        for name, value in values.items()
    }


def fill_state_(optimizer: torch.optim.Optimizer, flat: Mapping[str, Tensor]) -> None:
    """Take over what `flat_state` gave.

    Raises:
        DataError: when a tensor does not fit its parameter, or two parameters of one group have
            not the same.
    """
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in flat.items():
        index, _, key = name.partition(".")
        if not index.isdecimal():
            raise DataError(f"{name[:100]!r} is not INDEX.NAME")
        state.setdefault(int(index[:9]), {})[key] = value
    _check_state(optimizer, state)
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def _check_state(
    optimizer: torch.optim.Optimizer, state: Mapping[int, Mapping[str, Tensor]]
) -> None:
    groups = [
        (it, group["params"][0]) for group in optimizer.param_groups for it in group["params"]
    ]
    keys: dict[Tensor, set[str]] = {}
    for index, entry in state.items():
        if index >= len(groups):
            raise DataError(f"the state of parameter {index} is of another optimizer")
        parameter, first = groups[index]
        if entry.keys() != keys.setdefault(first, set(entry)):
            raise DataError(f"the state of parameter {index} is of another optimizer")
        for key, value in entry.items():
            if value.numel() != 1 and value.shape != parameter.shape:
                raise DataError(f"{key[:100]!r} of parameter {index} has another shape")
