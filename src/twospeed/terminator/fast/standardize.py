"""The standardizations of a block: the rule of each layer, computed by the chosen operations.

Moments per sample and channel serve both: where a channel takes batch statistics they are
averaged over the batch.
"""

import torch
from torch import Tensor

from twospeed.terminator.fast.moments import Pooling, everywhere, fixed_statistics
from twospeed.terminator.fast.operations import Operations
from twospeed.terminator.layers.standardization import (
    BatchStandardization,
    GroupInstanceBatchStandardization,
)


def standardize_batch(
    x_BCN: Tensor,
    layer: BatchStandardization,
    ops: Operations,
    *,
    left_out_C: Tensor | None = None,
    activated: bool = False,
) -> Tensor:
    """Apply a BS layer's rule to (B, C, N) with `ops.standardize`.

    Args:
        x_BCN: may lack a constant per channel, which standardization removes anyway.
        layer: the rule; its running averages move.
        ops: computes it.
        left_out_C: that constant, which the running mean takes in.
        activated: whether GELU follows.
    """
    shared_C = everywhere(x_BCN.shape[1], True, x_BCN.device)
    pooling = Pooling(shared=shared_C, fixed=fixed_statistics(layer))
    return _with_layer(x_BCN, layer, pooling, ops, left_out_C, activated=activated)


def standardize_groups(
    x_BCN: Tensor,
    layer: GroupInstanceBatchStandardization,
    ops: Operations,
    *,
    activated: bool = False,
) -> Tensor:
    """Apply a G-IBS layer's rule to (B, C, N) with `ops.standardize`."""
    pooling = Pooling(shared=layer.get_buffer("is_batch"), fixed=fixed_statistics(layer.batch))
    return _with_layer(x_BCN, layer.batch, pooling, ops, activated=activated)


def _with_layer(
    x_BCN: Tensor,
    layer: BatchStandardization,
    pooling: Pooling,
    ops: Operations,
    left_out_C: Tensor | None = None,
    *,
    activated: bool,
) -> Tensor:
    y_BCN, (mean_BC, variance_BC) = ops.standardize(x_BCN, pooling, activated=activated)
    if pooling.fixed is None and layer.running:
        variance_C, mean_C = torch.var_mean(mean_BC, 0, correction=0)
        whole_C = mean_C if left_out_C is None else mean_C + left_out_C
        layer.remember(whole_C, variance_BC.mean(0) + variance_C)
    return y_BCN
