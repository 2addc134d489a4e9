"""The one training loop: steps, averaged weights, journal, checkpoints, exact resume.

Holds: `LoopConfig`, `run_loop`. Holds not: any model or loss. A loss is a function of (step,
generator); every draw comes from that generator, whose seed depends on the step alone, so a run
that was killed goes on exactly as it would have.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from twospeed.core.errors import DataError
from twospeed.core.fields import check_fields
from twospeed.core.progress import Journal, progress
from twospeed.core.random import generator_of
from twospeed.core.ranges import Above, Minutes, Seed, Share, Steps, Within
from twospeed.training.checkpoint import Reached, load_checkpoint_, save_checkpoint

NOTE_EVERY = 50
"""Steps between two lines of the journal."""

LossOf = Callable[[int, torch.Generator], Tensor]
"""(step, generator) -> scalar loss with a graph."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoopConfig:
    """How a module is trained."""

    steps: Steps = 10_000
    """Optimizer steps in all; 0 leaves the weights as they are."""

    learning_rate: Annotated[float, Above(0, 1000)] = 1e-3
    """AdamW's step size after the warm-up."""

    warmup_steps: Steps = 200
    """Steps over which the learning rate grows from 0."""

    cooldown: Share = 0.2
    """Share of the steps, or of the minutes that were given, over which the learning rate falls to
    0 at the end."""

    weight_decay: Annotated[float, Within(0, 1000)] = 0.01
    """AdamW's decoupled weight decay."""

    betas: tuple[Share, Share] = (0.9, 0.99)
    """AdamW's averaging of the gradient and of its square."""

    max_grad_norm: Annotated[float, Above(0, 1e9)] = 1.0
    """Gradients are clipped to this L2 norm."""

    ema_decay: Share = 0.999
    """Averaging of the weights that are shipped; shorter while training is young."""

    accumulate: Annotated[int, Within(1, 65_536)] = 1
    """Batches whose gradients are added up for one step."""

    checkpoint_minutes: Minutes = 3.0
    """Minutes between checkpoints; 0 writes one after every step."""

    seed: Seed = 0
    """Seed of every draw of the run."""

    def __post_init__(self) -> None:
        check_fields(self)


def run_loop(
    module: nn.Module,
    loss_of: LossOf,
    config: LoopConfig,
    *,
    out: Path,
    minutes: float | None = None,
    accelerator: Accelerator | None = None,
    label: str = "training",
    round_steps: int = 1,
) -> nn.Module:
    """Train `module` in place, from the checkpoint in `out` if there is one.

    On several processes every one draws its own batches, and gradients are averaged over them.

    Args:
        module: what learns.
        loss_of: the loss of one batch; on `module` itself, not on a copy.
        config: how.
        out: folder for `journal.jsonl` and `checkpoint/`.
        minutes: stop (with a checkpoint) after this long; None runs to the last step.
        accelerator: device, processes and precision; by default one is made.
        label: what the progress line says.
        round_steps: steps that share what the first of them made; checkpoints and stops fall
            between rounds, so that going on is exact.

    Returns:
        The module with averaged weights, a copy.

    Raises:
        DataError: when the loss is no longer finite, or the checkpoint does not fit.
    """
    run = _Run(module, config, out, accelerator or Accelerator(), round_steps)
    module.train()
    with progress(label, total=config.steps, unit="steps", already=run.step) as advance:
        while run.step < config.steps and (left := run.time_left(minutes)):
            run.take_step(loss_of, left)
            advance(note=run.note_line())
    run.note_loss()
    run.save()
    averaged: nn.Module = run.average.module
    return averaged.eval()


