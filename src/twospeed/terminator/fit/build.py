"""What a fit is put together from: network, how it is evaluated, optimiser, learning rate."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from twospeed.core.capacity import check_fits
from twospeed.core.errors import ConfigError
from twospeed.core.fields import shown
from twospeed.core.random import generator_of, seed_of
from twospeed.terminator.baselines import PeerShape, build_peer, num_parameters
from twospeed.terminator.datasets.examples import ExampleSet
from twospeed.terminator.fast.evaluator import FastTerminator
from twospeed.terminator.fit.config import FitConfig
from twospeed.terminator.fit.kar import Kar2, Kar3
from twospeed.terminator.network import Terminator, TerminatorConfig

Scores = Callable[[Tensor], tuple[Tensor, list[Tensor]]]
"""Input -> scores (B, classes) and hyper-kernels (none for a peer)."""


def device_of(name: str) -> torch.device:
    """Return a device that can be used here.

    Raises:
        ConfigError: for another name.
    """
    try:
        number = torch.ones(1, device=name)
        number.item()  # "meta" holds none
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        raise ConfigError(f"there is no device {shown(name)} here: try cpu") from error
    return number.device


def build_network(config: FitConfig, data: ExampleSet) -> nn.Module:
    """Build the Terminator or the peer of a recipe for the shape of the data.

    Raises:
        ConfigError: when recipe and data do not fit together, or not into this machine's memory.
        UnknownNameError: for a peer that cannot read them.
    """
    count, channels, *sizes = data.train.images.shape
    positions = tuple(sizes) if config.layout == "image" else (math.prod(sizes),)
    network_config = config.network.terminator(
        channels=channels, sizes=positions, num_classes=len(data.classes)
    )
    check_room(network_config, min(config.batch_size, count))
    network = Terminator(network_config, generator=generator_of(config.seed, "weights"))
    if config.network.learner == "terminator":
        return network
    shape = PeerShape(channels=channels, sizes=positions, num_classes=len(data.classes))
    wanted = config.network.parameters or num_parameters(network)
    seed = seed_of(config.seed, "weights")
    return build_peer(config.network.learner, shape, parameters=wanted, seed=seed)


def check_room(config: TerminatorConfig, batch: int) -> None:
    """Refuse a network whose training cannot fit into the memory of this machine.

    Counted are weights of the bottlenecks with gradient and two averages, what each branch keeps
    for its gradient, and one layer of the global slow nets.

    Raises:
        ConfigError: when it cannot.
    """
    num_weights = num_kept = 0
    for shape in config.shapes():
        branches = len(shape.branches(config.block))
        num_weights += branches * shape.expansion * shape.channels**2
        num_kept += branches * shape.channels * batch + config.block.width_global
    num_bytes = 4 * (4 * num_weights + num_kept * math.prod(config.sizes))
    size = "x".join(map(str, config.sizes))
    check_fits(num_bytes, f"training this network with batches of {batch} inputs of {size}")


def scores_of(config: FitConfig, network: nn.Module) -> Scores:
    """Return how a network is evaluated in this recipe."""
    if not isinstance(network, Terminator):
        return lambda x: (network(x), [])
    dtype = torch.bfloat16 if config.bfloat16 else None
    evaluator: FastTerminator | Terminator = (
        FastTerminator(network, dtype=dtype) if config.fast else network
    )
    if config.compile:
        compiled: Scores = torch.compile(evaluator.forward_with_kernels)
        return compiled
    return evaluator.forward_with_kernels


def build_optimizer(config: FitConfig, network: nn.Module) -> torch.optim.Optimizer:
    """Build the optimiser of a recipe."""
    parameters = [part for part in network.parameters() if part.requires_grad]
    rate, decay = config.learning_rate, config.weight_decay
    if config.optimizer == "kar3":
        return Kar3(parameters, lr=rate, betas=config.betas, weight_decay=decay)
    if config.optimizer == "kar2":
        return Kar2(parameters, lr=rate, beta=config.betas[1], weight_decay=decay)
    return torch.optim.AdamW(
        parameters, lr=rate, betas=config.betas, weight_decay=decay, foreach=True
    )


def rate_at(config: FitConfig, step: int, steps_per_epoch: int) -> float:
    """Return the learning rate of a step, counted from 0: linear warm-up, then cosine to 0."""
    warmup = max(1, round(config.warmup_epochs * steps_per_epoch))
    total = max(warmup + 1, config.epochs * steps_per_epoch)
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    share = (step - warmup) / (total - warmup)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * share))
