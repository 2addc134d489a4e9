"""Which command follows from an imagined chunk: read, searched for, or whatever else is known.

1. Inverse dynamics read a command that they are sure of. It is taken when its chunk is about as
   well known here as that of any command, and it was not given here before.
2. Else the futures of all commands are imagined, and of those that are so well known, the one that
   is most like the imagined chunk is taken.
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
from twospeed.planning.inverse.base import InverseDynamics, ReadCommand
from twospeed.planning.search.base import ActionSearch
from twospeed.planning.search.costs import novelty_of, unlike
from twospeed.worldmodel.model import WorldModel

SURE = 0.9
"""Confidence from which on a reading is taken as it is."""

AS_KNOWN = 0.1
"""A command's chunk may be so much newer than the best known one's (0 to 1)."""

_TIE = 1e-3  # of what inverse dynamics read, where commands are equally new

SAME_VIEW = 0.15
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
        novelty = self._novelty(past_1CTHW)
        found = self.inverse.read([imagined.frames])[0]
        decision = self._towards(past_1CTHW, imagined, (found, novelty), seed)
        if decision.command in before:
            decision = self._elsewhere(before, (found, novelty), decision)
        self.given.append((past_1CTHW[0, :, -1], decision.command))
        return decision

    def _novelty(self, past_1CTHW: Tensor) -> dict[str, float]:
        """Return how new the chunk of each command would be; all alike without a memory."""
        commands = self.inverse.commands
        if self.memory is None:
            return dict.fromkeys(commands, 1.0)
        past = past_1CTHW.expand(len(commands), -1, -1, -1, -1)
        found = novelty_of(self.model, self.memory, past, commands).tolist()
        return dict(zip(commands, found, strict=True))

    def _towards(
        self, past_1CTHW: Tensor, imagined: Imagined, told: "_Told", seed: int
    ) -> Decision:
        found, novelty = told
        known = {it for it, new in novelty.items() if new <= min(novelty.values()) + AS_KNOWN}
        if found.command in known and found.confidence >= SURE:
            return Decision(command=found.command, confidence=found.confidence, way="read")
        shares = self._shares(found)
        if self.search is None:
            best = max(shares, key=lambda command: shares[command])
            return Decision(command=best, confidence=shares[best], way="read")
        futures = self.search.search(past_1CTHW, self.memory, unlike(imagined.latents), seed=seed)
        best = next(it.commands[0] for it in futures if it.commands[0] in known)
        return Decision(command=best, confidence=shares[best], way="searched")

    def _elsewhere(self, before: set[str], told: "_Told", decision: Decision) -> Decision:
        """Return the best known command that was not given here and does not turn back."""
        found, novelty = told
        shares = self._shares(found)
        last = self.given[-1][1] if self.given else ""
        others = [
            command
            for command in self.inverse.commands
            if command not in before and command != self.undoes.get(last)
        ]
        if not others:
            return decision
        best = min(others, key=lambda command: novelty[command] - _TIE * shares[command])
        return Decision(command=best, confidence=1 - novelty[best], way="known")

    def _shares(self, found: ReadCommand) -> dict[str, float]:
        return dict(zip(self.inverse.commands, found.shares, strict=False))

    def _given_here(self, past_1CTHW: Tensor) -> set[str]:
        now = past_1CTHW[0, :, -1]
        return {
            command
            for view, command in self.given
            if float((view - now).square().mean()) < SAME_VIEW
        }


_Told = tuple[ReadCommand, Mapping[str, float]]
"""What was read from the imagined chunk, and how new every command's chunk would be."""
