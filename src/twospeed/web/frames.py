"""Frames as they are shown: one of every pane, with what is known of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from twospeed.core.pictures import Frame
from twospeed.evaluation.metrics.frames import psnr_db
from twospeed.worlds.base import Observation, Pose

MEMORY, PLAIN, TRUTH = "memory", "plain", "truth"
"""The panes: with memory, without, the true world."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Shown:
    """One frame of every pane."""

    frames: Mapping[str, Frame]
    """Pane -> (H, W, 3); the true world is not there where nobody knows it."""

    is_seen: bool
    """The frames are not dreamed: they are the true world's, or were handed in."""

    pose: Pose | None = None
    """Of the true world's camera."""

    psnr_db: Mapping[str, float] = field(default_factory=dict)
    """Dreamed pane -> how near it is to the truth."""


def dreamed(frames: Mapping[str, Frame], truth: Observation | None) -> Shown:
    """Return dreamed frames beside the true one, with their PSNR against it."""
    if truth is None:
        return Shown(frames=frames, is_seen=False)
    near = {name: psnr(frame, truth.frame) for name, frame in frames.items()}
    shown = {**frames, TRUTH: truth.frame}
    return Shown(frames=shown, is_seen=False, pose=truth.pose, psnr_db=near)


def seen(frame: Frame, panes: tuple[str, ...], pose: Pose | None, *, is_true: bool) -> Shown:
    """Return a frame that all dreaming panes are shown, and the true world too if it is true."""
    names = (*panes, TRUTH) if is_true else panes
    return Shown(frames=dict.fromkeys(names, frame), is_seen=True, pose=pose)


def psnr(frame: Frame, truth: Frame) -> float:
    """Return the PSNR of one frame in dB."""
    return round(float(psnr_db(frame[None], truth[None])[0]), 2)


def thumbnail(frame: Frame, side: int) -> Frame:
    """Return a small copy: every nth pixel, (side, side, 3) or smaller."""
    step = max(1, -(-max(frame.shape[:2]) // side))
    return np.ascontiguousarray(frame[::step, ::step])
