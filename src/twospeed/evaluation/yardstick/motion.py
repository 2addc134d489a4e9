"""Are commands obeyed? The yardstick network reads from the frames alone how the camera moved.

It was trained on true clips of rooms and knows no model. A chunk counts as obeyed when, of the six
moves, the one that was commanded is the nearest to what was read. Axes: S steps, T frames.
"""

from collections.abc import Sequence

import numpy as np
import torch

from twospeed.core.video import Frames
from twospeed.evaluation.yardstick.network import ClipNetwork, clip_pixels
from twospeed.worlds.rooms import world
from twospeed.worlds.rooms.world import STEP_DEGREES, STEP_METRES

MOTIONS: dict[str, tuple[float, float, float]] = {
    name: (ahead / STEP_METRES, left / STEP_METRES, turn / STEP_DEGREES)
    for name, (ahead, left, turn) in world.MOTIONS.items()
}
"""Command -> steps ahead, to the left, and of a turn to the left, in one frame."""


@torch.no_grad()
def obeyed(network: ClipNetwork, frames_THWC: Frames, actions: Sequence[str]) -> list[float]:
    """Return for every chunk 1 or 0; none for a command that is no move.

    Args:
        network: of `load_clip_network`, that of the rooms.
        frames_THWC: the frame before the first chunk, and those of all chunks.
        actions: one a chunk.
    """
    length = (len(frames_THWC) - 1) // len(actions)
    wanted = np.array(list(MOTIONS.values()))
    found = []
    for chunk, action in enumerate(actions):
        if action in MOTIONS:
            clip = frames_THWC[length * chunk : length * (chunk + 1) + 1]
            moved_S3 = network(clip_pixels(clip[None]))[0].moved_BS3[0].double().numpy()
            away = np.square(wanted - moved_S3.mean(0)).sum(1)
            found.append(float(list(MOTIONS)[int(away.argmin())] == action))
    return found
