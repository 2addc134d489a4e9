"""Closed loop: imagine a chunk, read the command from it, carry it out, look again.

UPDP with replanning at every chunk: video planner and inverse dynamics decide, the next chunk is
imagined from real frames, and the memory learns what was really seen. Nothing asks the simulator
for more than frames.
"""

import time
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from twospeed.core.random import seed_of
from twospeed.core.video import Frames
from twospeed.planning.acting.base import Acted, Decision
from twospeed.planning.acting.deciding import Decider
from twospeed.planning.imagining.base import Imagined, VideoPlanner
from twospeed.planning.splitting.base import COMMAND, SubGoal
from twospeed.planning.tasks.base import CHUNK_FRAMES, Begun
from twospeed.worlds.base import Observation, World

ARRIVED = 2.0
"""Grey levels: what is imagined moves less than this where the way ends."""


class ClosedLoop:
    """Acts by what a planner imagines; see `Executor`.

    Args:
        planner: imagines.
        decider: finds the commands; its model encodes frames.
    """

    def __init__(self, planner: VideoPlanner, decider: Decider) -> None:
        self.planner, self.decider = planner, decider

    def act(self, world: World, begun: Begun, goals: Sequence[SubGoal], seed: int) -> Acted:
        """Act; see `Executor`."""
        acted = Acted(shots=[begun.shots[-1]])
        past = self._encode([shot.frame for shot in begun.shots[-CHUNK_FRAMES:]])
        for goal in goals:
            chunks = 1 if goal.kind == COMMAND else begun.budget
            past = self._pursue(world, goal, chunks, past, acted, seed)
        searched = self.decider.search.num_imagined if self.decider.search else 0
        acted.num_imagined = self.planner.num_imagined + searched
        return acted

    def _pursue(
        self, world: World, goal: SubGoal, chunks: int, past: Tensor, acted: Acted, seed: int
    ) -> Tensor:
        """Act on one sub-goal and return the latents of the last chunk."""
        for _ in range(chunks):
            began = time.monotonic()
            number = seed_of(seed, len(acted.commands))
            imagined = self.planner.imagine(goal.text, past, number)
            if goal.kind != COMMAND and not moves(imagined.frames):
                acted.is_stopped = True
                acted.seconds += time.monotonic() - began
                break
            decision = self._decide(goal, past, imagined, number)
            acted.seconds += time.monotonic() - began
            shots = [world.step(decision.command) for _ in range(CHUNK_FRAMES)]
            acted.shots += shots
            acted.decisions.append(decision)
            acted.imagined.append(imagined.frames[1:])
            past = self._seen(past, shots, decision.command, acted)
        return past

    def _decide(self, goal: SubGoal, past: Tensor, imagined: Imagined, seed: int) -> Decision:
        if goal.kind == COMMAND:
            return Decision(command=goal.text, confidence=1.0, way="told")
        return self.decider.decide(past, imagined, seed)

    def _seen(
        self, past: Tensor, shots: Sequence[Observation], command: str, acted: Acted
    ) -> Tensor:
        began = time.monotonic()
        new = self._encode([shot.frame for shot in shots])
        self.planner.see(past, new, command)
        acted.seconds += time.monotonic() - began
        return new

    def _encode(self, frames: Sequence[Frames]) -> Tensor:
        model = self.decider.model
        return model.encode(np.stack(frames)[None]).to(model.device)


def moves(frames_THWC: Frames) -> bool:
    """Say whether anything moves in what is imagined."""
    frames = frames_THWC.astype(np.int16)
    return bool(np.abs(frames[1:] - frames[:1]).mean((1, 2, 3)).max() >= ARRIVED)
