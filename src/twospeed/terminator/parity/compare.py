"""Compare our network with an archive, array by array, in float64 (sections 15 and 17)."""

import itertools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from twospeed.core.errors import DataError
from twospeed.core.fields import checked
from twospeed.core.files import StrPath, as_path
from twospeed.core.npz import read_arrays
from twospeed.core.ranges import Share
from twospeed.terminator.block import Trace
from twospeed.terminator.layers.coordinates import axis_points
from twospeed.terminator.losses import slow_loss, slow_loss_terms, smoothed_cross_entropy
from twospeed.terminator.network import Terminator
from twospeed.terminator.parity.archive import (
    Arrays,
    check_numbers,
    integers,
    network_of,
    parameter_name,
    take,
    weight_names,
)

TOLERANCE = 1e-9
"""Largest deviation over largest magnitude; differences in reducing a phase reach 1e-10."""

SMALLEST = 1e-6
"""Magnitude below which an array counts as this large: gradients of idle parameters are noise."""

Step = Callable[[Terminator, Tensor, list[Trace]], tuple[Tensor, list[Tensor]]]
"""(network, input, traces to fill) -> logits and hyper-kernels."""


@dataclass(frozen=True, kw_only=True)
class ParityReport:
    """How far our numbers are from an archive's."""

    errors: Mapping[str, float]
    """Array name -> largest deviation relative to its largest magnitude; NaN where not finite."""

    tolerance: float
    """What an error may be."""

    @property
    def failures(self) -> dict[str, float]:
        """Arrays outside the tolerance, in the archive's order of evaluation."""
        return {name: error for name, error in self.errors.items() if not error <= self.tolerance}

    def worst(self, count: int) -> list[tuple[str, float]]:
        """Return the `count` largest errors, NaN first."""
        return sorted(
            self.errors.items(), key=lambda item: (item[1] != item[1], item[1]), reverse=True
        )[:count]


def compare_archive(path: StrPath, *, tolerance: float = TOLERANCE) -> ParityReport:
    """Rebuild the network of an archive and compare every array that it holds.

    Raises:
        ConfigError: for a tolerance that is none.
        DataError: when the file cannot be read, describes no network, holds an array that is
            none of ours, or holds nothing to compare.
    """
    path, tolerance = as_path(path), checked(tolerance, Share, "tolerance")
    arrays = read_arrays(path)
    check_numbers(arrays)
    network = network_of(arrays)
    got = evaluate(network, arrays)
    compared = [name for name in got if name in arrays]
    used = {"input/x", "input/labels", *weight_names(arrays), *compared}
    unknown = [name for name in arrays if name not in used and not name.startswith("config/")]
    if unknown:
        raise DataError(
            f"{path.name} holds {len(unknown)} arrays that the network does not give, "
            f"such as {unknown[0]}"
        )
    if not any(name.startswith(("trace/", "output/", "grad/")) for name in compared):
        raise DataError(f"{path.name} holds weights, but no result to compare with")
    errors = {name: relative_error(got[name], arrays[name]) for name in compared}
    return ParityReport(errors=errors, tolerance=tolerance)


def relative_error(got: Tensor, want: NDArray[np.generic]) -> float:
    """Return the largest deviation relative to the largest magnitude of `want`; NaN on misfit."""
    want = want.astype(np.float64)
    values = got.detach().double().cpu().numpy()
    if values.shape != want.shape or not (np.isfinite(values).all() and np.isfinite(want).all()):
        return float("nan")
    deviation = float(np.abs(values - want).max(initial=0.0))
    magnitude = float(np.abs(want).max(initial=0.0))
    return deviation / max(magnitude, SMALLEST)


def plain_step(
    network: Terminator, x_BCS: Tensor, traces: list[Trace]
) -> tuple[Tensor, list[Tensor]]:
    """Evaluate the modules line by line."""
    features_BCS, kernels = network.encode(x_BCS, traces=traces)
    return network.forward_head(features_BCS), kernels


