"""What the rest of the project asks of a denoiser, whichever network it is.

`Denoiser` is what every one offers, `Recaller` what has a layer made for fast weights (recall.py):
a `RecallDenoiser`, or a module beside any denoiser (memory_module.py). Axes: B clips, C channels,
T frames, P past frames, H and W cells, N tokens, D features, K features of a key, O what the recall
layer gives.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol, Self, cast

import torch
from torch import Tensor, nn

from twospeed.core.errors import ConfigError
from twospeed.worldmodel.recall import Recall


class Denoiser(Protocol):
    """A network that predicts the diffusion target of a window; a `torch.nn.Module`."""

    def __call__(self, noisy_BCTHW: Tensor, level_BT: Tensor, text_BND: Tensor) -> Tensor:
        """Return (B, C, T, H, W); levels are integer steps of the noise schedule, 0 is clean."""
        ...

    def named_modules(self) -> Iterator[tuple[str, nn.Module]]:
        """Yield all layers with their names."""
        ...

    def parameters(self) -> Iterator[nn.Parameter]:
        """Yield all weights."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Return all weights by name."""
        ...

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> Any:
        """Take over all weights."""
        ...

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Say whether the weights learn."""
        ...

    def eval(self) -> Self:
        """Stop all that happens in training alone."""
        ...

    def to(self, device: torch.device | str) -> Self:
        """Move the weights, in place."""
        ...


class Recaller(Protocol):
    """A recall layer, and the keys that it is read by once a chunk; a `torch.nn.Module`."""

    recall: Recall

    def action_of(self, text_BND: Tensor) -> Tensor:
        """Embed actions, (B, D)."""
        ...

    def keys_of(self, past_BCPHW: Tensor, text_BND: Tensor) -> Tensor:
        """Return the keys of the chunks that follow these clean pasts, (B, K)."""
        ...


class RecallDenoiser(Denoiser, Recaller, Protocol):
    """A denoiser that takes what its recall layer gives."""

    def __call__(
        self,
        noisy_BCTHW: Tensor,
        level_BT: Tensor,
        text_BND: Tensor,
        recalled_BO: Tensor | None = None,
    ) -> Tensor:
        """Return (B, C, T, H, W).

        Args:
            noisy_BCTHW: see `Denoiser`.
            level_BT: see `Denoiser`.
            text_BND: see `Denoiser`.
            recalled_BO: what the recall layer gave for the new frames; None reads it.
        """
        ...


def recall_denoiser(denoiser: Denoiser) -> RecallDenoiser | None:
    """Return the denoiser as one with a recall layer, or None where it has none."""
    has_none = getattr(denoiser, "recall", None) is None
    return None if has_none else cast(RecallDenoiser, denoiser)


class PastDenoiser(Denoiser, Protocol):
    """A denoiser that makes something of a clean past alone, whatever the noise after it."""

    def __call__(
        self,
        noisy_BCTHW: Tensor,
        level_BT: Tensor,
        text_BND: Tensor,
        recalled_BO: Tensor | None = None,
        past_BPSD: Tensor | None = None,
    ) -> Tensor:
        """Return (B, C, T, H, W).

        Args:
            noisy_BCTHW: see `Denoiser`.
            level_BT: see `Denoiser`.
            text_BND: see `Denoiser`.
            recalled_BO: see `RecallDenoiser`.
            past_BPSD: what `past_tokens` gave for the first P frames; None finds it.
        """
        ...

    def past_tokens(self, past_BCPHW: Tensor, text_BND: Tensor, *, made: int) -> Tensor:
        """Return what it makes of clean frames before `made` others, (B, P, ...)."""
        ...


def past_denoiser(denoiser: Denoiser) -> PastDenoiser | None:
    """Return the denoiser as one that makes something of the past alone, or None."""
    return cast(PastDenoiser, denoiser) if hasattr(denoiser, "past_tokens") else None


def as_module(denoiser: Denoiser) -> nn.Module:
    """Return the denoiser as what it is to optimizers and files."""
    return cast(nn.Module, denoiser)


def checkpoint_gradients_(denoiser: Denoiser) -> None:
    """Let a denoiser compute activations again for the gradient, in place: slower, less memory.

    Raises:
        ConfigError: when it cannot.
    """
    network: Any = denoiser
    if not getattr(network, "_supports_gradient_checkpointing", False):
        raise ConfigError(
            f"a {type(network).__name__} keeps its activations: leave checkpointing away"
        )
    network.enable_gradient_checkpointing()
