"""Beam search: all commands after each of the best futures, in one call of the world model."""

from collections.abc import Sequence

import torch
from torch import Tensor

from twospeed.core.errors import ConfigError
from twospeed.memory.fast_weights import FastWeights
from twospeed.planning.search.base import Cost, Future
from twospeed.planning.search.futures import next_chunks
from twospeed.worldmodel.model import WorldModel


class BeamSearch:
    """Keeps the best futures of every length; see `ActionSearch`.

    Args:
        model: imagines.
        commands: what may be done.
        width: futures that are kept.
        depth: chunks of a future.

    Raises:
        ConfigError: when there is no command, or width or depth are below 1.
    """

    def __init__(
        self, model: WorldModel, commands: Sequence[str], *, width: int = 8, depth: int = 1
    ) -> None:
        if not commands or width < 1 or depth < 1:
            raise ConfigError(
                f"a beam needs commands, a width and a depth of 1 or more, got {len(commands)},"
                f" {width} and {depth}"
            )
        self.model, self.commands = model, tuple(commands)
        self.width, self.depth = width, depth
        self.num_imagined = 0

    @torch.no_grad()
    def search(
        self, past_1CTHW: Tensor, memory: FastWeights | None, cost: Cost, *, seed: int
    ) -> list[Future]:
        """Return futures, the best first; see `ActionSearch`."""
        beam = [Future(commands=(), cost=0.0, latents=past_1CTHW)]
        for _ in range(self.depth):
            grown = self._grow(beam, memory, cost, seed)
            beam = sorted(grown, key=lambda future: future.cost)[: self.width]
        return beam

    def _grow(
        self,
        beam: Sequence[Future],
        memory: FastWeights | None,
        cost: Cost,
        seed: int,
    ) -> list[Future]:
        """Follow every future by every command."""
        pairs = [(future, command) for future in beam for command in self.commands]
        past = torch.cat([future.latents for future, _ in pairs])
        commands = [command for _, command in pairs]
        told = [(*future.commands, command) for future, command in pairs]
        new = next_chunks(self.model, memory, past, told, seed)
        self.num_imagined += new.shape[0] * new.shape[2]
        costs = cost(past, commands, new).tolist()
        return [
            Future(
                commands=(*future.commands, command),
                cost=future.cost + added,
                latents=latents[None],
            )
            for (future, command), added, latents in zip(pairs, costs, new, strict=True)
        ]
