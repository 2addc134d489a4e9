"""The speed of the network in units of a matrix product, plain and fast, in one process."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any

import torch
from torch import Tensor

from twospeed.core.allocator import keep_freed_memory
from twospeed.core.errors import lookup
from twospeed.core.fields import check_fields
from twospeed.core.ranges import Batch, Width, Within, Workers
from twospeed.terminator.benchmarks.scaling import growth_exponents, measure_scaling
from twospeed.terminator.benchmarks.timing import (
    CLOCKS,
    Action,
    median_seconds,
    peak_bytes,
)
from twospeed.terminator.fast.choice import multiplies_bfloat16
from twospeed.terminator.fast.evaluator import FastTerminator
from twospeed.terminator.native import library
from twospeed.terminator.network import Terminator, TerminatorConfig
from twospeed.terminator.presets import author, default

Evaluator = Terminator | FastTerminator


@dataclass(frozen=True, kw_only=True)
class BenchConfig:
    """What is measured."""

    batch: Batch = 8
    """Samples per step."""

    threads: Workers = 2
    """Threads of one operation."""

    repeats: Annotated[int, Within(1, 10_000)] = 7
    """Runs of which the median counts."""

    matmul_side: Width = 1024
    """Side of the square single precision product that is the unit of time."""

    clock: str = "wall"
    """"wall", or "processor": seconds of all threads, of use on a machine with other work."""

    scaling: bool = True
    """Whether the scaling table is measured too."""

    def __post_init__(self) -> None:
        check_fields(self)
        lookup(CLOCKS, self.clock, "clock")


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
            rows = measure_scaling(repeats=max(3, config.repeats // 2), clock=config.clock)
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
    infer = {name: Inference(part, x_BCS) for name, part in evaluators.items()}
    inference = measure_modes(config, infer)
    results = differences({name: action.scores for name, action in infer.items()})
    memory = {f"inference_{name}": peak_bytes(action) for name, action in infer.items()}
    network.train()
    train = {name: training_of(network, part, x_BCS) for name, part in evaluators.items()}
    training = measure_modes(config, train)
    memory |= {f"training_{name}": peak_bytes(action) for name, action in train.items()}
    return {
        "inference_over_matmul": over_matmul(inference),
        "training_over_matmul": over_matmul(training),
        "seconds": {"inference": inference, "training": training},
        "peak_bytes": memory,
        "compiled": library.load() is not None,
        "lanes": library.number("lanes") if library.load() is not None else None,
        "note": notes(),
        **results,
    }


def bfloat16_slowness(side: int = 512) -> float:
    """Return how many float32 products one bfloat16 product takes as long as: large if emulated."""
    products = {"fp32": matmul_of(side), "bf16": matmul_of(side, torch.bfloat16)}
    seconds = median_seconds(products, repeats=3, clock="processor")
    return seconds["bf16"] / seconds["fp32"]


def measure_modes(config: BenchConfig, actions: Mapping[str, Action]) -> dict[str, float]:
    """Return median seconds by mode and of the unit product."""
    unit = {"matmul": matmul_of(config.matmul_side)}
    return median_seconds({**unit, **actions}, repeats=config.repeats, clock=config.clock)


def notes() -> str:
    """Say how bfloat16 was measured, and whether compiled steps were missing."""
    if library.load() is None:
        return f"{_of_bfloat16()}; without compiled steps: no C++ compiler, or TWOSPEED_NATIVE=0"
    return _of_bfloat16()


def _of_bfloat16() -> str:
    slowness = bfloat16_slowness()
    if multiplies_bfloat16():
        return f"bf16: one product takes {slowness:.2g} times a float32 one"
    return (
        "bf16: this processor does not multiply it (emulated, one product takes "
        f"{slowness:.0f} times a float32 one), so float32 was taken in its place"
    )


def matmul_of(side: int, dtype: torch.dtype = torch.float32) -> Callable[[], Tensor]:
    """Return an action that multiplies two square matrices."""
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(side, side, generator=generator).to(dtype) for _ in range(2))
    return lambda: a @ b


class Inference:
    """An action that computes scores without gradients and keeps the last ones."""

    def __init__(self, evaluator: Evaluator, x_BCS: Tensor) -> None:
        self._evaluator, self._x_BCS = evaluator, x_BCS
        self.scores: Tensor | None = None

    @torch.no_grad()
    def __call__(self) -> None:
        """Evaluate."""
        self.scores = self._evaluator.forward_with_kernels(self._x_BCS)[0].float()


def training_of(network: Terminator, evaluator: Evaluator, x_BCS: Tensor) -> Callable[[], None]:
    """Return an action that runs forward and backward."""
    parameters = list(network.parameters())

    def act() -> None:
        for parameter in parameters:
            parameter.grad = None
        scores_BC = evaluator.forward_with_kernels(x_BCS)[0]
        torch.autograd.backward(scores_BC.float().square().mean())

    return act


def over_matmul(seconds: Mapping[str, float]) -> dict[str, float]:
    """Divide all seconds by those of the product."""
    return {name: value / seconds["matmul"] for name, value in seconds.items() if name != "matmul"}


def differences(scores: Mapping[str, Tensor | None]) -> dict[str, float | None]:
    """Return how far the fast scores are from the plain ones, and the spread of those."""
    plain = torch.as_tensor(scores["plain"])
    found = {
        name: None if part is None else float((part - plain).abs().max())
        for name, part in scores.items()
    }
    return {
        "max_abs_difference": found["fp32"],
        "bf16_max_abs_difference": found["bf16"],
        "scores_std": float(plain.std()),
    }
