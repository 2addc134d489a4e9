"""What is computed in two ways: the framework's (ops_torch.py) and the compiled (ops_native.py).

Both modules offer these names with these signatures. The evaluator takes one of them for a whole
call (`choice.operations_for`); the steps of a block are written once, over the one it took.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from torch import Tensor

from twospeed.terminator.block_config import BlockConfig
from twospeed.terminator.fast.moments import Pooling, Statistics
from twospeed.terminator.fast.plan import Affine

Term = tuple[Tensor, Tensor]
"""A weight (O, C) and the values (B, C, N) that it multiplies."""


class Operations(Protocol):
    """One way to compute. Tensors of a call have one dtype and one device."""

    def standardize(
        self, x_BCN: Tensor, pooling: Pooling, *, activated: bool = False
    ) -> tuple[Tensor, Statistics]:
        """Standardize (B, C, N); without gradients in place, so give it a tensor of your own.

        Args:
            x_BCN: values.
            pooling: the statistics to take.
            activated: whether GELU follows.

        Returns:
            The result, and mean and variance (B, C).
        """

    def standardize_rows(self, x_BCN: Tensor) -> Tensor:
        """IS of (B, C, N); without gradients in place, so give it a tensor of your own."""

    def combine(self, terms: Iterable[Term], constant: Tensor | None = None) -> Tensor:
        """Return the sum of weights times values, (B, O, N); terms are taken one by one.

        Args:
            terms: one or more.
            constant: added to every sample, (O, 1) or (O, N).
        """

    def gated_unit(self, map_in: Affine, values_BCN: Tensor) -> Tensor:
        """Return φ(IS(a ⊙ q)), (B, C, N), of the two halves that `map_in` makes."""

    def mix(self, kernel_BCS: Tensor, values_BCS: Tensor, config: BlockConfig) -> Tensor:
        """Compute `layers.operators.mix` as `config` says; not causal."""

    def gate(self, score_BC: Tensor, score_BN: Tensor, x_BCN: Tensor) -> Tensor:
        """Return σ(s_c ⊙ s_n) ⊙ x, (B, C, N)."""

    def convolve(self, values_BCS: Tensor, kernels_BCS: Tensor) -> Tensor:
        """Compute `layers.local_operator.convolve_local`; not causal."""

    def pool(self, x_BCS: Tensor, pools: Sequence[Tensor], *, summed: bool = False) -> Tensor:
        """Average (B, C, n, ...) to (B, C, k, ...): adaptive pooling as one product per axis.

        Args:
            x_BCS: values.
            pools: a matrix (n, k) per axis, one or two.
            summed: whether the batch is summed up, to (1, C, k, ...).
        """
