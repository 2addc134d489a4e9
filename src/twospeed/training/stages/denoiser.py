"""The stages that train the denoiser: slow learning, to recall, beside memories, against a critic.

What a stage is, and those before: folders.py.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

from twospeed.core.random import generator_of
from twospeed.training.adversarial.learning import Adversarial
from twospeed.training.data.windows import LatentWindows, windows_to
from twospeed.training.loop import run_loop
from twospeed.training.recall.holding import hold_recall_
from twospeed.training.recall.learning import Recalling
from twospeed.training.run import RunConfig
from twospeed.training.stages.folders import RunContext
from twospeed.training.stages.slow import slow_loss
from twospeed.training.stages.slow_fast import SlowFastLoop
from twospeed.worldmodel.build import build_denoiser
from twospeed.worldmodel.contract import Denoiser, as_module, recall_denoiser
from twospeed.worldmodel.diffusion import NoiseSchedule
from twospeed.worldmodel.initial import expand
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.text import TextEncoder

VALIDATION_BATCHES = 16
VALIDATION_ROUNDS = 4


def denoiser_stage(
    context: RunContext,
    initial: WorldModel | None,
    windows: LatentWindows,
    text_encoder: TextEncoder,
    minutes: float | None,
) -> tuple[Denoiser, Callable[[Denoiser], float]]:
    """Train the denoiser; return it with averaged weights.

    Where the initial model can recall, and neither texts are learned nor recall is afterwards, what
    recall hangs on does not learn: memories written before stay what they are.

    Returns:
        The denoiser, and a function from denoisers to their loss on held-out episodes.
    """
    slow = context.config.slow
    seed = slow.loop.seed
    denoiser = (
        expand(initial.denoiser, context.config.model, seed=seed)
        if initial
        else build_denoiser(context.config.model, seed=seed)
    )
    if initial and recall_denoiser(initial.denoiser) and not _recall_changes(context.config):
        hold_recall_(denoiser)
    loss_of = _slow_loss_of(context, initial, windows, text_encoder)

    def train_loss(step: int, generator: torch.Generator) -> Tensor:  # noqa: ARG001
        return loss_of(denoiser, generator, held_out=False)

    averaged = run_loop(
        as_module(denoiser),
        train_loss,
        slow.loop,
        out=context.out / "denoiser",
        minutes=minutes,
        accelerator=context.accelerator,
        label="denoiser",
    )
    return cast(Denoiser, averaged), functools.partial(_held_out_loss, loss_of)


def _recall_changes(config: RunConfig) -> bool:
    return bool(config.text.loop.steps or config.recalling.loop.steps)


def _slow_loss_of(
    context: RunContext,
    initial: WorldModel | None,
    windows: LatentWindows,
    text_encoder: TextEncoder,
) -> Callable[..., Tensor]:
    slow = context.config.slow
    schedule = initial.schedule if initial else NoiseSchedule.of(context.config.model.diffusion)
    no_text = text_encoder.encode([""]).to(context.accelerator.device)

    def loss_of(denoiser: Denoiser, generator: torch.Generator, *, held_out: bool) -> Tensor:
        batch = windows.draw(
            generator,
            batch=slow.batch_size,
            past_lengths=slow.past_lengths,
            new_frames=slow.new_frames,
            text_encoder=text_encoder,
            even_share=slow.even_share,
            held_out=held_out,
        )
        return slow_loss(denoiser, windows_to(batch, no_text), no_text, schedule, slow, generator)

    return loss_of


@torch.no_grad()
def _held_out_loss(loss_of: Callable[..., Tensor], denoiser: Denoiser) -> float:
    losses = [
        loss_of(denoiser, generator_of("held out", index), held_out=True)
        for index in range(VALIDATION_BATCHES)
    ]
    return float(torch.stack(losses).mean())


def recalling_stage(
    context: RunContext, model: WorldModel, windows: LatentWindows, minutes: float | None
) -> tuple[float, float]:
    """Train the model's denoiser to recall; the model gets the averaged weights.

    Returns:
        Losses on held-out episodes with and without their memory.
    """
    learning = Recalling(model, windows, context.config.slow, context.config.recalling)
    return _beside_memories(context, model, learning, "recalling", minutes)


def slow_fast_stage(
    context: RunContext, model: WorldModel, windows: LatentWindows, minutes: float | None
) -> tuple[float, float]:
    """Train the model's denoiser beside memories; the model gets the averaged weights.

    Returns:
        Losses on held-out episodes with and without their memory.
    """
    learning = SlowFastLoop(model, windows, context.config.slow, context.config.slow_fast)
    steps = context.config.slow_fast.steps_per_round
    return _beside_memories(
        context, model, learning, "slow_fast", minutes, label="slow-fast loop", round_steps=steps
    )


def adversarial_stage(
    context: RunContext, model: WorldModel, windows: LatentWindows, minutes: float | None
) -> None:
    """Train the model's denoiser against a critic; it ends on the way to the averaged weights."""
    config = context.config
    begun = {name: it.clone() for name, it in as_module(model.denoiser).state_dict().items()}
    loss_of = _slow_loss_of(context, model, windows, model.text_encoder)
    learning = Adversarial(
        model,
        windows,
        config.slow,
        config.adversarial,
        lambda generator: loss_of(model.denoiser, generator, held_out=False),
    )
    averaged = run_loop(
        learning.both,
        learning.loss,
        config.adversarial.loop,
        out=context.out / "adversarial",
        minutes=minutes,
        accelerator=context.accelerator,
        label="adversarial",
    )
    learned = cast(nn.ModuleDict, averaged)["denoiser"]
    learned.load_state_dict(interpolated(begun, learned.state_dict(), config.adversarial.way))
    model.denoiser = cast(Denoiser, learned)


def interpolated(
    begun: Mapping[str, Tensor], learned: Mapping[str, Tensor], way: float
) -> dict[str, Tensor]:
    """Return the weights at a share of the line from some to others."""
    return {
        name: it.lerp(learned[name].to(it), way) if it.is_floating_point() else learned[name]
        for name, it in begun.items()
    }


def _beside_memories(
    context: RunContext,
    model: WorldModel,
    learning: Recalling | SlowFastLoop,
    stage: str,
    minutes: float | None,
    **more: Any,
) -> tuple[float, float]:
    """Run the loop of a stage that writes memories; the model gets the averaged weights.

    Returns:
        Losses on held-out episodes with and without their memory.
    """
    model.denoiser.requires_grad_(True)  # averaged weights come without
    averaged = run_loop(
        as_module(model.denoiser),
        learning.loss,
        learning.config.loop,
        out=context.out / stage,
        minutes=minutes,
        accelerator=context.accelerator,
        **{"label": stage, **more},
    )
    model.denoiser.load_state_dict(averaged.state_dict())
    return learning.held_out_losses(VALIDATION_ROUNDS)
