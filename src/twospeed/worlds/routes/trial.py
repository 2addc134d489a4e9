"""A world walked by trial: commands that a wall stops are taken back.

Nothing is known of the floor plan. To take a command back, the episode is walked again from its
start. Before frame 0 the camera turns by up to three steps, to where the most ways are free: aslant
in a narrow passage there would be none.

Holds: `Walker`, `Trial`. Holds not: which walks are tried (stepped.py).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from twospeed.worlds.base import Observation, World
from twospeed.worlds.routes.base import (
    CHUNK_FRAMES,
    EXPLORING,
    Route,
    is_dull,
    is_unhindered,
    route_of,
)

SAME_METRES, SAME_DEGREES = 0.01, 0.1
"""Engines round: poses so near to each other are the same."""


class Walker:
    """Starts episodes of a world and carries out actions there.

    Args:
        world: its poses are known and its episodes repeat.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self._turns: dict[int, int] = {}

    def film(
        self, seed: int, before: Sequence[str], actions: Sequence[str], *, lead: Sequence[str] = ()
    ) -> NDArray[np.uint8]:
        """Return what an episode shows under some actions, after others: (T, H, W, 3).

        Args:
            seed: the episode.
            before: actions that are not shown.
            actions: those that are.
            lead: single steps between them, not shown.
        """
        self.start(seed)
        for action in before:
            self.chunk(action)
        for step in lead:
            self.world.step(step)
        return np.stack([shot.frame for action in actions for shot in self.chunk(action)])

    def start(self, seed: int) -> Observation:
        """Put the world to frame 0 of an episode."""
        if seed not in self._turns:
            free = [self._free_ways(seed, turns) for turns in range(CHUNK_FRAMES)]
            self._turns[seed] = free.index(max(free))
        return self._turned(seed, self._turns[seed])

    def chunk(self, action: str) -> list[Observation]:
        """Carry out one action."""
        return [self.world.step(action) for _ in range(CHUNK_FRAMES)]

    def _turned(self, seed: int, turns: int) -> Observation:
        shown = self.world.reset(seed)
        for _ in range(turns):
            shown = self.world.step("turn left")
        return shown

    def _free_ways(self, seed: int, turns: int) -> int:
        """Count the moves that nothing stops after so many steps of turning."""
        moves = [name for name in EXPLORING if not name.startswith("turn")]
        return sum(
            is_unhindered(_poses([self._turned(seed, turns), *self.chunk(move)]), [move])
            for move in moves
        )


class Trial:
    """An episode as far as it was walked: frame 0 and a chunk for every action."""

    def __init__(self, walker: Walker, seed: int) -> None:
        self.walker, self.seed = walker, seed
        self.restart()

    def restart(self) -> None:
        """Put the episode back to its start."""
        self.shots: list[Observation] = [self.walker.start(self.seed)]
        self.actions: list[str] = []
        self.lead: tuple[str, ...] = ()

    def as_route(self, name: tuple[str, str], seen: int, restart_at: int | None) -> Route:
        """Return the route that was walked."""
        return route_of(
            name,
            self.seed,
            tuple(self.actions),
            seen,
            _poses(self.shots),
            restart_at=restart_at,
            lead=self.lead,
            metres=SAME_METRES,
            degrees=SAME_DEGREES,
        )

    def walk(self, actions: Sequence[str]) -> bool:
        """Go on, until an action is stopped; say whether none was."""
        return all(self.attempt(action) for action in actions)

    def take_steps(self, lead: Sequence[str]) -> bool:
        """Go on by single steps; say whether none was stopped. There can be one lead alone."""
        first = len(self.shots) - 1
        self.shots += [self.walker.world.step(step) for step in lead]
        self.lead = tuple(lead)
        return is_unhindered(_poses(self.shots[first:]), lead, frames=1)

    def attempt(self, action: str) -> bool:
        """Go on by one action, or leave all as it is and return False where it is stopped."""
        chunk = self.walker.chunk(action)
        if not is_unhindered(_poses([self.shots[-1], *chunk]), [action]):
            self.walker.start(self.seed)
            for one in self.actions:
                self.walker.chunk(one)
            return False
        self.shots += chunk
        self.actions.append(action)
        return True

    def explore(self, generator: np.random.Generator, chunks: int) -> bool:
        """Go on by so many chunks that turn and move; say whether that worked."""
        first = len(self.actions)
        for action in generator.choice(list(EXPLORING), 8 * chunks, p=list(EXPLORING.values())):
            path = self.actions[first:]
            if len(path) == chunks:
                break
            if not is_dull(path, str(action)):
                self.attempt(str(action))
        path = self.actions[first:]
        return len(path) == chunks and len({it.startswith("turn") for it in path}) == 2


def _poses(shots: Sequence[Observation]) -> NDArray[np.float32]:
    return np.array(
        [(it.pose.x, it.pose.y, it.pose.heading) for it in shots if it.pose is not None],
        np.float32,
    )
