"""A linear map over channels, the same at every position: a convolution with a 1x1 kernel."""

import math

import torch
from torch import Tensor, nn


def mix_channels(x_BCS: Tensor, weight_OC: Tensor, bias_O: Tensor | None = None) -> Tensor:
    """Apply `weight_OC` (and the bias) to the channels at every position.

    Args:
        x_BCS: (B, C, *positions).
        weight_OC: (O, C).
        bias_O: (O,) or None.

    Returns:
        (B, O, *positions).
    """
    x_BCN = x_BCS.flatten(2)
    out_BON = torch.bmm(weight_OC.expand(len(x_BCN), -1, -1), x_BCN)
    if bias_O is not None:
        out_BON = out_BON + bias_O[:, None]
    return out_BON.reshape(*out_BON.shape[:2], *x_BCS.shape[2:])


class ChannelLinear(nn.Module):
    """`mix_channels` with its own weights, (B, C, *S) -> (B, O, *S).

    Args:
        num_in: C.
        num_out: O.
        bias: whether there is one; it starts at 0.
        spread: "kaiming" draws normal weights of std sqrt(2/C), "uniform" draws from
            ±sqrt(3/C) (both as the author starts them), "default" weight and bias from ±1/sqrt(C).
        generator: source of the draws; None is the global one.
    """

    def __init__(
        self,
        num_in: int,
        num_out: int,
        *,
        bias: bool = True,
        spread: str = "kaiming",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        weight_OC = torch.empty(num_out, num_in)
        bias_O = torch.zeros(num_out)
        if spread == "kaiming":
            weight_OC.normal_(0, math.sqrt(2 / num_in), generator=generator)
        elif spread == "uniform":
            uniform_(weight_OC, math.sqrt(3 / num_in), generator)
        else:
            uniform_(weight_OC, 1 / math.sqrt(num_in), generator)
            uniform_(bias_O, 1 / math.sqrt(num_in), generator)
        self.weight = nn.Parameter(weight_OC)
        self.bias = nn.Parameter(bias_O) if bias else None

    def forward(self, x_BCS: Tensor) -> Tensor:
        """Map (B, C, *S) to (B, O, *S)."""
        return mix_channels(x_BCS, self.weight, self.bias)


def uniform_(tensor: Tensor, bound: float, generator: torch.Generator | None) -> Tensor:
    """Fill `tensor` in place with draws from ±`bound` and return it."""
    return tensor.uniform_(-bound, bound, generator=generator)