def evaluate(network: Terminator, arrays: Arrays, *, step: Step = plain_step) -> dict[str, Tensor]:
    """Return all that an archive may hold beside weights: coordinates, traces, results, gradients.

    Args:
        network: from `network_of`.
        arrays: the archive; gives input and labels, and which gradients are wanted.
        step: how the network is evaluated.
    """
    x = torch.from_numpy(take(arrays, "input/x").astype(np.float64)).requires_grad_()
    traces: list[Trace] = [{} for _ in network.blocks]
    logits, kernels = step(network, x, traces)
    results: dict[str, Tensor] = {
        name: axis_points(int(name.removeprefix("coords/")))
        for name in arrays
        if name.startswith("coords/")
    }
    for number, trace in enumerate(traces, start=1):
        for name, tensor in trace.items():
            label = f"trace/block{number}/{archive_trace_name(name)}"
            results[label] = in_archive_shape(tensor, label, arrays)
    results.update(slow_results(kernels, arrays))
    results["output/logits"] = logits
    if "input/labels" in arrays:
        labels = labels_of(arrays, len(x))
        ce = smoothed_cross_entropy(logits, labels)
        results["output/ce"] = ce
        results.update(gradients(ce + slow_loss(kernels, "c"), network, x, arrays))
    return results


def labels_of(arrays: Arrays, count: int) -> Tensor:
    """Return the labels, (count,).

    Raises:
        DataError: when they are not whole numbers, one per picture.
    """
    labels = integers(arrays, "input/labels", count=count)
    return torch.tensor(labels)


def slow_results(kernels: list[Tensor], arrays: Arrays) -> dict[str, Tensor]:
    """Return the three slow losses with their terms, by archive name.

    Terms of all pairs come in the order of the archive's ``output/slow_pairs``, where it gives one.
    """
    results: dict[str, Tensor] = {}
    ours = list(itertools.combinations(range(1, len(kernels) + 1), 2))
    pairs = pairs_of(arrays, ours) if "output/slow_pairs" in arrays else ours
    for variant in "abc":
        terms = slow_loss_terms(kernels, variant)
        if variant != "a":
            terms = [terms[ours.index((min(pair), max(pair)))] for pair in pairs]
        results[f"output/slow_{variant}"] = slow_loss(kernels, variant)
        results[f"output/slow_{variant}_terms"] = (
            torch.stack(terms) if terms else kernels[0].new_zeros(0)
        )
    results["output/slow_pairs"] = torch.tensor(pairs).reshape(-1, 2)
    return results


def pairs_of(arrays: Arrays, ours: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the archive's pairs of blocks, or `ours` where they are not the same ones."""
    if take(arrays, "output/slow_pairs").shape != (len(ours), 2):
        return ours
    values = integers(arrays, "output/slow_pairs")
    pairs = list(zip(values[::2], values[1::2], strict=True))
    return pairs if sorted((min(pair), max(pair)) for pair in pairs) == ours else ours


def gradients(
    loss: Tensor, network: Terminator, x_BCS: Tensor, arrays: Arrays
) -> dict[str, Tensor]:
    """Return the derivatives of `loss` that the archive holds."""
    parameters = {**dict(network.named_parameters()), "input/x": x_BCS}
    wanted = {}
    for name in arrays:
        if name.startswith("grad/"):
            target = name.removeprefix("grad/")
            ours = target if target == "input/x" else parameter_name(target, arrays)
            if ours not in parameters:
                raise DataError(f"{name} is a gradient of nothing that the network trains")
            wanted[name] = parameters[ours]
    if not wanted:
        return {}
    found = torch.autograd.grad(loss, list(wanted.values()), allow_unused=True)
    return {
        name: torch.zeros_like(wanted[name]) if gradient is None else gradient
        for name, gradient in zip(wanted, found, strict=True)
    }


def archive_trace_name(name: str) -> str:
    """Translate ``local-5-m-x_kernel`` to ``local_k5_kernel``; other names are the same."""
    return re.sub(r"^local-(\d+)-[xmq]-[xmq]", r"local_k\1", name)


def in_archive_shape(tensor: Tensor, name: str, arrays: Arrays) -> Tensor:
    """Drop the axes of size 1 that archives do not keep."""
    if name not in arrays:
        return tensor
    shape = take(arrays, name).shape
    return tensor.reshape(shape) if tensor.numel() == np.prod(shape, dtype=int) else tensor
