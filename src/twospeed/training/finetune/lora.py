"""Low-rank adapters of a denoiser that learn in its place and are merged at the end."""

import torch
from torch import Tensor, nn

from twospeed.memory.adapters import Adapters, layers_called
from twospeed.memory.config import GradientConfig
from twospeed.worldmodel.contract import as_module
from twospeed.worldmodel.model import WorldModel

OURS = (*GradientConfig().targets, "ff.net.0.proj", "ff.net.2")
"""Layers of our own denoisers that get adapters."""


class LoraWeights(nn.Module):
    """Adapters of one model as a module, for optimizers and checkpoints.

    Args:
        model: whose denoiser they act on, from now on.
        rank: of every adapter.
    """

    def __init__(self, model: WorldModel, rank: int) -> None:
        super().__init__()
        targets = model.origin.family.adapted if model.origin else OURS
        layers = layers_called(as_module(model.denoiser), targets)
        self.adapters = Adapters(model.denoiser, rank=rank, layers=layers)
        for half in ("down", "up"):
            tensors: dict[str, Tensor] = getattr(self.adapters, half)
            for name, tensor in tensors.items():
                parameter = nn.Parameter(tensor.detach())
                self.register_parameter(_key(half, name), parameter)
                tensors[name] = parameter
        self.adapters.attach()

    def halves(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return layer -> `down` (R, I) and layer -> `up` (O, R)."""
        named = dict(self.named_parameters())
        names = list(self.adapters.up)
        down, up = ({it: named[_key(half, it)][0].detach() for it in names} for half in _HALVES)
        return down, up

    @torch.no_grad()
    def merge_(self, model: WorldModel) -> None:
        """Add the adapters to the weights of a model, in place, and let them act no more."""
        self.adapters.detach()
        down, up = self.halves()
        layers = dict(as_module(model.denoiser).named_modules())
        for name in up:
            weight = layers[name].weight
            weight.add_((up[name] @ down[name]).to(weight))


_HALVES = ("down", "up")


def _key(half: str, layer: str) -> str:
    return f"{half}/{layer.replace('.', '/')}"
