"""The one training loop: steps, averaged weights, journal, checkpoints, exact resume.

Holds: `LoopConfig`, `run_loop`. Holds not: any model or loss. A loss is a function of (step,
generator); every draw comes from that generator, whose seed depends on the step alone, so a run
that was killed goes on exactly as it would have.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from twospeed.core.errors import ConfigError
from twospeed.core.random import generator_of
from twospeed.training.checkpoint import load_checkpoint_, save_checkpoint

LossOf = Callable[[int, torch.Generator], Tensor]
"""(step, generator) -> scalar loss with a graph."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoopConfig:
    """How a module is trained."""

    steps: int = 10_000
    """Optimizer steps in all."""

    learning_rate: float = 1e-3
    """AdamW's step size after the warm-up."""

    warmup_steps: int = 200
    """Steps over which the learning rate grows from 0."""

    cooldown: float = 0.2
    """Share of the steps, at the end, over which the learning rate falls to 0."""

    weight_decay: float = 0.01
    """AdamW's decoupled weight decay."""

    betas: tuple[float, float] = (0.9, 0.99)
    """AdamW's averaging of the gradient and of its square."""

    max_grad_norm: float = 1.0
    """Gradients are clipped to this L2 norm."""

    ema_decay: float = 0.999
    """Averaging of the weights that are shipped; shorter while training is young."""

    checkpoint_minutes: float = 3.0
    """Minutes between checkpoints; 0 writes one after every step."""

    seed: int = 0
    """Seed of every draw of the run."""

    def __post_init__(self) -> None:
        if self.steps < 1 or self.learning_rate <= 0:
            raise ConfigError(
                f"steps and learning_rate must be above 0, got {self.steps}, {self.learning_rate}"
            )
        if not 0 <= self.cooldown <= 1:
            raise ConfigError(f"cooldown must be a share from 0 to 1, got {self.cooldown}")


def run_loop(
    module: nn.Module,
    loss_of: LossOf,
    config: LoopConfig,
    *,
    out: Path,
    minutes: float | None = None,
    accelerator: Accelerator | None = None,
) -> nn.Module:
    """Train `module` in place, from the checkpoint in `out` if there is one.

    Args:
        module: what learns.
        loss_of: the loss of one batch.
        config: how.
        out: folder for `journal.jsonl` and `checkpoint/`.
        minutes: stop (with a checkpoint) after this long; None runs to the last step.
        accelerator: device, processes and precision; by default one is made.

    Returns:
        The module with averaged weights, a copy.
    """
    accelerator = accelerator or Accelerator()
    optimizer = torch.optim.AdamW(
        module.parameters(),
        lr=config.learning_rate,
        betas=config.betas,
        weight_decay=config.weight_decay,
    )
    module.to(accelerator.device)
    average = torch.optim.swa_utils.AveragedModel(module, avg_fn=_average(config))
    average.requires_grad_(False)
    step = load_checkpoint_(out, module, average.module, optimizer)
    average.n_averaged.fill_(step)
    trained, optimizer = accelerator.prepare(module, optimizer)
    trained.train()
    started = saved = time.monotonic()
    recent: list[float] = []
    while step < config.steps and (minutes is None or time.monotonic() - started < minutes * 60):
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * rate_at(step, config)
        with accelerator.autocast():
            loss = loss_of(step, generator_of(config.seed, step, accelerator.process_index))
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(trained.parameters(), config.max_grad_norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        average.update_parameters(accelerator.unwrap_model(trained))
        step += 1
        recent.append(float(loss.detach()))
        if step % 50 == 0 and accelerator.is_main_process:
            _note(out, step, recent, time.monotonic() - started)
            recent = []
        if time.monotonic() - saved > config.checkpoint_minutes * 60:
            _save(accelerator, out, trained, average, optimizer, step)
            saved = time.monotonic()
    _save(accelerator, out, trained, average, optimizer, step)
    averaged: nn.Module = average.module
    return averaged.eval()


def rate_at(step: int, config: LoopConfig) -> float:
    """Return the learning rate as a share of its maximum: up, level, down."""
    up = (step + 1) / max(config.warmup_steps, 1)
    down = (config.steps - step) / max(config.cooldown * config.steps, 1)
    return min(1.0, up, down)


def _average(config: LoopConfig) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    def average(old: Tensor, new: Tensor, count: Tensor | int) -> Tensor:
        seen = float(count)
        decay = min(config.ema_decay, (1 + seen) / (10 + seen))
        return old.lerp(new.to(old), 1 - decay)

    return average


def _note(out: Path, step: int, losses: list[float], seconds: float) -> None:
    out.mkdir(parents=True, exist_ok=True)
    line = {"step": step, "loss": sum(losses) / len(losses), "seconds": round(seconds, 1)}
    with (out / "journal.jsonl").open("a", encoding="utf-8") as journal:
        journal.write(json.dumps(line, sort_keys=True) + "\n")


def _save(
    accelerator: Accelerator,
    out: Path,
    trained: nn.Module,
    average: nn.Module,
    optimizer: torch.optim.Optimizer,
    step: int,
) -> None:
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        plain = accelerator.unwrap_model(trained)
        save_checkpoint(out, plain, average.module, optimizer, step)
