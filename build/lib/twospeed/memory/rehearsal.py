"""Earlier windows of an episode, kept while it runs so that a write does not overwrite them.

A write that sees its own window alone learns "show this", whatever the past frames are; beside
earlier windows it learns "show this after that" (experiments/LOG.md). The number of windows is
bounded, so an episode's size does not grow with its length.
"""

import torch
from torch import Tensor

from twospeed.core.random import generator_of


class Rehearsal:
    """The windows of one episode that can be rehearsed; all have the same shape.

    Args:
        capacity: most windows that are kept.
        seed: decides which window makes room for a new one.
    """

    def __init__(self, capacity: int, seed: int) -> None:
        self.capacity = capacity
        self.seed = seed
        self.windows: list[Tensor] = []
        self.texts: list[Tensor] = []
        self.num_offered = 0

    def offer(self, window_CTHW: Tensor, text_ND: Tensor) -> None:
        """Keep a window, or not: each one offered is kept with equal chance (reservoir)."""
        place = len(self.windows)
        if self.windows and self.windows[0].shape != window_CTHW.shape:
            if self.windows[0].shape[1] > window_CTHW.shape[1]:
                return  # a shorter one, such as an episode's first, cannot stand in a batch
            self.windows, self.texts, place = [], [], 0
        self.num_offered += 1
        if place == self.capacity:
            generator = generator_of(self.seed, "offer", self.num_offered)
            place = int(torch.randint(self.num_offered, (1,), generator=generator))
        if place < self.capacity:
            self.windows[place : place + 1] = [window_CTHW.detach().clone()]
            self.texts[place : place + 1] = [text_ND.detach().clone()]

    def draw(
        self,
        window_CTHW: Tensor,
        text_ND: Tensor,
        *,
        current: int,
        rehearsed: int,
        step: int,
    ) -> tuple[Tensor, Tensor]:
        """Return the windows (K + R, C, T, H, W) and texts (K + R, N, D) of one update.

        The current window stands K = `current` times, then R = `rehearsed` are drawn from it and
        all that fit beside it.
        """
        fits = bool(self.windows) and self.windows[0].shape == window_CTHW.shape
        windows = [window_CTHW, *(self.windows if fits else [])]
        texts = [text_ND, *(self.texts if fits else [])]
        generator = generator_of(self.seed, "rehearse", self.num_offered, step)
        drawn = torch.randint(len(windows), (rehearsed,), generator=generator).tolist()
        chosen = [0] * current + drawn
        return torch.stack([windows[i] for i in chosen]), torch.stack([texts[i] for i in chosen])

    def state(self) -> dict[str, Tensor]:
        """Return everything as tensors, by name."""
        named = {"rehearsal.offered": torch.tensor(self.num_offered)}
        if self.windows:
            named["rehearsal.windows"] = torch.stack(self.windows)
            named["rehearsal.texts"] = torch.stack(self.texts)
        return named

    def load_state_(self, named: dict[str, Tensor]) -> None:
        """Take over what `state` gave."""
        self.num_offered = int(named["rehearsal.offered"])
        self.windows = list(named.get("rehearsal.windows", []))
        self.texts = list(named.get("rehearsal.texts", []))
