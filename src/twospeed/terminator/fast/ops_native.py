"""The compiled way (native/): float32 on a CPU; what the functions do not know is ops_torch's."""

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from twospeed.terminator.block_config import BlockConfig
from twospeed.terminator.fast import ops_torch
from twospeed.terminator.fast.moments import Pooling, Statistics, everywhere
from twospeed.terminator.fast.operations import Term
from twospeed.terminator.fast.plan import Affine
from twospeed.terminator.layers.local_operator import check_reach
from twospeed.terminator.layers.operators import chosen_operator
from twospeed.terminator.native import autograd, calls


def standardize(
    x_BCN: Tensor, pooling: Pooling, *, activated: bool = False
) -> tuple[Tensor, Statistics]:
    """See `Operations.standardize`."""
    kinds_C = pooling.shared.view(torch.uint8)
    if pooling.fixed is not None:
        kinds_C = 2 * kinds_C
    return autograd.standardize(x_BCN, kinds_C, pooling.fixed, activated=activated)


def standardize_rows(x_BCN: Tensor) -> Tensor:
    """See `Operations.standardize_rows`."""
    return standardize(x_BCN, Pooling(shared=everywhere(x_BCN.shape[1], False)))[0]


def combine(terms: Iterable[Term], constant: Tensor | None = None) -> Tensor:
    """See `Operations.combine`; all terms are gathered, the sum is written once."""
    weights, values = zip(*terms, strict=True)
    return autograd.combine(weights, values, constant)


def gated_unit(map_in: Affine, values_BCN: Tensor) -> Tensor:
    """See `Operations.gated_unit`."""
    weight_DC, bias_D1 = map_in
    return autograd.gated_unit(combine([(weight_DC, values_BCN)]), bias_D1.flatten())


def mix(kernel_BCS: Tensor, values_BCS: Tensor, config: BlockConfig) -> Tensor:
    """See `Operations.mix`; compiled for products of square maps."""
    batch, channels, *sizes = values_BCS.shape
    if not is_square_product(config, sizes):
        return ops_torch.mix(kernel_BCS, values_BCS, config)
    side = math.isqrt(math.prod(sizes))
    shape = (batch, channels, side, side)
    product = autograd.mix(kernel_BCS.reshape(shape), values_BCS.reshape(shape))
    return product.view_as(values_BCS)


def is_square_product(config: BlockConfig, sizes: Sequence[int]) -> bool:
    """Say whether the global operator is one matrix product of square maps per channel."""
    side = math.isqrt(math.prod(sizes))
    return (
        sizes[-1] in (side, side * side)
        and side * side == math.prod(sizes)
        and len(sizes) <= 2
        and (len(sizes) == 1 or tuple(config.mixing or (1.0, 0.0)) == (1.0, 0.0))
        and chosen_operator(config.operator, sizes) == "matmul"
    )


def gate(score_BC: Tensor, score_BN: Tensor, x_BCN: Tensor) -> Tensor:
    """See `Operations.gate`."""
    return autograd.gate(score_BC, score_BN, x_BCN)


def convolve(values_BCS: Tensor, kernels_BCS: Tensor) -> Tensor:
    """See `Operations.convolve`; compiled for kernels of `calls.SIDES`."""
    if kernels_BCS.shape[-1] not in calls.SIDES:
        return ops_torch.convolve(values_BCS, kernels_BCS)
    check_reach(values_BCS, kernels_BCS)
    if values_BCS.ndim == 4:
        return autograd.convolve(values_BCS, kernels_BCS)
    # a sequence is an image of one row
    return autograd.convolve(values_BCS[:, :, None], kernels_BCS[:, :, None])[:, :, 0]


def pool(x_BCS: Tensor, pools: Sequence[Tensor], *, summed: bool = False) -> Tensor:
    """See `Operations.pool`."""
    *rows, columns = pools
    if rows:
        return autograd.pool(x_BCS, rows[0].mT, columns, summed=summed)
    return autograd.pool(x_BCS[:, :, None], torch.ones(1, 1), columns, summed=summed)[:, :, 0]
