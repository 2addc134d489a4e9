"""Losses: slow neural loss (three variants), cross-entropy, a regulariser.

Pure functions: nothing is stored between calls.
"""

import itertools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from twospeed.core.errors import DataError, lookup
from twospeed.terminator.layers.branches import tile
from twospeed.terminator.layers.gated_unit import RecursiveGatedUnit
from twospeed.terminator.layers.slow_net import FilterNet


def tiled_difference(earlier_CS: Tensor, later_CS: Tensor) -> Tensor:
    """Return the mean squared difference of a kernel tiled to the channels of a later one."""
    tiled_CS = tile(earlier_CS[None], later_CS.shape[0])[0]
    return (tiled_CS - later_CS).square().mean()


def summed_difference(earlier_CS: Tensor, later_CS: Tensor) -> Tensor:
    """Return the mean squared difference of two kernels summed over their channels."""
    return (earlier_CS.sum(0) - later_CS.sum(0)).square().mean()


def slow_loss_terms(kernels: Sequence[Tensor], variant: str) -> list[Tensor]:
    """Return the terms of a slow loss, in the order of pairs (1,2), (1,3), ... (2,3), ....

    Args:
        kernels: raw global hyper-kernels of all blocks, (C_i, *S) each, C_i growing.
        variant: "a" adjacent blocks, tiled; "b" all pairs, summed over channels;
            "c" all pairs, tiled.

    Raises:
        UnknownNameError: for another variant.
    """
    adjacent, compare = lookup(SLOW_LOSSES, variant, "slow loss")
    pairs = itertools.pairwise(kernels) if adjacent else itertools.combinations(kernels, 2)
    return [compare(earlier, later) for earlier, later in pairs]


SLOW_LOSSES: dict[str, tuple[bool, Callable[[Tensor, Tensor], Tensor]]] = {
    "a": (True, tiled_difference),
    "b": (False, summed_difference),
    "c": (False, tiled_difference),
}


def slow_loss(kernels: Sequence[Tensor], variant: str = "c") -> Tensor:
    """Return the slow neural loss (eq. 11-12), the sum of `slow_loss_terms`; 0 for one block."""
    terms = slow_loss_terms(kernels, variant)
    return torch.stack(terms).sum() if terms else kernels[0].new_zeros(())


def smoothed_cross_entropy(logits_BC: Tensor, labels_B: Tensor, smoothing: float = 0.1) -> Tensor:
    """(1-ε)·mean(-log p[label]) + (ε/classes)·mean(Σ -log p), ε = `smoothing` in [0, 1].

    Raises:
        DataError: when a label is no class.
    """
    num_classes = logits_BC.shape[1]
    if not torch.compiler.is_compiling():
        check_labels(labels_B, num_classes)
    logs_BC = functional.log_softmax(logits_BC, 1)
    picked_B = logs_BC.gather(1, labels_B[:, None])[:, 0]
    return -(1 - smoothing) * picked_B.mean() - smoothing / num_classes * logs_BC.sum(1).mean()


def check_labels(labels_B: Tensor, num_classes: int) -> None:
    """Refuse labels outside 0 ... num_classes - 1."""
    if labels_B.numel() and (int(labels_B.min()) < 0 or int(labels_B.max()) >= num_classes):
        raise DataError(
            f"labels must be 0 to {num_classes - 1}, got {int(labels_B.min())} "
            f"to {int(labels_B.max())}"
        )


def norm_regulariser(network: nn.Module) -> Tensor:
    """Return the regulariser R: plain norms of the fast parameters, and a little of the slow ones.

    Σ||θ||_2 over parameters of the blocks outside slow nets and gated units, plus 1e-6·Σ||W||_2
    over what has two axes (matrices, and maps of two-axis grids) in gated units and in slow nets
    of two axes. The head is not in it.
    """
    excluded: set[int] = set()
    small: list[Tensor] = []
    for module in network.modules():
        if isinstance(module, FilterNet | RecursiveGatedUnit):
            excluded.update(id(parameter) for parameter in module.parameters())
            if isinstance(module, RecursiveGatedUnit) or len(module.config.sizes) == 2:
                small += [parameter for parameter in module.parameters() if parameter.ndim == 2]
    blocks = network.get_submodule("blocks")
    large: list[Tensor] = [p for p in blocks.parameters() if id(p) not in excluded]
    norms = torch.stack(torch._foreach_norm(large)).sum()
    return norms + 1e-6 * torch.stack(torch._foreach_norm(small)).sum()
