"""The same network sooner: equal numbers, fewer and larger operations (section 13).

`FastTerminator` wraps a `Terminator` and shares its weights. Without gradients everything that
depends on weights and sizes alone is kept until a weight changes; with gradients it is prepared
anew in each call. Causal networks are evaluated by the plain blocks.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, cast

import torch
from torch import Tensor, nn

from twospeed.terminator.block import DROPOUTS, SFNEBlock
from twospeed.terminator.fast.branches import add_affine_, global_parts, local_parts, operands_of
from twospeed.terminator.fast.compiled import CompiledPlan, compiled_plan, sum_branches
from twospeed.terminator.fast.plan import BlockPlan, plan_blocks
from twospeed.terminator.fast.standardize import standardize_groups
from twospeed.terminator.native import autograd, library
from twospeed.terminator.network import Terminator, check_dtype, check_input

PlanKey = tuple[object, ...]

Prepared = tuple[SFNEBlock, BlockPlan, CompiledPlan | None]
"""A block with its plan, and what the compiled steps take where they can be used."""


class FastTerminator(nn.Module):
    """Evaluates a `Terminator` sooner; parameters, buffers and modes are the wrapped network's.

    Args:
        network: the network; training it trains this one and the other way round.
        dtype: of features and large products; bfloat16 keeps slow nets and moments in float32. A
            processor that cannot multiply bfloat16 would take a hundred times as long to emulate
            it, so there the dtype of the weights is used.
    """

    def __init__(self, network: Terminator, *, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        self.network = network
        self.dtype = dtype
        self._kept: tuple[PlanKey, list[Prepared]] | None = None
        self._state: list[Tensor] = []

    def forward_with_kernels(self, x_BCS: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return scores (B, classes) and the hyper-kernels that the slow loss compares."""
        network = self.network
        if network.config.block.causal:
            return network.forward_with_kernels(x_BCS)
        features_BCS, kernels = self.encode(x_BCS)
        kind = torch.promote_types(features_BCS.dtype, torch.float32)
        pooled_BC = features_BCS.flatten(2).mean(2, dtype=kind)
        return network.head(pooled_BC), kernels

    def forward(self, x_BCS: Tensor) -> Tensor:
        """Return scores, (B, classes)."""
        return self.forward_with_kernels(x_BCS)[0]

    def encode(self, x_BCS: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Run all blocks, see `Terminator.encode`."""
        config = self.network.config
        check_input(x_BCS, channels=config.channels, num_axes=len(config.sizes))
        like = self.blocks[0].shift
        if self.dtype is None:
            check_dtype(x_BCS, like)
        emulated = self.dtype == torch.bfloat16 and x_BCS.device.type == "cpu"
        emulated = emulated and not library.multiplies_bfloat16()
        current = x_BCS.to(like.dtype if emulated or self.dtype is None else self.dtype)
        outputs: list[Tensor] = []
        kernels: list[Tensor] = []
        for i, (block, plan, compiled) in enumerate(self.prepared(x_BCS.shape[2:])):
            sources = zip(("e1", "e2"), config.earlier[i], strict=True)
            earlier = {name: outputs[j - 1] for name, j in sources if j}
            if compiled is not None and library.fits(current):
                total = sum_branches(block, plan, compiled, current, earlier)
            else:
                total = sum_parts(block, plan, current, earlier)
            current = finish(block, total, current)
            outputs.append(current)
            kernels.append(plan.kernel)
        return current, kernels

    @property
    def blocks(self) -> list[SFNEBlock]:
        """The blocks of the network."""
        return [cast(SFNEBlock, block) for block in self.network.blocks]

    def prepared(self, sizes: Sequence[int]) -> list[Prepared]:
        """Return blocks with their plans, kept ones when nothing they depend on has changed."""
        like = self.blocks[0].shift
        with torch.autocast(like.device.type, enabled=False):
            if torch.is_grad_enabled():
                plans = plan_blocks(self.blocks, sizes)
                return [(block, plan, None) for block, plan in zip(self.blocks, plans, strict=True)]
            if not self._state:
                self._state = [*self.network.blocks.parameters(), *self.network.blocks.buffers()]
            key: PlanKey = (
                tuple(sizes),
                *(block.training for block in self.blocks),
                like.dtype,
                *[part.data_ptr() for part in self._state],
                *[part._version for part in self._state],
            )
            if self._kept is None or self._kept[0] != key:
                plans = plan_blocks(self.blocks, sizes)
                both = zip(self.blocks, plans, strict=True)
                self._kept = (key, [(b, plan, compiled_plan(b, plan, sizes)) for b, plan in both])
            return self._kept[1]

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is kept: addresses mean nothing in a copy or in another process."""
        return {**self.__dict__, "_kept": None, "_state": []}

    def forget(self) -> None:
        """Drop all that is kept; needed only after a parameter object itself was replaced."""
        self._kept = None
        self._state = []


def sum_parts(
    block: SFNEBlock, plan: BlockPlan, x_BCS: Tensor, earlier: Mapping[str, Tensor]
) -> Tensor:
    """Return what the bottleneck makes of all branches, (B, λC, N), before G-IBS."""
    operands = operands_of(block, plan, x_BCS)
    parts = chain(
        earlier.items(),
        global_parts(block, plan, operands),
        local_parts(block, plan, operands),
    )
    columns, constant = plan.bottleneck, plan.bottleneck_bias
    if library.fits(x_BCS, *columns.values()):
        flat = {name: part.flatten(2) for name, part in parts}
        weights = [columns[name] for name in flat]
        return autograd.combine(weights, list(flat.values()), constant)
    total = x_BCS.new_zeros(len(x_BCS), len(next(iter(columns.values()))), x_BCS[0, 0].numel())
    if constant is not None:
        total = total + constant.to(total.dtype)[:, None]
    for name, part in parts:
        add_affine_(total, columns[name], part.flatten(2))
    return total


def finish(block: SFNEBlock, total_BON: Tensor, x_BCS: Tensor) -> Tensor:
    """Return the output of a block, (B, λC, *S), from the sum of its branches."""
    out_BON = standardize_groups(total_BON, block.standardize, activated=True)
    out_BON.add_(block.shift.to(out_BON.dtype))
    out_BOS = out_BON.reshape(*out_BON.shape[:2], *x_BCS.shape[2:])
    return DROPOUTS[x_BCS.ndim - 2](out_BOS, block.shape.dropout, block.training)
