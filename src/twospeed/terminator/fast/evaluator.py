"""The same network sooner: equal numbers, fewer and larger operations.

`FastTerminator` wraps a `Terminator` and shares its weights. Without gradients everything that
depends on weights and sizes alone is kept until a weight changes; with gradients it is prepared
anew in each call. Causal networks are evaluated by the plain blocks.
"""

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from twospeed.terminator.block import DROPOUTS, SFNEBlock
from twospeed.terminator.fast.branches import sum_parts
from twospeed.terminator.fast.choice import (
    BlockSum,
    operations_for,
    whole_block,
    working_dtype,
)
from twospeed.terminator.fast.operations import Operations
from twospeed.terminator.fast.plan import BlockPlan, plan_blocks
from twospeed.terminator.fast.standardize import standardize_groups
from twospeed.terminator.network import Terminator, check_dtype, check_input

PlanKey = tuple[object, ...]

Prepared = tuple[SFNEBlock, BlockPlan, BlockSum | None]
"""A block with its plan, and what sums all its branches at once where that can be done."""


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
        current = x_BCS.to(working_dtype(self.dtype, like))
        ops = operations_for(current, like)
        outputs: list[Tensor] = []
        kernels: list[Tensor] = []
        for i, (block, plan, whole) in enumerate(self.prepared(x_BCS.shape[2:], ops)):
            sources = zip(("e1", "e2"), config.earlier[i], strict=True)
            earlier = {name: outputs[j - 1] for name, j in sources if j}
            if whole is None:
                total = sum_parts(block, plan, current, earlier, ops)
            else:
                total = whole(current, earlier)
            current = finish(block, total, current, ops)
            outputs.append(current)
            kernels.append(plan.kernel)
        return current, kernels

    @property
    def blocks(self) -> list[SFNEBlock]:
        """The blocks of the network."""
        return [cast(SFNEBlock, block) for block in self.network.blocks]

    def prepared(self, sizes: Sequence[int], ops: Operations) -> list[Prepared]:
        """Return blocks with their plans, kept ones when nothing they depend on has changed."""
        like = self.blocks[0].shift
        with torch.autocast(like.device.type, enabled=False):
            if torch.is_grad_enabled():
                plans = plan_blocks(self.blocks, sizes)
                return [(block, plan, None) for block, plan in zip(self.blocks, plans, strict=True)]
            key = self._key(sizes, ops)
            if self._kept is None or self._kept[0] != key:
                both = zip(self.blocks, plan_blocks(self.blocks, sizes), strict=True)
                self._kept = (key, [(b, p, whole_block(b, p, sizes, ops)) for b, p in both])
            return self._kept[1]

    def _key(self, sizes: Sequence[int], ops: Operations) -> PlanKey:
        if not self._state:
            self._state = [*self.network.blocks.parameters(), *self.network.blocks.buffers()]
        return (
            ops,
            tuple(sizes),
            *(block.training for block in self.blocks),
            self.blocks[0].shift.dtype,
            *[part.data_ptr() for part in self._state],
            *[part._version for part in self._state],
        )

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is kept: addresses mean nothing in a copy or in another process."""
        return {**self.__dict__, "_kept": None, "_state": []}

    def forget(self) -> None:
        """Drop all that is kept; needed only after a parameter object itself was replaced."""
        self._kept = None
        self._state = []


def finish(block: SFNEBlock, total_BON: Tensor, x_BCS: Tensor, ops: Operations) -> Tensor:
    """Return the output of a block, (B, λC, *S), from the sum of its branches."""
    out_BON = standardize_groups(total_BON, block.standardize, ops, activated=True)
    out_BON.add_(block.shift.to(out_BON.dtype))
    out_BOS = out_BON.reshape(*out_BON.shape[:2], *x_BCS.shape[2:])
    return DROPOUTS[x_BCS.ndim - 2](out_BOS, block.shape.dropout, block.training)
