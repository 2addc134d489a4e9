"""The cheapest way to obey a command: the last frame as a picture on a sphere, seen from elsewhere.

Nothing is learned and nothing is drawn: what leaves the frame is gone, and at the edges the last
pixel goes on. A turn is exact where the frame shows it; a step is right at one depth alone.
Axes: N pixels.
"""

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from twospeed.core.pictures import Frame
from twospeed.core.video import Frames
from twospeed.worldmodel.rendering.camera import Camera
from twospeed.worlds.routes.base import CHUNK_FRAMES, STEPS

DEPTH = 2.0
"""Metres from the camera to the picture."""


def warped(frame: Frame, action: str, camera: Camera) -> Frames:
    """Return what a command of the routes would show of a frame, (CHUNK_FRAMES, H, W, 3).

    Args:
        frame: square.
        action: a command in `STEPS`.
        camera: what saw it, level.
    """
    side = len(frame)
    points_N3 = DEPTH * functional.normalize(
        functional.pad(camera.rays(side).double(), (1, 0), value=1), dim=1
    )
    frames = []
    for steps in range(1, 1 + CHUNK_FRAMES):
        seen_N3 = _moved(points_N3, *(steps * it for it in STEPS[action]))
        places = ((camera.places(*seen_N3.unbind(1)) + 1) * side / 2).clamp(0, side - 1)
        across, down = places.long().view(side, side, 2).unbind(2)
        frames.append(frame[down.numpy(), across.numpy()])
    return np.stack(frames)


def _moved(points_N3: Tensor, ahead: float, left: float, turn: float) -> Tensor:
    """Return points, (ahead, right, down), of a camera moved so as the one before saw them."""
    sine, cosine = math.sin(math.radians(turn)), math.cos(math.radians(turn))
    x, right, down = points_N3.unbind(1)
    depth = (ahead + cosine * x + sine * right).clamp_min(1e-3)
    return torch.stack([depth, cosine * right - sine * x - left, down], 1)
