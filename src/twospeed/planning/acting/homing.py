"""Finding back by the views that a memory holds: each keeps the pose that it was seen from.

The agent counts its own steps, and where an older view shows the same again, that says where it
stands; so it may begin off the path. It passes the places of the views, the latest first. Nothing
asks the simulator for more than frames.
"""

import time
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from twospeed.core.errors import KindError
from twospeed.core.video import Frames
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.views.locating import located, unlikely
from twospeed.memory.views.reading import drawn_from
from twospeed.memory.views.writer import ViewWriter
from twospeed.planning.acting.base import Acted, Decision, counted
from twospeed.planning.acting.pursuit import Pursuit, way_back
from twospeed.planning.splitting.base import COMMAND, SubGoal
from twospeed.planning.tasks.base import CHUNK_FRAMES, Begun
from twospeed.worldmodel.codec import to_frames
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.rendering.poses import moved
from twospeed.worlds.base import World

_TRACKED = 8  # ways that may have been gone
_VIEWS_ASKED = 32  # what a command does is the median over so many remembered views


class Homing:
    """Acts by the poses of remembered views; see `Executor`.

    Args:
        model: the slow weights; they have a renderer.
        memory: fast weights of one episode that hold views.
        commands: what the agent may do.

    Raises:
        KindError: when the memory holds no views.
    """

    def __init__(self, model: WorldModel, memory: FastWeights, commands: Sequence[str]) -> None:
        if not isinstance(memory.writer, ViewWriter):
            raise KindError("finding back takes a memory of views (ViewConfig)")
        self.model, self.writer = model, memory.writer
        self.commands = tuple(commands)
        self.steps_A3 = self._steps()

    @torch.no_grad()
    def act(self, world: World, begun: Begun, goals: Sequence[SubGoal], seed: int) -> Acted:  # noqa: ARG002
        """Act; see `Executor`."""
        acted, began = Acted(shots=[begun.shots[-1]]), time.monotonic()
        learned = CHUNK_FRAMES * len(begun.actions)
        aside = begun.frames[learned:]
        if len(aside) > 1:
            self._track(aside)
        acted.seconds += time.monotonic() - began
        for goal in goals:
            if goal.kind == COMMAND:
                self._step(world, [goal.text] * CHUNK_FRAMES, acted, way="told")
            else:
                self._find_back(world, begun.budget, acted)
        return acted

    def _find_back(self, world: World, chunks: int, acted: Acted) -> None:
        began, rows = time.monotonic(), self.writer.rows(0)
        places = way_back(rows, self.writer.pose_E3[0])
        pursuit = Pursuit(places=places, steps_A3=self.steps_A3)
        acted.seconds += time.monotonic() - began
        for _ in range(chunks):
            began, before_3 = time.monotonic(), self.writer.pose_E3[0].clone()
            chosen = pursuit.plan(before_3, CHUNK_FRAMES)
            acted.seconds += time.monotonic() - began
            if not chosen:
                acted.is_stopped = not pursuit.places
                break
            rest = int(self.steps_A3[:, :2].norm(dim=1).argmin())  # turns on the spot
            whole = chosen + [rest] * (CHUNK_FRAMES - len(chosen))
            self._step(world, [self.commands[it] for it in whole], acted, way="placed")
            pursuit.tell(whole, before_3, self.writer.pose_E3[0])

    def _step(self, world: World, steps: Sequence[str], acted: Acted, *, way: str) -> None:
        """Imagine a few single steps, take them and see where they led."""
        began = time.monotonic()
        acted.imagined.append(self._imagined(steps))
        acted.num_imagined += len(steps)
        acted.seconds += time.monotonic() - began
        last, shots = acted.shots[-1].frame, [world.step(step) for step in steps]
        acted.shots += shots
        began = time.monotonic()
        self._follow(np.stack([last, *(shot.frame for shot in shots)]), steps)
        acted.seconds += time.monotonic() - began
        acted.decisions.append(Decision(command=counted(steps), confidence=1.0, way=way))

    def _track(self, frames_THWC: Frames) -> None:
        """Find out which steps, that nobody told of, led along frames from a known one on.

        Those that were likeliest so far are gone on with, by each command.
        """
        writer, steps_A3 = self.writer, self.steps_A3
        rows, most = writer.rows(0), writer.config.references
        latents_TO = self.model.encode(frames_THWC[None])[0].transpose(0, 1).flatten(1)
        latents_TO = latents_TO.to(self.model.device)
        pose_N3, score_N = writer.pose_E3[:1], writer.pose_E3.new_zeros(1)
        for latents_O in latents_TO[1:]:
            pose_N3 = moved(pose_N3[:, None], steps_A3).flatten(0, 1)
            score_N = score_N.repeat_interleave(len(steps_A3))
            score_N += unlikely(self.model, writer.renderer, rows, latents_O, pose_N3, most=most)
            best = score_N.topk(min(_TRACKED, len(score_N)), largest=False).indices
            pose_N3, score_N = pose_N3[best], score_N[best]
        writer.pose_E3[0], writer.last_EO[0] = pose_N3[0], latents_TO[-1]
        self._follow(frames_THWC[-1:], [])

    def _follow(self, frames_THWC: Frames, steps: Sequence[str]) -> None:
        """Count the steps between frames from a known one on, and correct them by remembered views.

        A step that nobody told of is "".
        """
        latents = self.model.encode(frames_THWC[None]).to(self.model.device)[0]
        if steps:
            told_SND = self.model.text_encoder.encode(steps).to(self.model.device)
            self.writer.follow_(0, latents, told_SND)
        rows = self.writer.rows(0)
        frame = latents[:, -1].flatten(), self.writer.pose_E3[0]
        most, is_there_R = self.writer.config.references, rows.is_there_R
        self.writer.pose_E3[0] = located(
            self.model, self.writer.renderer, rows, is_there_R, frame, most=most
        )

    @torch.no_grad()
    def _steps(self) -> Tensor:
        """Return what one frame of each command does, (A, 3): a median over remembered views."""
        rows, cells = self.writer.rows(0), self.writer.renderer.config.latent_cells
        views_OR = rows.up_OR[:, rows.is_there_R]
        picked = torch.linspace(0, views_OR.shape[1] - 1, _VIEWS_ASKED).round().long()
        last_BCHW = views_OR[:, picked].mT.unflatten(1, (-1, cells, cells))
        tokens_AND = self.model.text_encoder.encode(self.commands).to(last_BCHW)
        ahead = self.writer.renderer.motion.ahead
        return torch.stack(
            [
                ahead(last_BCHW, text_ND.expand(len(picked), -1, -1)).flatten(0, 1).median(0).values
                for text_ND in tokens_AND
            ]
        )

    def _imagined(self, steps: Sequence[str]) -> Frames:
        """Return what should be seen after each step, (S, H, W, 3)."""
        does = dict(zip(self.commands, self.steps_A3, strict=True))
        pose_3, poses = self.writer.pose_E3[0], []
        for step in steps:
            pose_3 = moved(pose_3, does.get(step, torch.zeros_like(pose_3)))
            poses.append(pose_3)
        rows, most = self.writer.rows(0), self.writer.config.references
        drawn = drawn_from(self.model, rows, torch.stack(poses), most)
        side = self.writer.renderer.config.side
        return to_frames(drawn.pixels if drawn else pose_3.new_zeros(len(poses), 3, side, side))
