"""Fit a classifier: steps, epochs, choice by held-out examples, journal, resume, pictures.

The model is chosen by a validation part split off the training examples; the test part is looked
at once, at the end, with the chosen weights, all of it.
"""

import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from twospeed.core.allocator import keep_freed_memory
from twospeed.core.errors import DataError
from twospeed.core.files import StrPath, as_path, write_json
from twospeed.core.folders import check_shared
from twospeed.core.progress import Journal, progress
from twospeed.core.random import generator_of, seed_of
from twospeed.core.runs.locks import held
from twospeed.terminator.baselines import num_parameters
from twospeed.terminator.datasets.examples import Examples, ExampleSet, split_off
from twospeed.terminator.fit.batches import (
    Reader,
    evaluation_batches,
    reader_for,
    training_batches,
)
from twospeed.terminator.fit.build import (
    Scores,
    build_network,
    build_optimizer,
    device_of,
    rate_at,
    scores_of,
)
from twospeed.terminator.fit.checkpoint import (
    STATE,
    FitState,
    load_state,
    load_weights_,
    save_state,
)
from twospeed.terminator.fit.config import FitConfig
from twospeed.terminator.fit.fingerprint import check_data, record_data
from twospeed.terminator.fit.result import FIT, FitResult
from twospeed.terminator.losses import norm_regulariser, slow_loss, smoothed_cross_entropy
from twospeed.terminator.network import Terminator


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Everything that a running fit needs and does not change."""

    config: FitConfig
    """The recipe."""

    train: Examples
    """Learned from."""

    validation: Examples
    """Chosen by."""

    reader: Reader
    """Pictures to inputs."""

    network: nn.Module
    """What is trained."""

    scores: Scores
    """How it is evaluated."""

    optimizer: torch.optim.Optimizer
    """Moves it."""

    device: torch.device
    """Where."""


def fit_examples(
    config: FitConfig,
    data: ExampleSet,
    out: StrPath,
    *,
    device: str = "cpu",
    quiet: bool = False,
) -> FitResult:
    """Fit, or go on where an earlier call with the same `out` stopped.

    Writes journal.jsonl (a line per epoch), config.json, data.json, last.safetensors (to resume),
    best.safetensors (the chosen weights) and result.json into `out`.

    Args:
        config: the recipe.
        data: training and test examples.
        out: folder of this fit.
        device: such as "cpu" or "cuda".
        quiet: show no progress.

    Raises:
        ConfigError: when recipe and data do not fit together.
        DataError: when `out` holds another fit, one on other data or files of these names that are
            no fit's, the loss is not finite, or files cannot be written.
    """
    out = as_path(out, "out")
    check_shared(out, FIT)
    with held(out):
        return _fit(config, data, out, device=device, quiet=quiet)


def _fit(config: FitConfig, data: ExampleSet, out: Path, *, device: str, quiet: bool) -> FitResult:
    keep_freed_memory()
    fit = prepare(config, data, device)
    if (out / STATE).exists():
        check_data(out, data)
    state = load_state(out, fit.network, fit.optimizer, config) or FitState.empty()
    write_json(out / "config.json", asdict(config))
    record_data(out, data)
    journal = Journal(out / "journal.jsonl")
    remaining = range(state.epoch + 1, config.epochs + 1)
    with progress(
        f"fitting {data.name}", total=config.epochs, unit="epochs", already=state.epoch
    ) as advance:
        for epoch in remaining:
            state = run_epoch(fit, state, epoch)
            save_state(out, fit.network, fit.optimizer, state)
            journal.write(epoch=epoch, **state.last())
            if not quiet:
                advance(note=f"validation {state.validation[-1]:.3f}")
    result = judge(fit, state, data, out)
    write_json(out / "result.json", asdict(result))
    return result


def prepare(config: FitConfig, data: ExampleSet, device: str) -> Fit:
    """Split, build and start everything."""
    train, validation = split_off(
        data.train, config.validation_share, generator_of(config.seed, "validation")
    )
    where = device_of(device)
    network = build_network(config, data).to(where)
    return Fit(
        config=config,
        train=train,
        validation=validation,
        reader=reader_for(config, train),
        network=network,
        scores=scores_of(config, network),
        optimizer=build_optimizer(config, network),
        device=where,
    )


def run_epoch(fit: Fit, state: FitState, epoch: int) -> FitState:
    """Train one epoch, measure, and return the new state."""
    start, processor_start = time.perf_counter(), time.process_time()
    fit.network.train()
    steps = math.ceil(len(fit.train) / fit.config.batch_size)
    losses = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(fit.config.seed, "dropout", epoch))
        batches = training_batches(fit.config, fit.train, fit.reader, epoch=epoch)
        for number, (x, labels) in enumerate(batches):
            rate = rate_at(fit.config, (epoch - 1) * steps + number, steps)
            losses.append(take_step(fit, x.to(fit.device), labels.to(fit.device), rate))
    seconds = time.perf_counter() - start
    processor_seconds = time.process_time() - processor_start
    correct = (predict(fit, fit.validation) == fit.validation.labels).double().mean()
    return state.after(
        epoch,
        loss=sum(losses) / len(losses),
        validation=float(correct),
        seconds=seconds,
        processor_seconds=processor_seconds,
    )


def take_step(fit: Fit, x: Tensor, labels: Tensor, rate: float) -> float:
    """Take one optimiser step and return the loss.

    Raises:
        DataError: when the loss is not finite.
    """
    for group in fit.optimizer.param_groups:
        group["lr"] = rate
    fit.optimizer.zero_grad(set_to_none=True)
    loss = total_loss(fit, x, labels)
    if not bool(torch.isfinite(loss)):
        raise DataError("the loss is not finite: try a smaller learning_rate")
    torch.autograd.backward(loss)
    if fit.config.max_grad_norm:
        nn.utils.clip_grad_norm_(fit.network.parameters(), fit.config.max_grad_norm)
    fit.optimizer.step()
    return float(loss.detach())


def total_loss(fit: Fit, x: Tensor, labels: Tensor) -> Tensor:
    """Return cross-entropy plus slow loss plus regulariser, as the recipe weighs them."""
    config = fit.config
    scores, kernels = fit.scores(x)
    loss = smoothed_cross_entropy(scores.float(), labels, config.label_smoothing)
    if config.slow_weight and len(kernels) > 1:
        loss = loss + config.slow_weight * slow_loss(kernels, config.slow_loss)
    if config.norm_weight and isinstance(fit.network, Terminator):
        loss = loss + config.norm_weight * norm_regulariser(fit.network)
    return loss


@torch.no_grad()
def predict(fit: Fit, examples: Examples) -> Tensor:
    """Return the most likely class of every example, (n,), on the CPU."""
    fit.network.eval()
    batches = evaluation_batches(examples, fit.reader, batch_size=fit.config.batch_size)
    return torch.cat([fit.scores(x.to(fit.device))[0].argmax(1).cpu() for x, _ in batches])


def judge(fit: Fit, state: FitState, data: ExampleSet, out: Path) -> FitResult:
    """Evaluate the chosen weights on the whole test part."""
    load_weights_(out / "best.safetensors", fit.network)
    guesses = predict(fit, data.test)
    count = len(data.classes)
    confusion = torch.bincount(data.test.labels * count + guesses, minlength=count * count)
    return FitResult(
        accuracy=float((guesses == data.test.labels).double().mean()),
        best_epoch=state.best_epoch,
        validation=state.validation,
        seconds=state.seconds,
        processor_seconds=state.processor_seconds,
        parameters=num_parameters(fit.network),
        confusion=tuple(tuple(row) for row in confusion.view(count, count).tolist()),
    )
