"""Averaged weights: a module's state that slowly follows it, also where it is split."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class Average:
    """The weights that are shipped; buffers are those of now.

    Args:
        module: whose state is averaged, beginning with what it is.
        decay: share that stays in a step; shorter while training is young.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self._learning = {name for name, _ in module.named_parameters()}
        self._state = {name: it.detach().clone() for name, it in module.state_dict().items()}

    @torch.no_grad()
    def update_(self, module: nn.Module, steps: int) -> None:
        """Follow the module.

        Args:
            module: as it is after a step.
            steps: that were taken before this one.
        """
        decay = min(self.decay, (1 + steps) / (10 + steps)) if steps else 0.0
        for name, new in module.state_dict().items():
            old = self._state[name]
            if name not in self._learning or not steps:
                old.copy_(new)
            else:
                old.copy_(old.lerp(new.to(old), 1 - decay))

    def state_dict(self) -> dict[str, Tensor]:
        """Return the averaged weights by name."""
        return self._state

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take over what `state_dict` gave.

        Raises:
            RuntimeError: when it is that of another module.
        """
        if state.keys() != self._state.keys():
            raise RuntimeError("the averaged weights are those of another module")
        for name, value in state.items():
            if value.shape != self._state[name].shape:
                raise RuntimeError(f"the averaged {name} has another shape")
            self._state[name].copy_(value)
