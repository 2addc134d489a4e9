"""Writes all at once: what is observed is kept, and learned before the memory is asked next.

The LoRA memory of CoME (Composition of Memory Experts, 2026): AdamW on random windows of all true
frames, over all frames of a window and without text. Generated chunks are not learned.

Axes: E episodes, C channels, T frames of a window, F frames kept, H and W cells.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from twospeed.core.random import generator_of
from twospeed.memory.adam import Adam
from twospeed.memory.adapters import Adapters
from twospeed.memory.config import BulkConfig
from twospeed.memory.objective import draw_write, write_loss
from twospeed.memory.writer import Written
from twospeed.worldmodel.model import WorldModel

_KEPT = "rehearsal.windows"  # a name of `writer.REHEARSED`: only there after a write


class BulkWriter:
    """AdamW on windows of what E episodes were shown, by `settle_`.

    Args:
        model: the slow weights.
        config: how to write.
        adapters: what is written.
        seeds: one an episode; they decide windows and noise.
    """

    def __init__(
        self, model: WorldModel, config: BulkConfig, adapters: Adapters, *, seeds: Sequence[int]
    ) -> None:
        self.model, self.config, self.adapters, self.seeds = model, config, adapters, seeds
        self.adam = Adam(adapters.tensors(), betas=config.betas)
        self.reset_()

    def write_(
        self,
        window_ECTHW: Tensor,
        text_END: Tensor,  # noqa: ARG002
        *,
        past_frames: int,
        writes: Sequence[int],
        generated: bool = False,
    ) -> Written:
        """Keep one true chunk of every episode; see `Writer`. The weights stay as they are."""
        seeds = [(seed, "keep", it) for seed, it in zip(self.seeds, writes, strict=True)]
        with torch.no_grad():
            loss_E = self._loss_E(window_ECTHW, seeds)
        is_on = self.config.updates_per_chunk > 0 and not generated
        open_E = (loss_E >= self.config.gate) & is_on
        for index in open_E.nonzero().flatten().tolist():
            kept, window = self.kept[index], window_ECTHW[index].detach()
            news = window if kept is None else torch.cat([kept, window[:, past_frames:]], dim=1)
            self.kept[index] = news.clone()
            self.pending_E[index] = True
        return Written(before_E=loss_E, after_E=loss_E, open_E=open_E)

    def settle_(self) -> None:
        """Learn what was kept since the last time, with the adapters attached and gradients on.

        Episodes of different lengths that stand side by side share the shortest one's window.
        """
        if not self.pending_E.any():
            return
        if not self.config.keep_optimizer:
            self.adam.reset_()
        rate_E = self.config.learning_rate * self.pending_E
        for step in range(self.config.updates_per_chunk):
            loss = self._loss_E(self._windows(step), self._seeds("settle", step)).sum()
            gradients = torch.autograd.grad(
                loss, self.adapters.tensors(), allow_unused=True, materialize_grads=True
            )
            self._decay_(rate_E)
            self.adam.step_(gradients, rate_E)
        self.rounds_E += self.pending_E
        self.pending_E.zero_()

    def state(self, episode: int) -> dict[str, Tensor]:
        """Return averages, and the frames of one episode."""
        named = self.adam.state(episode) | {
            "bulk.pending": self.pending_E[episode].clone(),
            "bulk.rounds": self.rounds_E[episode].clone(),
        }
        kept = self.kept[episode]
        return named if kept is None else named | {_KEPT: kept.clone()}

    def load_state_(self, named: dict[str, Tensor], episode: int) -> None:
        """Take over what `state` gave.

        Raises:
            ShapeError: when the frames are no latents of this model.
        """
        kept = named.get(_KEPT)
        if kept is not None:
            self.model.check_latents(kept[None], "what the memory keeps")
            kept = kept.to(self.pending_E.device)
        self.adam.load_state_(named, episode)
        self.kept[episode] = kept
        self.pending_E[episode] = bool(named["bulk.pending"]) and kept is not None
        self.rounds_E[episode] = int(named["bulk.rounds"])

    def reset_(self) -> None:
        """Forget all averages and frames."""
        self.adam.reset_()
        self.kept: list[Tensor | None] = [None for _ in self.seeds]
        device = self.adapters.tensors()[0].device
        self.pending_E = torch.zeros(len(self.seeds), dtype=torch.bool, device=device)
        self.rounds_E = torch.zeros(len(self.seeds), dtype=torch.long, device=device)

    def _seeds(self, why: str, step: int) -> list[tuple[int | str, ...]]:
        rounds = self.rounds_E.tolist()
        return [(seed, why, it, step) for seed, it in zip(self.seeds, rounds, strict=True)]

    def _windows(self, step: int) -> Tensor:
        """Draw one window of every episode, (E, C, T, H, W); zeros where nothing is kept."""
        there = [kept for kept in self.kept if kept is not None]
        length = min(self.config.window_frames, *(kept.shape[1] for kept in there))
        windows = []
        for kept, seed in zip(self.kept, self._seeds("window", step), strict=True):
            if kept is None:
                windows.append(torch.zeros_like(there[0][:, :length]))
                continue
            ends = kept.shape[1] - length + 1
            start = int(torch.randint(ends, (), generator=generator_of(*seed)))
            windows.append(kept[:, start : start + length])
        return torch.stack(windows)

    def _loss_E(self, window_ECTHW: Tensor, seeds: Sequence[tuple[int | str, ...]]) -> Tensor:
        """Return the loss over all frames, each window at `levels_per_update` levels, (E,)."""
        count = self.config.levels_per_update
        draws = draw_write(self.config, tuple(window_ECTHW.shape[1:]), 0, seeds)
        no_text = self.model.text_encoder.encode([""]).to(window_ECTHW)
        loss_N = write_loss(
            self.model.denoiser,
            self.model.schedule,
            window_ECTHW.repeat_interleave(count, dim=0),
            no_text.expand(count * len(window_ECTHW), -1, -1),
            no_text,
            draws.first(count, episodes=len(window_ECTHW)),
        )
        return loss_N.view(len(window_ECTHW), -1).mean(1)

    @torch.no_grad()
    def _decay_(self, rate_E: Tensor) -> None:
        """Pull all weights towards 0, apart from the gradient (AdamW)."""
        keep_E = 1 - self.config.weight_decay * rate_E
        for tensor in self.adapters.tensors():
            tensor *= keep_E[:, None, None].to(tensor)
