"""The fixed matrix that brings one axis of a context-dependent kernel to another length.

Mixing along an axis of n points needs an n x n matrix per sample and channel; a kernel
of n x m is brought to it by R (m x n). On squares R is the identity.
"""

import torch
from torch import Tensor
from torch.nn import functional


def resampling_matrix(num_in: int, num_out: int, *, like: Tensor) -> Tensor:
    """Return R, (num_in, num_out): averages over equal shares of an axis, each column sums to 1.

    A shorter axis takes area means, a longer one repeats and averages neighbours (the bins of
    adaptive pooling); equal lengths give the identity.

    Args:
        num_in: length of the axis before.
        num_out: length of the axis after.
        like: a tensor whose dtype and device the matrix takes.
    """
    identity = torch.eye(num_in, dtype=like.dtype, device=like.device)
    return functional.adaptive_avg_pool1d(identity[None], num_out)[0]


def resample_last(x: Tensor, num_out: int) -> Tensor:
    """Bring the last axis of `x` to `num_out` points; an equal length returns `x` itself."""
    if x.shape[-1] == num_out:
        return x
    return x @ resampling_matrix(x.shape[-1], num_out, like=x)
