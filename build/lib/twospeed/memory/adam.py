"""Adam over tensors whose first axis is the episode: no episode sees its companions.

It is elementwise, so a batch of episodes steps as each would alone; a rate per episode lets a gate
hold one back, averages included.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


class Adam:
    """Adam (Kingma and Ba, Algorithm 1) with one learning rate and step count an episode."""

    def __init__(self, tensors: Sequence[Tensor], *, betas: tuple[float, float]) -> None:
        self.tensors = list(tensors)
        self.betas = betas
        self.first = [torch.zeros_like(tensor.detach()) for tensor in self.tensors]
        self.second = [torch.zeros_like(tensor.detach()) for tensor in self.tensors]
        self.steps_E = self.tensors[0].detach().new_zeros(len(self.tensors[0]))

    def reset_(self) -> None:
        """Forget all averages."""
        for tensor in (*self.first, *self.second, self.steps_E):
            tensor.detach().zero_()

    @torch.no_grad()
    def step_(self, gradients: Sequence[Tensor], rate_E: Tensor) -> None:
        """Move every tensor against its gradient; where the rate is 0, nothing changes."""
        moves_E = (rate_E > 0).to(self.steps_E)
        self.steps_E += moves_E
        beta1, beta2 = self.betas
        count_E = self.steps_E.clamp_min(1)
        rate = (rate_E / (1 - beta1**count_E))[:, None, None]
        root = (1 - beta2**count_E).sqrt()[:, None, None]
        moves = moves_E[:, None, None]
        for tensor, gradient, first, second in zip(
            self.tensors, gradients, self.first, self.second, strict=True
        ):
            first.lerp_(gradient, moves * (1 - beta1))
            second.lerp_(gradient.square(), moves * (1 - beta2))
            tensor -= rate * first / (second.sqrt() / root + 1e-8)

    def state(self, episode: int) -> dict[str, Tensor]:
        """Return copies of one episode's averages, by name."""
        named = {"steps": self.steps_E[episode].clone()}
        for index, (first, second) in enumerate(zip(self.first, self.second, strict=True)):
            named[f"first.{index}"] = first[episode].clone()
            named[f"second.{index}"] = second[episode].clone()
        return named

    def load_state_(self, named: dict[str, Tensor], episode: int) -> None:
        """Take over what `state` gave."""
        self.steps_E[episode] = named["steps"]
        for index, (first, second) in enumerate(zip(self.first, self.second, strict=True)):
            first[episode] = named[f"first.{index}"]
            second[episode] = named[f"second.{index}"]