class _Run:
    """The state of one training: where it is, and how it takes a step."""

    def __init__(
        self,
        module: nn.Module,
        config: LoopConfig,
        out: Path,
        accelerator: Accelerator,
        round_steps: int,
    ) -> None:
        self.module = module.to(accelerator.device)
        self.round_steps = round_steps
        self.config, self.out, self.accelerator = config, out, accelerator
        optimizer = torch.optim.AdamW(
            module.parameters(),
            lr=config.learning_rate,
            betas=config.betas,
            weight_decay=config.weight_decay,
            fused=True,
        )
        self.average = AveragedModel(module, avg_fn=_average(config))
        self.average.requires_grad_(False)
        reached = load_checkpoint_(out, module, self._averaged(), optimizer)
        self.step, self._seconds_before = reached.step, reached.seconds
        self.average.n_averaged.fill_(self.step)
        self.optimizer = accelerator.prepare(optimizer)
        self.journal = Journal(out / "journal.jsonl")
        self._started = self._saved = time.monotonic()
        self._recent: list[Tensor] = []
        self._note = ""

    def take_step(self, loss_of: LossOf, time_left: float) -> None:
        """Take one optimizer step; now and then note the loss or write a checkpoint."""
        slowed = time_left / self.config.cooldown if self.config.cooldown else 1.0
        share = min(rate_at(self.step, self.config), slowed)
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * share
        generator = generator_of(self.config.seed, self.step, self.accelerator.process_index)
        loss = self._gradients(loss_of, generator)
        self._share_gradients_()
        self.accelerator.clip_grad_norm_(self.module.parameters(), self.config.max_grad_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.average.update_parameters(self.module)
        self.step += 1
        self._recent.append(loss.detach())
        if self.step % NOTE_EVERY == 0:
            self.note_loss()
        waited = time.monotonic() - self._saved
        if self.step % self.round_steps == 0 and waited > self.config.checkpoint_minutes * 60:
            self.save()

    def _gradients(self, loss_of: LossOf, generator: torch.Generator) -> Tensor:
        """Add up the gradients of a step's batches; return their mean loss."""
        losses = []
        for _ in range(self.config.accumulate):
            with self.accelerator.autocast():
                loss = loss_of(self.step, generator) / self.config.accumulate
            self.accelerator.backward(loss)
            losses.append(loss.detach())
        return torch.stack(losses).sum()

    def time_left(self, minutes: float | None) -> float:
        """Return the share of the minutes that is left, 0 between rounds when they are over.

        The main process decides for all.
        """
        if minutes is None:
            return 1.0
        left = torch.tensor(1 - self._seconds() / max(60 * minutes, 1e-9))
        if self.accelerator.num_processes > 1:
            left = broadcast(left.to(self.accelerator.device))
        least = 0.0 if self.step % self.round_steps == 0 else 1e-9
        return max(float(left), least)

    def note_line(self) -> str:
        """Return the last noted loss, as a text beside the progress bar."""
        return self._note

    def note_loss(self) -> None:
        """Write the mean loss since the last note to the journal.

        Raises:
            DataError: when it is not finite.
        """
        loss = self._mean_loss()
        if not self._recent:
            return
        self._recent = []
        self._note = f"loss {loss:.4f}"
        if self.accelerator.is_main_process:
            seconds = round(self._seconds_before + self._seconds(), 1)
            self.journal.write(step=self.step, loss=loss, seconds=seconds)

    def save(self) -> None:
        """Write the checkpoint, unless the loss is no longer finite."""
        self._mean_loss()
        self.accelerator.wait_for_everyone()
        if self.accelerator.is_main_process:
            seconds = round(self._seconds_before + self._seconds(), 3)
            save_checkpoint(
                self.out,
                self.module,
                self._averaged(),
                self.optimizer,
                Reached(step=self.step, seconds=seconds),
            )
        self._saved = time.monotonic()

    def _averaged(self) -> nn.Module:
        averaged: nn.Module = self.average.module
        return averaged

    def _seconds(self) -> float:
        return time.monotonic() - self._started

    def _share_gradients_(self) -> None:
        if self.accelerator.num_processes > 1:
            for parameter in self.module.parameters():
                if parameter.grad is not None:
                    parameter.grad = self.accelerator.reduce(parameter.grad, reduction="mean")

    def _mean_loss(self) -> float:
        loss = float(torch.stack(self._recent).mean()) if self._recent else 0.0
        if not math.isfinite(loss):
            raise DataError(
                f"the loss is no longer finite at step {self.step}: lower the learning rate; the"
                f" same command goes on from the checkpoint in {self.out}"
            )
        return loss


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
