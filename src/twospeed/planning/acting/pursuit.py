"""Which steps lead past the places of a memory: pursuit in the coordinates of its views.

Axes: R views, P places, A commands, N sequences of steps, S steps of one.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from twospeed.memory.views.rows import Rows
from twospeed.worldmodel.rendering.poses import moved

REACHED = 0.13
"""Metres: half a step; nearer than this a place is reached."""

GIVEN_UP = 3
"""Times that the agent is stopped on the way to a place, after which it goes on to the next."""

_AHEAD = 3  # steps that are tried in thought
_COST = 0.02  # metres that one step more must gain


def way_back(rows: Rows, here_3: Tensor) -> list[Tensor]:
    """Return the places where views were seen, the latest chunk first, each (2,).

    Within a chunk the nearest comes first.

    Args:
        rows: the views.
        here_3: where the agent stands.
    """
    places_R2, here_2 = rows.poses_R3[rows.is_there_R][:, :2], here_3[:2]
    chunks_R = rows.down_R5[rows.is_there_R, 4].round()
    found: list[Tensor] = []
    for chunk in chunks_R.unique().flip(0):
        left = list(places_R2[chunks_R == chunk])
        while left:
            nearest = min(range(len(left)), key=lambda it: float((left[it] - here_2).norm()))
            here_2 = left.pop(nearest)
            found.append(here_2)
    return found


@dataclass(kw_only=True, slots=True)
class Pursuit:
    """What is still to be passed, and how the agent steps there."""

    places: list[Tensor]
    """In order, (2,) each."""

    steps_A3: Tensor
    """What one frame of each command does (poses.py)."""

    blocked: set[int] = field(default_factory=set)
    """Commands that did nothing from here."""

    num_stopped: int = 0
    """How often the agent was stopped on the way to the first place."""

    def plan(self, here_3: Tensor, count: int) -> list[int]:
        """Return so many commands, fewer where the way ends; places that are reached are dropped.

        Args:
            here_3: where the agent stands.
            count: steps.
        """
        chosen: list[int] = []
        for _ in range(count):
            self._drop(here_3)
            if not self.places:
                break
            command = self._best(here_3)
            if command is None:
                break
            chosen.append(command)
            here_3 = moved(here_3, self.steps_A3[command])
        return chosen

    def tell(self, chosen: Sequence[int], before_3: Tensor, here_3: Tensor) -> None:
        """Learn where the steps of a plan led: what stops the agent is not tried again from here.

        Args:
            chosen: the plan.
            before_3: where it began.
            here_3: where it ended.
        """
        thought_3 = before_3
        for command in chosen:
            thought_3 = moved(thought_3, self.steps_A3[command])
        if float((thought_3 - here_3)[:2].norm()) <= REACHED:
            self.blocked = set()
            return
        self.blocked |= set(chosen)
        self.num_stopped += 1
        if self.num_stopped >= GIVEN_UP or len(self.blocked) == len(self.steps_A3):
            self._next()

    def _drop(self, here_3: Tensor) -> None:
        while self.places and float((self.places[0] - here_3[:2]).norm()) <= REACHED:
            self._next()

    def _next(self) -> None:
        del self.places[:1]
        self.blocked, self.num_stopped = set(), 0

    def _best(self, here_3: Tensor) -> int | None:
        """Return the first of the few steps that come nearest, or None where none may be taken."""
        open_to = [it for it in range(len(self.steps_A3)) if it not in self.blocked]
        if not open_to:
            return None
        tried_NS = torch.tensor(list(itertools.product(open_to, repeat=_AHEAD)))
        pose_N3, nearest = here_3.expand(len(tried_NS), -1), []
        for place, command_N in enumerate(tried_NS.unbind(1)):
            pose_N3 = moved(pose_N3, self.steps_A3[command_N])
            away_N = (pose_N3[:, :2] - self.places[0]).norm(dim=1)
            nearest.append(away_N + _COST * place)
        return int(tried_NS[torch.stack(nearest).amin(0).argmin(), 0])
