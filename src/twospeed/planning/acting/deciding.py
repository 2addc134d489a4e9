"""Which command follows from an imagined chunk: read, searched for, or whatever else is known.

1. Inverse dynamics read a command that they are sure of, and it was not given here before.
2. Else the futures of all commands are imagined, and the one most like the imagined chunk is taken.
3. Where that was given here before, the way runs in a circle, or something was in the way: the
   best known other command leads on.

"Here" is a view that looked the same when a command was given on this way. Nothing is asked of the
simulator.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from twospeed.memory.fast_weights import FastWeights
from twospeed.planning.acting.base import Decision
from twospeed.planning.imagining.base import Imagined
from twospeed.planning.inverse.base import InverseDynamics
from twospeed.planning.search.base import ActionSearch
from twospeed.planning.search.costs import novelty_of, unlike
from twospeed.worldmodel.model import WorldModel

SURE = 0.9
"""Confidence from which on a reading is taken as it is."""

SAME_VIEW = 0.01
"""Mean squared difference of latents of one frame below which two views are the same."""


@dataclass(kw_only=True, eq=False, slots=True)
class Decider:
    """Decides for one episode, and keeps what was given where."""

    model: WorldModel
    inverse: InverseDynamics
    search: ActionSearch | None
    """None takes what inverse dynamics find likeliest."""

    memory: FastWeights | None
    undoes: Mapping[str, str]
    """Command -> the one that undoes it."""

    given: list[tuple[Tensor, str]] = field(default_factory=list)
    """Last frame seen, (C, H, W), and the command that was given then."""

    def decide(self, past_1CTHW: Tensor, imagined: Imagined, seed: int) -> Decision:
        """Return the next command.

        Args:
            past_1CTHW: clean latents of the last frames that were really seen.
            imagined: the chunk that should follow.
            seed: decides the noise of a search.
        """
        before = self._given_here(past_1CTHW)
        decision = self._towards(past_1CTHW, imagined, seed)
        if decision.command in before and self.memory is not None:
            decision = self._elsewhere(past_1CTHW, before, decision)
        self.given.append((past_1CTHW[0, :, -1], decision.command))
        return decision

    def _towards(self, past_1CTHW: Tensor, imagined: Imagined, seed: int) -> Decision:
        found = self.inverse.read([imagined.frames])[0]
        if found.command is not None and (found.confidence >= SURE or self.search is None):
            return Decision(command=found.command, confidence=found.confidence, way="read")
        if self.search is None:
            shares = found.shares[:-1]
            best = max(range(len(shares)), key=shares.__getitem__)
            return Decision(
                command=self.inverse.commands[best], confidence=shares[best], way="read"
            )
        futures = self.search.search(past_1CTHW, self.memory, unlike(imagined.latents), seed=seed)
        return Decision(command=futures[0].commands[0], confidence=found.confidence, way="searched")

    def _elsewhere(self, past_1CTHW: Tensor, before: set[str], decision: Decision) -> Decision:
        """Return the best known command that was not given here and does not turn back."""
        last = self.given[-1][1] if self.given else ""
        others = [
            command
            for command in self.inverse.commands
            if command not in before and command != self.undoes.get(last)
        ]
        if not others or self.memory is None:
            return decision
        past = past_1CTHW.expand(len(others), -1, -1, -1, -1)
        novelty = novelty_of(self.model, self.memory, past, others)
        best = int(novelty.argmin())
        return Decision(command=others[best], confidence=1 - float(novelty[best]), way="known")

    def _given_here(self, past_1CTHW: Tensor) -> set[str]:
        now = past_1CTHW[0, :, -1]
        return {
            command
            for view, command in self.given
            if float((view - now).square().mean()) < SAME_VIEW
        }
