"""The state of a fit between epochs: on disk as safetensors and JSON, so that it can go on."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from twospeed.core.errors import DataError
from twospeed.core.files import read_json, write_json, written_aside
from twospeed.core.tensors import fill_state_, flat_state, read_tensors
from twospeed.core.untrusted import resuming, typed

STATE = "state.json"
"""Says how far a fit has come; it is there after the first epoch."""


@dataclass(frozen=True, kw_only=True)
class FitState:
    """What has happened up to the end of an epoch."""

    epoch: int
    """Epochs done."""

    best_epoch: int
    """Epoch with the best validation accuracy; the first one of several."""

    losses: tuple[float, ...]
    """Mean training loss of each epoch."""

    validation: tuple[float, ...]
    """Accuracy on the held-out examples after each epoch."""

    seconds: tuple[float, ...]
    """Training time up to the end of each epoch."""

    processor_seconds: tuple[float, ...]
    """The same in processor time of all threads, which other work on the machine hardly moves."""

    @classmethod
    def empty(cls) -> "FitState":
        """Return the state before the first epoch."""
        return cls(
            epoch=0, best_epoch=0, losses=(), validation=(), seconds=(), processor_seconds=()
        )

    def after(
        self,
        epoch: int,
        *,
        loss: float,
        validation: float,
        seconds: float,
        processor_seconds: float,
    ) -> "FitState":
        """Return the state after one more epoch."""
        is_best = validation > max(self.validation, default=-1.0)
        return replace(
            self,
            epoch=epoch,
            best_epoch=epoch if is_best else self.best_epoch,
            losses=(*self.losses, loss),
            validation=(*self.validation, validation),
            seconds=_with_sum(self.seconds, seconds),
            processor_seconds=_with_sum(self.processor_seconds, processor_seconds),
        )

    def last(self) -> dict[str, float]:
        """Return the numbers of the last epoch."""
        return {
            "loss": self.losses[-1],
            "validation": self.validation[-1],
            "seconds": self.seconds[-1],
            "processor_seconds": self.processor_seconds[-1],
        }


def _with_sum(sums: tuple[float, ...], more: float) -> tuple[float, ...]:
    return (*sums, more + (sums[-1] if sums else 0.0))


def save_state(
    out: Path, network: nn.Module, optimizer: torch.optim.Optimizer, state: FitState
) -> None:
    """Write last.safetensors and state.json, and best.safetensors when this epoch is the best."""
    if state.best_epoch == state.epoch:
        _save(out / "best.safetensors", network.state_dict())
    tensors = {f"network.{name}": part for name, part in network.state_dict().items()}
    tensors |= {f"optimizer.{name}": part for name, part in flat_state(optimizer).items()}
    _save(out / "last.safetensors", {**tensors, "epoch": torch.tensor(state.epoch)})
    write_json(out / STATE, asdict(state))


def _save(path: Path, tensors: Mapping[str, Tensor]) -> None:
    whole = {name: part.detach().cpu().contiguous().clone() for name, part in tensors.items()}
    with written_aside(path) as aside:
        save_file(whole, aside)


def load_weights_(path: Path, network: nn.Module) -> None:
    """Put the weights of a file into `network` in place.

    Raises:
        DataError: when the file is not this network's.
    """
    try:
        network.load_state_dict(read_tensors(path))
    except RuntimeError as error:
        first = str(error).splitlines()[-1].strip()
        raise DataError(f"{path} holds another network's weights: {first}") from error


def load_state(
    out: Path,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    config: Any,
) -> FitState | None:
    """Load what `save_state` wrote into network and optimiser; None where there is nothing.

    Raises:
        DataError: when the folder holds a fit by another recipe.
    """
    if not (out / STATE).is_file():
        return None
    with resuming(out / STATE):
        values = read_json(out / STATE)
    recipe = read_json(out / "config.json")
    ours = _plain(asdict(config))
    names = [*ours, *(name for name in recipe if name not in ours)]
    changed = [it for it in names if it != "epochs" and recipe.get(it) != ours.get(it)]
    if changed:
        raise DataError(f"{out} holds a fit with another {changed[0]:.60}: take another folder")
    if values.keys() != asdict(FitState.empty()).keys():
        raise DataError(f"{out} holds a fit of another version: take another folder")
    with resuming(out / STATE):
        state = typed(FitState, values, "it")
        if any(len(it) != state.epoch for it in (state.losses, state.validation, state.seconds)):
            raise DataError(f"it has not a number for each of {state.epoch} epochs")
    with resuming(out / "last.safetensors", remove=out / STATE):
        tensors = read_tensors(out / "last.safetensors")
        if int(tensors.pop("epoch")) != state.epoch:
            raise DataError("it is of another epoch than state.json")
        _restore_(network, optimizer, tensors)
    return state


def _restore_(
    network: nn.Module, optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]
) -> None:
    parts: dict[str, dict[str, Tensor]] = {"network": {}, "optimizer": {}}
    for name, tensor in tensors.items():
        part, _, rest = name.partition(".")
        parts[part][rest] = tensor
    network.load_state_dict(parts["network"])
    fill_state_(optimizer, parts["optimizer"])


def _plain(values: Any) -> Any:
    if isinstance(values, dict):
        return {name: _plain(value) for name, value in values.items()}
    return [_plain(value) for value in values] if isinstance(values, tuple | list) else values
