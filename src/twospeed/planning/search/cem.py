"""Cross-entropy method over commands: draw futures, keep the best, draw more like them.

D chunks have a table of probabilities each, over A commands. A round draws futures, imagines those
that are new, and moves the tables to how often each command stands in the best futures so far.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from twospeed.core.errors import ConfigError
from twospeed.core.random import generator_of
from twospeed.memory.fast_weights import FastWeights
from twospeed.planning.search.base import Cost, Future
from twospeed.planning.search.futures import next_chunks
from twospeed.worldmodel.model import WorldModel

_EVEN = 0.1  # share of every table that stays even, so that no command dies out


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class _Asked:
    """What is the same for all rounds of one search."""

    past_1CTHW: Tensor
    memory: FastWeights | None
    cost: Cost
    seed: int


class CrossEntropySearch:
    """Draws futures ever nearer to the best; see `ActionSearch`.

    Args:
        model: imagines.
        commands: what may be done.
        depth: chunks of a future.
        samples: futures drawn in a round.
        elites: the best so far, which the next round is drawn like.
        rounds: how many.

    Raises:
        ConfigError: when there is no command, or a number is below 1.
    """

    def __init__(
        self,
        model: WorldModel,
        commands: Sequence[str],
        *,
        depth: int = 1,
        samples: int = 16,
        elites: int = 4,
        rounds: int = 3,
    ) -> None:
        if not commands or min(depth, samples, elites, rounds) < 1:
            raise ConfigError(
                "a cross-entropy search needs commands, and depth, samples, elites and rounds of 1"
                f" or more, got {len(commands)}, {depth}, {samples}, {elites} and {rounds}"
            )
        self.model, self.commands, self.depth = model, tuple(commands), depth
        self.samples, self.elites, self.rounds = samples, elites, rounds
        self.num_imagined = 0

    @torch.no_grad()
    def search(
        self, past_1CTHW: Tensor, memory: FastWeights | None, cost: Cost, *, seed: int
    ) -> list[Future]:
        """Return futures, the best first; see `ActionSearch`."""
        asked = _Asked(past_1CTHW=past_1CTHW, memory=memory, cost=cost, seed=seed)
        table_DA = torch.full((self.depth, len(self.commands)), 1 / len(self.commands))
        found: dict[tuple[str, ...], Future] = {}
        for number in range(self.rounds):
            drawn = self._drawn(table_DA, seed, number)
            self._imagine([one for one in drawn if one not in found], asked, found)
            best = sorted(found.values(), key=lambda future: future.cost)
            table_DA = self._table_of(best[: self.elites])
        return best

    def _drawn(self, table_DA: Tensor, seed: int, number: int) -> list[tuple[str, ...]]:
        """Draw futures, each one once."""
        generator = generator_of("cem", seed, number)
        index_DS = table_DA.multinomial(self.samples, replacement=True, generator=generator)
        sequences = (tuple(self.commands[it] for it in one) for one in index_DS.mT.tolist())
        return list(dict.fromkeys(sequences))

    def _imagine(
        self,
        new: Sequence[tuple[str, ...]],
        asked: _Asked,
        found: dict[tuple[str, ...], Future],
    ) -> None:
        if not new:
            return
        latents = asked.past_1CTHW.expand(len(new), -1, -1, -1, -1)
        costs = torch.zeros(len(new))
        for depth in range(self.depth):
            told = [future[: depth + 1] for future in new]
            chunk = next_chunks(self.model, asked.memory, latents, told, asked.seed)
            costs = costs + asked.cost(latents, [one[-1] for one in told], chunk).cpu()
            latents = chunk
            self.num_imagined += chunk.shape[0] * chunk.shape[2]
        for commands, cost, last in zip(new, costs.tolist(), latents, strict=True):
            found[commands] = Future(commands=commands, cost=cost, latents=last[None])

    def _table_of(self, best: Sequence[Future]) -> Tensor:
        """Return how often each command stands at each depth, (D, A), a little evened."""
        index_ED = torch.tensor([[self.commands.index(it) for it in one.commands] for one in best])
        share_DA = torch.nn.functional.one_hot(index_ED, len(self.commands)).float().mean(0)
        return (1 - _EVEN) * share_DA + _EVEN / len(self.commands)
