"""Depthwise convolution of images with a backward pass made of matrix products.

The gradient of a depthwise kernel is a correlation of two images per channel: products of a matrix
of pixels and a matrix of pixels around them, of which some diagonals are summed. That is more
multiplications than taps need, but by the fast routine; the framework's own takes 20 times as long
on a CPU. Pixels are taken in square tiles where there are many of them, else row by row.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from twospeed.terminator.layers.local_operator import convolve_local


class Depthwise(torch.autograd.Function):
    """`convolve_local` of images, (B, C, H, W) with (B or 1, C, k, k)."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, kernels: Tensor) -> Tensor:
        """Convolve."""
        ctx.save_for_backward(values, kernels)
        return convolve_local(values, kernels)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradients of values and kernels."""
        values, kernels = ctx.saved_tensors
        of_values = convolve_local(gradient, kernels.flip(2, 3))
        if len(kernels) == 1:
            of_kernels = kernel_gradient(values, gradient, kernels.shape[2])[None]
        else:
            batch, channels, *sizes = values.shape
            each = (1, batch * channels, *sizes)
            flat = kernel_gradient(values.reshape(each), gradient.reshape(each), kernels.shape[2])
            of_kernels = flat.view_as(kernels)
        return of_values, of_kernels.to(kernels.dtype)


def kernel_gradient(values_BCHW: Tensor, gradient_BCHW: Tensor, side: int) -> Tensor:
    """Return the gradient of a (C, k, k) kernel that the whole batch shares."""
    tile = tile_side(values_BCHW, side)
    if tile:
        return gradient_by_tiles(values_BCHW, gradient_BCHW, side, tile)
    return gradient_by_rows(values_BCHW, gradient_BCHW, side)


def tile_side(values_BCHW: Tensor, side: int) -> int:
    """Return 8 or 4, the larger one that gives 64 tiles to sum over, or 0 where rows are faster."""
    batch, _, height, width = values_BCHW.shape
    for tile in (8, 4):
        if side >= 5 and batch * math.ceil(height / tile) * math.ceil(width / tile) >= 64:
            return tile
    return 0


def gradient_by_tiles(values_BCHW: Tensor, gradient_BCHW: Tensor, side: int, tile: int) -> Tensor:
    """Sum over tiles of t x t pixels times the e x e pixels around them, e = t + k - 1."""
    channels, *sizes = values_BCHW.shape[1:]
    reach, edge = side // 2, tile + side - 1
    rest_H, rest_W = (-size % tile for size in sizes)
    whole = functional.pad(gradient_BCHW, (0, rest_W, 0, rest_H))
    around = functional.pad(values_BCHW, (reach, reach + rest_W, reach, reach + rest_H))
    tiles_CLP, around_CLQ = (
        part.unfold(2, length, tile)
        .unfold(3, length, tile)
        .transpose(0, 1)
        .reshape(channels, -1, length * length)
        for part, length in ((whole, tile), (around, edge))
    )
    products_CPQ = torch.bmm(tiles_CLP.mT, around_CLQ)
    stride_c, stride_p, _ = products_CPQ.stride()
    strides = (stride_c, tile * stride_p + edge, stride_p + 1, edge, 1)
    return products_CPQ.as_strided((channels, tile, tile, side, side), strides).sum((1, 2))


def gradient_by_rows(values_BCHW: Tensor, gradient_BCHW: Tensor, side: int) -> Tensor:
    """Sum over rows of W pixels times the W + k - 1 pixels around them, a row of taps at a time.

    With rows padded by r = k//2 above and below, the row of tap u is u rows further on in the
    flattened batch, so every shift is a view.
    """
    reach = side // 2
    batch, channels, height, width = values_BCHW.shape
    rows = height + 2 * reach
    length = batch * rows
    gradient_CBRW = gradient_BCHW.new_zeros(channels, batch, rows, width)
    gradient_CBRW[:, :, :height] = gradient_BCHW.transpose(0, 1)
    padded_CLV = values_BCHW.new_zeros(channels, length + 2 * reach, width + 2 * reach)
    inside = padded_CLV[:, :length].unflatten(1, (batch, rows))[:, :, reach:, reach:]
    inside[:, :, :height, :width] = values_BCHW.transpose(0, 1)
    taps = []
    for u in range(side):
        products = torch.bmm(gradient_CBRW.flatten(1, 2).mT, padded_CLV[:, u : u + length])
        stride_c, stride_j, stride_v = products.stride()
        diagonals = products.as_strided(
            (channels, side, width), (stride_c, stride_v, stride_j + stride_v)
        )
        taps.append(diagonals.sum(2))
    return torch.stack(taps, 1)
