"""From a trained model and recorded episodes to a model that knows them: fine-tuning.

latents/    the latent cache
denoiser/   journal, checkpoint
model/      what was trained, merged; for another maker's weights a pipeline as it was
lora/       the adapter alone, as diffusers' ``load_lora_weights`` takes it
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from safetensors.torch import save_file
from torch import Tensor, nn

from twospeed.core.arguments import check_kind
from twospeed.core.fields import checked
from twospeed.core.files import StrPath, as_path, written_aside
from twospeed.core.random import generator_of
from twospeed.core.ranges import Minutes
from twospeed.memory.adapter_files import stock_files
from twospeed.training.checkpoint import reached_in
from twospeed.training.data.windows import LatentWindows, windows_to
from twospeed.training.finetune.config import FinetuneConfig
from twospeed.training.finetune.lora import LoraWeights
from twospeed.training.finetune.preparing import prepared
from twospeed.training.loop import averaged_state
from twospeed.training.parallel.processes import is_sharded, make_accelerator
from twospeed.training.parallel.sharding import shard_, whole_state
from twospeed.training.stages.slow import slow_loss
from twospeed.worldmodel.contract import as_module, checkpoint_gradients_
from twospeed.worldmodel.model import WorldModel

VALIDATION_BATCHES = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Finetuned:
    """A finished fine-tuning."""

    folder: Path
    """The model folder."""

    steps: int
    """Optimizer steps taken."""

    loss: float
    """Mean loss on held-out episodes."""


def finetune(
    config: FinetuneConfig,
    initial: StrPath,
    data: StrPath,
    out: StrPath,
    *,
    minutes: float | None = None,
    device: str | None = None,
) -> Finetuned:
    """Train a model on and write it to ``out/model``; the same call goes on after a kill.

    Args:
        config: how.
        initial: a packaged model, a folder of ours or of a diffusers pipeline, or a hub id.
        data: folder or URL of recorded shards.
        out: folder of this run alone.
        minutes: about how long; None runs to the last step.
        device: where; None is what accelerate finds.

    Raises:
        DataError: when `out` holds another run, or the data are damaged or for testing only.
        ConfigError: when the model cannot take the data's frames or chunks.
    """
    check_kind(config, FinetuneConfig, "config")
    began, out = time.monotonic(), as_path(out, "out")
    minutes = checked(minutes, Minutes | None, "minutes")
    accelerator = _accelerator(config, device)
    dtype = config.dtype if config.lora else "float32"
    with prepared(config, initial, data, out, accelerator=accelerator, dtype=dtype) as (
        model,
        windows,
    ):
        if minutes is not None:
            minutes = max(0.0, minutes - (time.monotonic() - began) / 60)
        learning = _Learning(model, windows, config, accelerator)
        loss = learning.run(out, minutes)
        learning.gather_(initial, dtype)
        if accelerator.is_main_process:
            learning.store(out)
        accelerator.wait_for_everyone()
        steps = reached_in(out / "denoiser").step
    return Finetuned(folder=out / "model", steps=steps, loss=loss)


def _accelerator(config: FinetuneConfig, device: str | None) -> Accelerator:
    mixed = {"bfloat16": "bf16", "float16": "fp16"}.get(config.dtype, "no")
    return make_accelerator(precision="no" if config.lora else mixed, device=device, may_shard=True)


class _Learning:
    """What learns, and its loss."""

    def __init__(
        self,
        model: WorldModel,
        windows: LatentWindows,
        config: FinetuneConfig,
        accelerator: Accelerator,
    ) -> None:
        self.model, self.windows, self.config = model, windows, config
        denoiser: Any = as_module(model.denoiser)
        denoiser.requires_grad_(not config.lora)
        if config.checkpointing:
            checkpoint_gradients_(model.denoiser)
        self.lora = LoraWeights(model, config.lora) if config.lora else None
        self.module: nn.Module = self.lora or denoiser
        self.accelerator = accelerator
        if is_sharded(accelerator):
            shard_(denoiser, accelerator)

    def run(self, out: Path, minutes: float | None) -> float:
        """Train, keep the averaged weights, and return the loss on held-out episodes."""
        averaged = averaged_state(
            self.module,
            self.loss,
            self.config.loop,
            out=out / "denoiser",
            minutes=minutes,
            accelerator=self.accelerator,
            label="fine-tuning",
        )
        self.module.load_state_dict(averaged)
        return self.held_out_loss()

    def loss(self, step: int, generator: torch.Generator, *, held_out: bool = False) -> Tensor:  # noqa: ARG002
        """Return the loss of one batch."""
        model, slow = self.model, self.config.slow
        first = bool(torch.rand((), generator=generator) < self.config.first_share)
        windows = self.windows.draw(
            generator,
            batch=slow.batch_size,
            past_lengths=(1,) if first else (model.past_latents,),
            new_frames=model.latents_in(model.settings.chunk_frames),
            text_encoder=model.text_encoder,
            even_share=slow.even_share,
            held_out=held_out,
        )
        like = torch.zeros((), device=model.device)
        no_text = model.text_encoder.encode([""]).to(like)
        return slow_loss(
            model.denoiser, windows_to(windows, like), no_text, model.schedule, slow, generator
        )

    @torch.no_grad()
    def held_out_loss(self) -> float:
        """Return the mean loss on held-out episodes."""
        seeds = range(VALIDATION_BATCHES)
        losses = [self.loss(0, generator_of("held out", it), held_out=True) for it in seeds]
        return float(torch.stack(losses).mean())

    def gather_(self, initial: StrPath, dtype: str) -> None:
        """Put whole weights on the main process in the place of those that are split.

        Args:
            initial: the model that was trained on.
            dtype: precision of its weights.
        """
        if not is_sharded(self.accelerator):
            return
        whole = {} if self.lora else whole_state(as_module(self.model.denoiser))
        if self.accelerator.is_main_process:
            fresh = WorldModel.from_pretrained(initial, torch_dtype=dtype).denoiser
            fresh.load_state_dict(whole or fresh.state_dict())
            self.model.denoiser = fresh

    def store(self, out: Path) -> None:
        """Write ``model/``, and of an adapter ``lora/`` too."""
        if self.lora is not None:
            family = self.model.origin.family if self.model.origin else None
            for name, tensors in stock_files(
                *self.lora.halves(), family.part if family else ""
            ).items():
                place = out / "lora" / name
                place.parent.mkdir(parents=True, exist_ok=True)
                with written_aside(place) as aside:
                    save_file(tensors, aside)
            self.lora.merge_(self.model)
        self.model.to("cpu").save_pretrained(out / "model", card=_card(self.config))


def _card(config: FinetuneConfig) -> str:
    kind = f"an adapter of rank {config.lora}" if config.lora else "all weights of the denoiser"
    return (
        f"# Fine-tuned world model\n\nTrained on: {kind}, up to {config.loop.steps} steps of"
        f" {config.slow.batch_size} windows at learning rate {config.loop.learning_rate}.\n"
    )
