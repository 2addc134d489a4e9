"""TEMP-LORA: writes by gradient steps on the diffusion loss.

SlowFast-VGen, Algorithm 1(a): after every chunk, the window past ⊕ new is noised as a whole,
without text, and the adapters take a gradient step on the diffusion loss over all frames, with
the slow weights fixed. Everything beyond that is a setting of `GradientConfig`.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from twospeed.memory.adam import Adam
from twospeed.memory.adapters import Adapters
from twospeed.memory.config import GradientConfig
from twospeed.memory.objective import draw_write, write_loss
from twospeed.memory.rehearsal import Rehearsal
from twospeed.memory.writer import Written
from twospeed.worldmodel.model import WorldModel


class TempLoraWriter:
    """Steps of Adam on the adapters of E episodes.

    Args:
        model: the slow weights.
        config: how to write.
        adapters: what is written.
        seeds: one an episode; they decide the noise of the writes.
    """

    def __init__(
        self,
        model: WorldModel,
        config: GradientConfig,
        adapters: Adapters,
        *,
        seeds: Sequence[int],
    ) -> None:
        self.model, self.config, self.adapters, self.seeds = model, config, adapters, seeds
        self.adam = Adam(adapters.tensors(), betas=config.betas)
        self.rehearsals = [Rehearsal(config.rehearsal_windows, seed) for seed in seeds]

    def write_(
        self,
        window_ECTHW: Tensor,
        text_END: Tensor,
        *,
        past_frames: int,
        writes: Sequence[int],
        generated: bool = False,  # noqa: ARG002
    ) -> Written:
        """Learn one chunk of every episode; see `Writer`."""
        text, window = text_END, window_ECTHW
        if not self.config.keep_optimizer:
            self.adam.reset_()
        before, open_E = self._update_(window, text, past_frames, writes)
        with torch.no_grad():
            after = self._losses(window, text, past_frames, writes, update=0, rehearsed=0).mean(1)
        for rehearsal, one, said in zip(self.rehearsals, window, text, strict=True):
            rehearsal.offer(one, said)
        return Written(
            before_E=after if before is None else before,
            after_E=after,
            open_E=open_E & (self.config.updates_per_chunk > 0),
        )

    def state(self, episode: int) -> dict[str, Tensor]:
        """Return averages and rehearsed windows of one episode."""
        return self.adam.state(episode) | self.rehearsals[episode].state()

    def load_state_(self, named: dict[str, Tensor], episode: int) -> None:
        """Take over what `state` gave."""
        self.adam.load_state_(named, episode)
        self.rehearsals[episode].load_state_(named)

    def reset_(self) -> None:
        """Forget all averages."""
        self.adam.reset_()

    def _update_(
        self, window: Tensor, text: Tensor, past_frames: int, writes: Sequence[int]
    ) -> tuple[Tensor | None, Tensor]:
        """Take the gradient steps.

        Returns:
            The loss on the current windows before the first step, None where there is no step, and
            which episodes' gates were open, (E,) each.
        """
        before: Tensor | None = None
        open_E = torch.ones(len(window), dtype=torch.bool, device=window.device)
        rehearsed = self.config.rehearsed_per_update
        for update in range(self.config.updates_per_chunk):
            losses = self._losses(
                window, text, past_frames, writes, update=update, rehearsed=rehearsed
            )
            if before is None:
                before = losses[:, : self.config.levels_per_update].detach().mean(1)
                open_E = before >= self.config.gate
            loss = losses.mean(1).sum()
            gradients = torch.autograd.grad(  # of two transformers one may not have been asked
                loss, self.adapters.tensors(), allow_unused=True, materialize_grads=True
            )
            self.adam.step_(gradients, self.config.learning_rate * open_E.to(before))
        return before, open_E

    def _losses(
        self,
        window: Tensor,
        text: Tensor,
        past_frames: int,
        writes: Sequence[int],
        *,
        update: int,
        rehearsed: int,
    ) -> Tensor:
        """Return the losses of one update's noisings, (E, current and so many rehearsed)."""
        current = self.config.levels_per_update
        drawn = [
            rehearsal.draw(one, said, current=current, rehearsed=rehearsed, step=update)
            for rehearsal, one, said in zip(self.rehearsals, window, text, strict=True)
        ]
        seeds = [
            (seed, "write", number, update) for seed, number in zip(self.seeds, writes, strict=True)
        ]
        draws = draw_write(self.config, tuple(window.shape[1:]), past_frames, seeds)
        loss_N = write_loss(
            self.model.denoiser,
            self.model.schedule,
            torch.cat([windows for windows, _ in drawn]),
            torch.cat([texts for _, texts in drawn]),
            self.model.text_encoder.encode([""]).to(window),
            draws.first(current + rehearsed, episodes=len(window)),
        )
        return loss_N.view(len(window), -1)
