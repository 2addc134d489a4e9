"""The optimizers of the training loop, by name."""

from collections.abc import Iterable
from importlib import import_module
from typing import Any, cast

import torch
from torch import nn

from twospeed.core.errors import ConfigError
from twospeed.training.muon import Muon

OPTIMIZERS = ("adamw", "adamw8bit", "muon")
"""torch's fused AdamW; bitsandbytes' with averages of 8 bits, where it is installed; `Muon`."""


def optimizer_of(
    name: str, parameters: Iterable[nn.Parameter], *, is_sharded: bool = False, **options: Any
) -> torch.optim.Optimizer:
    """Return an optimizer.

    Args:
        name: one of `OPTIMIZERS`.
        parameters: what learns.
        is_sharded: they are split over processes.
        **options: `lr`, `betas`, `weight_decay`.

    Raises:
        ConfigError: when "adamw8bit" is asked for and bitsandbytes is not installed, or the
            weights are split and the optimizer is not "adamw".
    """
    if name == "adamw":
        return torch.optim.AdamW(parameters, fused=True, **options)
    if is_sharded:
        raise ConfigError(f"{name} cannot hold weights that FSDP splits: take optimizer=adamw")
    if name == "muon":
        return Muon(parameters, **options)
    try:
        bitsandbytes = import_module("bitsandbytes")
    except ImportError as error:
        raise ConfigError(
            "adamw8bit needs bitsandbytes, which is not installed: `pip install bitsandbytes`, or"
            " take optimizer=adamw"
        ) from error
    return cast(torch.optim.Optimizer, bitsandbytes.optim.AdamW8bit(parameters, **options))
