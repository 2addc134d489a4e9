"""Kar2 and Kar3: sign optimisers with one and two averages of the gradient.

    θ -= lr·(sign(g) + sign(m1) [+ sign(m2)]),  then  m = β m + (1-β) g

The averages are those from before the update: the first step moves by lr, later ones by up to two
or three times that. sign(0) = 0, so a parameter without gradient rests.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from twospeed.core.errors import ConfigError


class Kar(torch.optim.Optimizer):
    """A sign optimiser with one average per β; updates run over all parameters at once.

    Args:
        params: parameters or groups.
        lr: step size, above 0.
        betas: one per average, each in [0, 1).
        weight_decay: share lr·weight_decay of every parameter taken off per step; 0 as published.

    Raises:
        ConfigError: for values outside these ranges.
    """

    def __init__(
        self,
        params: Iterable[Any],
        *,
        lr: float,
        betas: tuple[float, ...],
        weight_decay: float = 0.0,
    ) -> None:
        if lr <= 0 or weight_decay < 0:
            raise ConfigError(
                f"lr must be above 0 and weight_decay 0 or more, got {lr} and {weight_decay}"
            )
        if not all(0 <= beta < 1 for beta in betas):
            raise ConfigError(f"each beta must be in [0, 1), got {betas}")
        super().__init__(params, {"lr": lr, "betas": tuple(betas), "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Take one step; `closure`, when given, computes the loss again with gradients."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            if parameters:
                self._step_group(parameters, group)
        return loss

    def _step_group(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        gradients = [p.grad for p in parameters if p.grad is not None]
        directions = list(torch._foreach_sign(gradients))
        for number, beta in enumerate(group["betas"], start=1):
            averages = [self._average(p, f"m{number}") for p in parameters]
            torch._foreach_add_(directions, torch._foreach_sign(averages))
            torch._foreach_lerp_(averages, gradients, 1 - beta)
        if group["weight_decay"]:
            torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
        torch._foreach_add_(parameters, directions, alpha=-group["lr"])

    def _average(self, parameter: Tensor, name: str) -> Tensor:
        state = self.state[parameter]
        if name not in state:
            state[name] = torch.zeros_like(parameter)
        average: Tensor = state[name]
        return average


class Kar2(Kar):
    """Kar with one average.

    Args:
        params: parameters or groups.
        lr: step size.
        beta: of the average.
        weight_decay: see `Kar`.
    """

    def __init__(
        self,
        params: Iterable[Any],
        *,
        lr: float,
        beta: float = 0.95,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, lr=lr, betas=(beta,), weight_decay=weight_decay)


class Kar3(Kar):
    """Kar with two averages.

    Args:
        params: parameters or groups.
        lr: step size; the author's is 0.001215 for CIFAR-10.
        betas: of the two averages.
        weight_decay: see `Kar`.
    """

    def __init__(
        self,
        params: Iterable[Any],
        *,
        lr: float,
        betas: tuple[float, float] = (0.5, 0.95),
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, weight_decay=weight_decay)
