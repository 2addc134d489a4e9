"""Muon: steps of equal size in every direction of a matrix, AdamW for all else."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

LEAST_SIDE = 16
"""Rows and columns that a matrix has at least; narrower ones are AdamW's."""

ROUNDS = 5
"""Newton-Schulz iterations of `orthogonal`."""


class Muon(torch.optim.AdamW):
    """AdamW but for matrices, whose averaged gradient is made orthogonal before the step.

    A convolution (out, in, ...) is a matrix of `out` rows. The step is scaled to the size of
    AdamW's, so that a learning rate holds for both.

    K. Jordan et al., "Muon: an optimizer for hidden layers" (2024); the scale is that of
    J. Liu et al., "Muon is scalable for LLM training" (2025), section 2.2.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], **options: Any) -> None:
        """Take AdamW's options; of `betas` the second is for what is no matrix."""
        given = list(parameters)
        groups = [
            {"params": [it for it in given if is_matrix(it) == is_taken], "is_taken": is_taken}
            for is_taken in (True, False)
        ]
        super().__init__([it for it in groups if it["params"]], **options)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step; matrices are left without a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weight in group["params"] if group["is_taken"] else ():
                if weight.grad is not None:
                    self._step_matrix_(weight, weight.grad, group)
                    weight.grad = None
        super().step()
        return loss

    def _step_matrix_(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        keep: float = group["betas"][0]
        state = self.state[weight]
        if not state:
            state |= {"step": torch.tensor(0.0), "average": torch.zeros_like(weight)}
        state["step"] += 1  # AdamW asks for it when a state is loaded
        average: Tensor = state["average"].lerp_(gradient, 1 - keep)
        ahead = torch.lerp(gradient, average, keep).flatten(1)
        size = 0.2 * max(ahead.shape) ** 0.5
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        weight.add_(orthogonal(ahead).view_as(weight), alpha=-group["lr"] * size)


def is_matrix(weight: Tensor) -> bool:
    """Say whether Muon takes this weight: two sides of 16 or more."""
    return weight.ndim > 1 and min(weight.shape[0], weight[0].numel()) >= LEAST_SIDE


def orthogonal(matrix: Tensor) -> Tensor:
    """Bring the singular values of a matrix (m, n) near 1 (0.6 to 1.3), in its type and shape.

    A quintic Newton-Schulz iteration, in bfloat16 but on a CPU, where few have products of it that
    are faster than float32's; tiny singular values stay below.
    """
    is_tall = matrix.shape[0] > matrix.shape[1]
    wide = matrix.T if is_tall else matrix
    turned: Tensor = wide / wide.norm().clamp_min(1e-20)
    turned = turned.float() if turned.is_cpu else turned.bfloat16()
    for _ in range(ROUNDS):
        square = turned @ turned.T
        turned = 3.4445 * turned + (2.0315 * square @ square - 4.7750 * square) @ turned
    return (turned.T if is_tall else turned).to(matrix)
