"""Handling things by what is remembered: a hand goes where recalled frames show it, eyes open.

The planner recalls the chunks of the way back one after the other, by their numbers. A hand reader
says where the hand ends in each and whether it closes. The hand is led there by single steps,
looking again after every four frames, so neither a start off the path nor a step that went wrong
adds up. Nothing asks the simulator for more than frames.
"""

import time
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from twospeed.core.random import seed_of
from twospeed.core.video import Frames
from twospeed.planning.acting.base import Acted, Decision, counted
from twospeed.planning.hand.reader import HandReader
from twospeed.planning.hand.ways import (
    CLOSE,
    OPEN,
    Place,
    closings,
    is_closed_after,
    settled,
    towards,
)
from twospeed.planning.imagining.base import VideoPlanner
from twospeed.planning.imagining.handling import numeral
from twospeed.planning.splitting.base import COMMAND, SubGoal
from twospeed.planning.tasks.base import CHUNK_FRAMES, Begun
from twospeed.worldmodel.model import WorldModel
from twospeed.worlds.base import World

NEAR, EXACT = 0.6, 0.35
"""Steps along each axis: nearer than this the hand is there, on the way and where it closes."""

KNOWN = 0.5
"""Familiarity below which a chunk of that number was never seen."""

_TRIES = 6  # groups of steps to one place
_MOVES = CHUNK_FRAMES - 1  # of a group; then the hand comes to rest


class Reaching:
    """Leads a hand along recalled frames; see `Executor`.

    Args:
        model: encodes frames.
        planner: recalls or imagines.
        hand: reads where the hand is.
        remembers: whether the planner has a memory, which may know fewer chunks than were seen.
    """

    def __init__(
        self, model: WorldModel, planner: VideoPlanner, hand: HandReader, *, remembers: bool
    ) -> None:
        self.model, self.planner, self.hand, self.remembers = model, planner, hand, remembers

    @torch.no_grad()
    def act(self, world: World, begun: Begun, goals: Sequence[SubGoal], seed: int) -> Acted:
        """Act; see `Executor`."""
        return _Reach(self, world, begun, seed).act(goals)


class _Reach:
    """One episode."""

    def __init__(self, parts: Reaching, world: World, begun: Begun, seed: int) -> None:
        self.parts, self.world, self.begun, self.seed = parts, world, begun, seed
        self.acted = Acted(shots=[begun.shots[-1]])
        self.is_closed = is_closed_after(begun.actions)
        self.shown = self._view[None].repeat(CHUNK_FRAMES, 0)

    @property
    def _view(self) -> Frames:
        return self.acted.shots[-1].frame

    @property
    def _rest(self) -> str:
        """The command that leaves the hand as it is."""
        return CLOSE if self.is_closed else OPEN

    def act(self, goals: Sequence[SubGoal]) -> Acted:
        for goal in goals:
            if goal.kind == COMMAND:
                self._give([goal.text] * CHUNK_FRAMES, way="told")
            else:
                self._follow(self._way())
        self.acted.num_imagined = self.parts.planner.num_imagined
        return self.acted

    def _way(self) -> list[Frames]:
        """Return the chunks of the way back, as many as were seen and as far as they are known."""
        began, past, way = time.monotonic(), self._begins(), list[Frames]()
        commands = tuple(self.world.actions)
        for number in range(len(self.begun.actions)):
            words = numeral(number, commands)
            imagined = self.parts.planner.imagine(words, past, seed_of(self.seed, number))
            if self.parts.remembers and imagined.familiarity < KNOWN:
                break
            way.append(imagined.frames[1:])
        self.acted.seconds += time.monotonic() - began
        return way

    def _begins(self) -> Tensor:
        """Return the last learned view, still, in latents."""
        learned = self.begun.shots[CHUNK_FRAMES * len(self.begun.actions)].frame
        view = self.parts.model.encode(learned[None, None]).to(self.parts.model.device)
        return view.expand(-1, -1, CHUNK_FRAMES, -1, -1)

    def _follow(self, way: Sequence[Frames]) -> None:
        """Follow the places of a way, until the hand has held something, let it go and moved on."""
        shown = np.stack([self._view, *(chunk[-1] for chunk in way)])
        places_N3, odds_N = self.parts.hand.read_all(shown)
        closed = closings(odds_N, places_N3, begins_closed=self.is_closed)
        before = [self.is_closed, *closed]
        turns = [i for i, it in enumerate(closed) if it != before[i]]
        last = next((i + 1 for i in turns if not closed[i]), len(way) - 1)
        places = settled(list(places_N3[1:]))
        for index, (chunk, place) in enumerate(zip(way, places, strict=True)):
            if index > last:
                break
            self.shown = chunk
            is_exact = index in turns or index + 1 in turns
            self._reach(place, EXACT if is_exact else NEAR)
            if index in turns:
                self.is_closed = closed[index]
                self._give([self._rest] * CHUNK_FRAMES, way="read")
        self.acted.is_stopped = True

    def _reach(self, place: Place, near: float) -> None:
        for _ in range(_TRIES):
            began = time.monotonic()
            away = place - self.parts.hand.read(self._view)[0]
            self.acted.seconds += time.monotonic() - began
            if np.abs(away).max() < near:
                return
            self._give([*towards(away, _MOVES, rest=self._rest), self._rest], way="reached")

    def _give(self, commands: Sequence[str], *, way: str) -> None:
        self.acted.shots += [self.world.step(command) for command in commands]
        self.acted.imagined.append(self.shown)
        decision = Decision(command=counted(commands), confidence=1.0, way=way)
        self.acted.decisions.append(decision)
