"""Low-rank adapters on the linear layers of a denoiser, a set of its own for every episode.

Adapters hang on the layers as forward hooks: the slow weights and the modules stay as they are,
and detaching leaves no trace. peft's layers hold one adapter a batch; these hold one for each
of E episodes that run side by side, and their files are peft's (files.py).

Axes: E episodes, R rank, I and O features in and out of a layer.
"""

import math
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from twospeed.core.errors import ConfigError, DataError
from twospeed.core.fields import shown
from twospeed.core.random import generator_of
from twospeed.worldmodel.contract import Denoiser, as_module


class Adapters:
    """W + up @ down for every adapted layer and episode; `up` starts at zero.

    Args:
        denoiser: whose linear layers are adapted; stays as it is until `attach`.
        rank: R.
        layers: names of linear layers, such as `layers_called` gives.
        episodes: E; a batch given to the denoiser holds a multiple of E clips, episode by episode.
        whole: `down` is the unit matrix and stays, so that `up` alone is what is added; R = I then.

    Raises:
        ConfigError: when `whole` and R do not fit one.
        DataError: when one of the names is not that of a linear layer.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        *,
        rank: int,
        layers: Collection[str],
        episodes: int = 1,
        whole: bool = False,
    ) -> None:
        named = _layers_of(denoiser, layers)
        self.down: dict[str, Tensor] = {}
        self.up: dict[str, Tensor] = {}
        for name, layer in named.items():
            dtype = torch.promote_types(layer.weight.dtype, torch.float32)  # never half
            first_RI = _unit(name, rank, layer) if whole else _fresh(name, rank, layer)
            first_ERI = first_RI.to(layer.weight.device, dtype).expand(episodes, -1, -1)
            self.down[name] = first_ERI.clone().requires_grad_(not whole)
            shape = (episodes, layer.out_features, rank)
            self.up[name] = layer.weight.new_zeros(shape, dtype=dtype).requires_grad_()
        self.enabled = True
        self._layers = named
        self._handles: list[RemovableHandle] = []

    @property
    def episodes(self) -> int:
        """E."""
        return len(next(iter(self.up.values())))

    def tensors(self) -> list[Tensor]:
        """Return all that learns: every (E, R, I), unless `whole`, and every (E, O, R)."""
        return [one for one in (*self.down.values(), *self.up.values()) if one.requires_grad]

    def act_as(self, down: Mapping[str, Tensor], up: Mapping[str, Tensor]) -> None:
        """Put these in the places of all (E, R, I) and (E, O, R), with the graphs they hang on."""
        self.down, self.up = dict(down), dict(up)

    def norm_E(self) -> Tensor:
        """Return the L2 norm over all of an episode's `up`, (E,)."""
        squares = [up.detach().square().sum((1, 2)) for up in self.up.values()]
        return torch.stack(squares).sum(0).sqrt()

    def attach(self) -> None:
        """Let the adapters act on the denoiser. Attaching twice is attaching once."""
        self.detach()
        for name, layer in self._layers.items():
            self._handles.append(layer.register_forward_hook(self._hook(name)))

    def detach(self) -> None:
        """Give the slow model back, bit for bit."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    @contextmanager
    def attached(self) -> Iterator[None]:
        """Attach inside the block; afterwards all is as it was before."""
        if self._handles:
            yield
            return
        self.attach()
        try:
            yield
        finally:
            self.detach()

    @contextmanager
    def switched_off(self) -> Iterator[None]:
        """Let the slow weights answer alone inside the block."""
        self.enabled = False
        try:
            yield
        finally:
            self.enabled = True

    def _hook(self, name: str) -> Any:
        def add(layer: nn.Module, inputs: tuple[Tensor, ...], slow: Tensor) -> Tensor:  # noqa: ARG001
            if not self.enabled:
                return slow
            up_EOR = self.up[name]
            x_EI = inputs[0].reshape(len(up_EOR), -1, inputs[0].shape[-1])
            fast = x_EI.to(up_EOR) @ self.down[name].mT @ up_EOR.mT
            return slow + fast.to(slow).view_as(slow)

        return add


def layers_called(denoiser: nn.Module, targets: Collection[str]) -> list[str]:
    """Return the names of the linear layers that one of the targets is, whole or its last parts.

    "up" is every layer called so, "ff.net.2" every one that ends with these parts; the rule is
    peft's for a list of ``target_modules``.

    Raises:
        ConfigError: when there is none.
    """
    endings = tuple(f".{target}" for target in targets)
    named = [name for name in _linear_layers(denoiser) if f".{name}".endswith(endings)]
    if not named:
        raise ConfigError(f"the model has no linear layer called {shown(list(targets))}")
    return named


def _linear_layers(denoiser: nn.Module) -> dict[str, nn.Linear]:
    modules = denoiser.named_modules()
    return {name: layer for name, layer in modules if isinstance(layer, nn.Linear)}


def _layers_of(denoiser: Denoiser, names: Collection[str]) -> dict[str, nn.Linear]:
    """Return the linear layers of these names, in the model's order."""
    linear = _linear_layers(as_module(denoiser))
    strangers = sorted(set(names) - linear.keys())
    if strangers:
        raise DataError(f"the model has no linear layer called {shown(strangers[0])}")
    return {name: layer for name, layer in linear.items() if name in names}


def _unit(name: str, rank: int, layer: nn.Linear) -> Tensor:
    if rank != layer.in_features:
        raise ConfigError(
            f"rank must be {layer.in_features}, the inputs of layer {name!r}, got {rank}"
        )
    return torch.eye(rank)


def _fresh(name: str, rank: int, layer: nn.Linear) -> Tensor:
    """Draw `down`; it depends on the layer's name alone, so memories can be compared and merged."""
    bound = math.sqrt(3 / layer.in_features)
    draws = torch.rand((rank, layer.in_features), generator=generator_of("adapter", name))
    return (2 * draws - 1) * bound
