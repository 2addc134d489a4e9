"""The speed of the network in units of a matrix product, plain and fast, in one process."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from twospeed.core.errors import ConfigError
from twospeed.terminator.fast import FastTerminator
from twospeed.terminator.measure import keep_freed_memory, median_seconds, peak_bytes
from twospeed.terminator.network import Terminator, TerminatorConfig
from twospeed.terminator.presets import author, default
from twospeed.terminator.scaling import growth_exponents, measure_scaling

Evaluator = Terminator | FastTerminator


@dataclass(frozen=True, kw_only=True)
class BenchConfig:
    """What is measured."""

    batch: int = 8
    """Samples per step."""

    threads: int = 2
    """Threads of one operation."""

    repeats: int = 7
    """Runs of which the median counts."""

    matmul_side: int = 1024
    """Side of the square single precision product that is the unit of time."""

    scaling: bool = True
    """Whether the scaling table is measured too."""

    def __post_init__(self) -> None:
        if min(self.batch, self.threads, self.repeats, self.matmul_side) < 1:
            raise ConfigError("batch, threads, repeats and matmul_side must be at least 1")


def run_bench(config: BenchConfig, *, network: TerminatorConfig | None = None) -> dict[str, Any]:
    """Measure and return everything as JSON values.

    Args:
        config: what is measured.
        network: instead of the author's configuration for CIFAR-10 (and the default one).
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(config.threads)
    keep_freed_memory()
    try:
        results: dict[str, Any] = {"settings": asdict(config), "torch": torch.__version__}
        results.update(measure_network(config, network or author()))
        other = default() if network is None else replace(network, block=default().block)
        results["default"] = measure_network(config, other)
        if config.scaling:
            rows = measure_scaling(repeats=max(3, config.repeats // 2))
            results["scaling"] = [asdict(row) for row in rows]
            results["scaling_exponents"] = growth_exponents(rows)
    finally:
        torch.set_num_threads(threads)
    return results


def measure_network(config: BenchConfig, network_config: TerminatorConfig) -> dict[str, Any]:
    """Measure one network: inference and training, plain and fast, float32 and bfloat16."""
    generator = torch.Generator().manual_seed(0)
    network = Terminator(network_config, generator=generator).eval()
    shape = (config.batch, network_config.channels, *network_config.sizes)
    x_BCS = torch.randn(shape, generator=generator)
    evaluators: dict[str, Evaluator] = {
        "plain": network,
        "fp32": FastTerminator(network),
        "bf16": FastTerminator(network, dtype=torch.bfloat16),
    }
    product = matmul_of(config.matmul_side)
    infer = {name: inference_of(part, x_BCS) for name, part in evaluators.items()}
    results = differences({name: action() for name, action in infer.items()})
    inference = median_seconds({"matmul": product, **infer}, repeats=config.repeats)
    memory = {f"inference_{name}": peak_bytes(action) for name, action in infer.items()}
    network.train()
    train = {name: training_of(network, part, x_BCS) for name, part in evaluators.items()}
    training = median_seconds({"matmul": product, **train}, repeats=config.repeats)
    memory |= {f"training_{name}": peak_bytes(action) for name, action in train.items()}
    return {
        "inference_over_matmul": over_matmul(inference),
        "training_over_matmul": over_matmul(training),
        "seconds": {"inference": inference, "training": training},
        "peak_bytes": memory,
        **results,
    }


def matmul_of(side: int) -> Callable[[], Tensor]:
    """Return an action that multiplies two square float32 matrices."""
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(side, side, generator=generator) for _ in range(2))
    return lambda: a @ b


def inference_of(evaluator: Evaluator, x_BCS: Tensor) -> Callable[[], Tensor]:
    """Return an action that computes scores without gradients."""

    @torch.no_grad()
    def act() -> Tensor:
        return evaluator.forward_with_kernels(x_BCS)[0].float()

    return act


def training_of(network: Terminator, evaluator: Evaluator, x_BCS: Tensor) -> Callable[[], None]:
    """Return an action that runs forward and backward."""

    def act() -> None:
        network.zero_grad(set_to_none=True)
        scores_BC = evaluator.forward_with_kernels(x_BCS)[0]
        torch.autograd.backward(scores_BC.float().square().mean())

    return act


def over_matmul(seconds: dict[str, float]) -> dict[str, float]:
    """Divide all seconds by those of the product."""
    return {name: value / seconds["matmul"] for name, value in seconds.items() if name != "matmul"}


def differences(scores: dict[str, Tensor]) -> dict[str, float]:
    """Return how far the fast scores are from the plain ones, and relative to their spread."""
    plain = scores["plain"]
    return {
        "max_abs_difference": float((scores["fp32"] - plain).abs().max()),
        "bf16_max_abs_difference": float((scores["bf16"] - plain).abs().max()),
        "scores_std": float(plain.std()),
    }
