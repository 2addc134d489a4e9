"""The one training loop: steps, averaged weights, journal, checkpoints, exact resume.

Holds: `run_loop`, `averaged_state`. Holds not: settings (loop_config.py), any model or loss. A loss
is a function of (step, generator); every draw comes from that generator, whose seed depends on the
step and the batch alone, so a run that was killed goes on exactly as it would have, also on another
number of processes.
"""

import copy
import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from twospeed.core.errors import DataError
from twospeed.core.progress import Journal, progress
from twospeed.core.random import generator_of
from twospeed.training.averaging import Average
from twospeed.training.checkpoint import Reached, load_checkpoint_, save_checkpoint
from twospeed.training.loop_config import LoopConfig, rate_at
from twospeed.training.optimizers import optimizer_of
from twospeed.training.parallel.files import are_split
from twospeed.training.parallel.processes import agreed, average_gradients_, batches_of, mean_of

NOTE_EVERY = 50
"""Steps between two lines of the journal."""

LossOf = Callable[[int, torch.Generator], Tensor]
"""(step, generator) -> scalar loss with a graph."""


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
        ConfigError: when the optimizer is not installed.
    """
    state = averaged_state(
        module,
        loss_of,
        config,
        out=out,
        minutes=minutes,
        accelerator=accelerator,
        label=label,
        round_steps=round_steps,
    )
    averaged = copy.deepcopy(module).requires_grad_(False)
    averaged.load_state_dict(state)
    return averaged.eval()


def averaged_state(
    module: nn.Module,
    loss_of: LossOf,
    config: LoopConfig,
    *,
    out: Path,
    minutes: float | None = None,
    accelerator: Accelerator | None = None,
    label: str = "training",
    round_steps: int = 1,
) -> dict[str, Tensor]:
    """Train as `run_loop` does, also a module that is split over processes.

    Returns:
        The averaged weights by name.
    """
    run = _Run(module, config, out, accelerator or Accelerator(), round_steps)
    module.train()
    seconds = None if minutes is None else 60 * minutes
    with progress(
        label, total=config.steps, unit="steps", already=run.step, seconds=seconds
    ) as advance:
        while run.step < config.steps and (left := run.time_left(minutes)):
            run.take_step(loss_of, left)
            advance(note=run.note_line())
    run.note_loss()
    run.save()
    return run.average.state_dict()


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
        self.is_sharded = are_split(module.state_dict())
        optimizer = optimizer_of(
            config.optimizer,
            module.parameters(),
            is_sharded=self.is_sharded,
            lr=config.learning_rate,
            betas=config.betas,
            weight_decay=config.weight_decay,
        )
        self.average = Average(module, config.ema_decay)
        reached = load_checkpoint_(out, module, self.average, optimizer)
        self.step, self._seconds_before = reached.step, reached.seconds
        self.optimizer = optimizer if self.is_sharded else accelerator.prepare(optimizer)
        self.journal = Journal(out / "journal.jsonl")
        self._started = self._saved = time.monotonic()
        self._recent: list[Tensor] = []
        self._note = ""
        self._is_due = False

    def take_step(self, loss_of: LossOf, time_left: float) -> None:
        """Take one optimizer step; now and then note the loss or write a checkpoint."""
        slowed = time_left / self.config.cooldown if self.config.cooldown else 1.0
        share = min(rate_at(self.step, self.config), slowed)
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * share
        loss = self._gradients(loss_of)
        average_gradients_(self.module, self.accelerator)
        self.accelerator.clip_grad_norm_(self.module.parameters(), self.config.max_grad_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.average.update_(self.module, self.step)
        self.step += 1
        self._recent.append(loss.detach())
        if self.step % NOTE_EVERY == 0:
            self.note_loss()
        if self.step % self.round_steps == 0 and self._is_due:
            self.save()

    def _gradients(self, loss_of: LossOf) -> Tensor:
        """Add up the gradients of this process's batches of a step; return their mean loss."""
        numbers = batches_of(self.accelerator, self.config.accumulate)
        losses = []
        for number in numbers:
            generator = generator_of(self.config.seed, self.step, number)
            with self.accelerator.autocast():
                loss = loss_of(self.step, generator) / len(numbers)
            self.accelerator.backward(loss)
            losses.append(loss.detach())
        return torch.stack(losses).sum()

    def time_left(self, minutes: float | None) -> float:
        """Return the share of the minutes that is left, 0 between rounds when they are over.

        The main process decides for all, also whether a checkpoint is due after the next step.
        """
        waited = time.monotonic() - self._saved
        due = float(waited > self.config.checkpoint_minutes * 60)
        left = 1.0 if minutes is None else 1 - self._seconds() / max(60 * minutes, 1e-9)
        left, due = agreed(self.accelerator, left, due)
        self._is_due = bool(due) or self.config.checkpoint_minutes == 0
        if minutes is None:
            return 1.0
        least = 0.0 if self.step % self.round_steps == 0 else 1e-9
        return max(left, least)

    def note_line(self) -> str:
        """Return the last noted loss, as a text beside the progress bar."""
        return self._note

    def note_loss(self) -> None:
        """Write the mean loss since the last note to the journal.

        Raises:
            DataError: when it is not finite.
        """
        if not self._recent:
            return
        loss = self._mean_loss()
        self._recent = []
        self._note = f"loss {loss:.4f}"
        if self.accelerator.is_main_process:
            seconds = round(self._seconds_before + self._seconds(), 1)
            self.journal.write(step=self.step, loss=loss, seconds=seconds)

    def save(self) -> None:
        """Write the checkpoint, unless the loss is no longer finite."""
        if self._recent:
            self._mean_loss()
        self.accelerator.wait_for_everyone()
        if self.accelerator.is_main_process or self.is_sharded:
            seconds = round(self._seconds_before + self._seconds(), 3)
            reached = Reached(step=self.step, seconds=seconds)
            save_checkpoint(self.out, self.module, self.average, self.optimizer, reached)
        self.accelerator.wait_for_everyone()
        self._saved = time.monotonic()

    def _seconds(self) -> float:
        return time.monotonic() - self._started

    def _mean_loss(self) -> float:
        loss = mean_of(self.accelerator, torch.stack(self._recent).mean())
        if not math.isfinite(loss):
            raise DataError(
                f"the loss is no longer finite at step {self.step}: lower the learning rate; the"
                f" same command goes on from the checkpoint in {self.out}"
            )
        return loss
