"""What a motion reader is asked while it learns: pairs of frames, and frames before a chunk.

Steps are taken there and back; turns in one place are taken in part as well, as a camera would see
them on the way. Axes: F pairs, S pixels of a side, N frames of a chunk.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from twospeed.training.rendering.config import RenderingRun
from twospeed.training.rendering.posed import PosedEpisode
from twospeed.worldmodel.rendering.camera import Camera, turned_rays
from twospeed.worldmodel.rendering.poses import relative
from twospeed.worlds.language import LITTLE, OPPOSITE

_UNTOLD = 0.1  # share of steps whose command is not told
_BACK = 0.3  # share of steps that are taken back
_IN_PART = 0.4  # share of turns in one place of which only a part is taken
_PARTS = 8  # such a part is a number of these
_STILL = 1e-3  # metres
_MISREAD = (0.02, 0.02, 0.01)  # metres, metres, radians that the step before is off
_TURNS = (0.05, 0.6)  # radians of a turn of which parts are taken


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Steps:
    """Steps whose frames are given, and the chunk that each begins."""

    before_F3SS: Tensor
    """In [-1, 1]."""

    after_F3SS: Tensor
    """In [-1, 1]."""

    earlier_F3: Tensor
    """The step that led to the one, as well as it can be read; none to an episode's first."""

    step_F3: Tensor
    """From one to the other."""

    said: tuple[str, ...]
    """Command of each; "" where it is not told."""

    first_F3SS: Tensor
    """The frame before a chunk."""

    chunk_earlier_F3: Tensor
    """The step that led to that frame, in the same way."""

    chunk_FN3: Tensor
    """The chunk's steps."""

    asked: tuple[str, ...]
    """Its command."""


def draw_steps(
    episodes: Sequence[PosedEpisode], run: RenderingRun, generator: torch.Generator
) -> Steps:
    """Draw `run.pairs` of each, of any episodes."""
    chosen = torch.randint(len(episodes), (run.pairs,), generator=generator).tolist()
    drawn = [_pair(episodes[index], run, generator) for index in chosen]
    before, after, earlier, steps, said = zip(*drawn, strict=True)
    chunks = [_chunk(episodes[index], generator) for index in chosen]
    first, chunk_earlier, chunk, asked = zip(*chunks, strict=True)
    return Steps(
        before_F3SS=torch.stack(before),
        after_F3SS=torch.stack(after),
        earlier_F3=torch.stack(earlier),
        step_F3=torch.stack(steps),
        said=said,
        first_F3SS=torch.stack(first),
        chunk_earlier_F3=torch.stack(chunk_earlier),
        chunk_FN3=torch.stack(chunk),
        asked=asked,
    )


def on_the_way(
    here_3SS: Tensor, there_3SS: Tensor, turn: float, share: float, camera: Camera
) -> Tensor:
    """Return what a camera sees on a turn from one frame to another, (3, S, S).

    Args:
        here_3SS: at its begin.
        there_3SS: at its end.
        turn: radians to the left in all.
        share: of the turn that is done, 0 to 1.
        camera: of the frames.
    """
    side = here_3SS.shape[-1]
    turned = torch.tensor([-share * turn, (1 - share) * turn])
    right, down = turned_rays(camera.rays(side), turned).unflatten(1, (side, side)).unbind(-1)
    places = camera.places(torch.ones_like(right), right, down)
    images = torch.stack([here_3SS, there_3SS])
    shown = functional.grid_sample(images, places, align_corners=False, padding_mode="border")
    nearer_here = right[0].abs() <= right[1].abs()
    return torch.where(nearer_here, shown[0], shown[1])


def _pair(
    episode: PosedEpisode, run: RenderingRun, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor, str]:
    number = int(torch.randint(len(episode.frames) - 1, (), generator=generator))
    before, after = episode.pixels(torch.tensor([number, number + 1]))
    here_3, there_3 = episode.poses_T3[number : number + 2]
    step_3, said = relative(there_3, here_3), episode.action_after(number)
    in_part, back, untold = torch.rand(3, generator=generator).tolist()
    if _is_turn(step_3) and in_part < _IN_PART:
        first, last = sorted(
            (torch.randperm(_PARTS + 1, generator=generator)[:2] / _PARTS).tolist()
        )
        turn = float(step_3[2])
        ends = [on_the_way(before, after, turn, share, run.camera) for share in (first, last)]
        (before, after), step_3, said = ends, step_3 * (last - first), f"{said} {LITTLE}"
    if back < _BACK and not run.carries_on:
        word, small = said.removesuffix(f" {LITTLE}"), said.endswith(LITTLE)
        said = OPPOSITE.get(word, "") + (f" {LITTLE}" if small and word in OPPOSITE else "")
        before, after, step_3 = after, before, relative(torch.zeros(3), step_3)
    earlier_3 = _led_to(episode, number, generator)
    return before, after, earlier_3, step_3, "" if untold < _UNTOLD else said


def _is_turn(step_3: Tensor) -> bool:
    least, most = _TURNS
    return bool(step_3[:2].norm() < _STILL) and least < abs(float(step_3[2])) < most


def _chunk(episode: PosedEpisode, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, str]:
    chunk = int(torch.randint(len(episode.actions), (), generator=generator))
    first = chunk * episode.chunk_frames
    poses_N3 = episode.poses_T3[first : first + episode.chunk_frames + 1]
    steps_N3 = relative(poses_N3[1:], poses_N3[:-1])
    before = episode.pixels(torch.tensor([first]))[0]
    return before, _led_to(episode, first, generator), steps_N3, episode.actions[chunk]


def _led_to(episode: PosedEpisode, number: int, generator: torch.Generator) -> Tensor:
    poses_T3 = episode.poses_T3
    step_3 = relative(poses_T3[number], poses_T3[max(number - 1, 0)])
    return step_3 + torch.tensor(_MISREAD) * torch.randn(3, generator=generator)
