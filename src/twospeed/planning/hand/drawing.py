"""Batches to learn a hand reader from, and the loss: only differences within an episode count.

Axes: E episodes, F frames of each.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from twospeed.planning.hand.clips import HandClip
from twospeed.planning.inverse.drawing import network_input

FRAMES = 4
"""Frames of an episode in a batch."""

BETA = 0.1
"""Steps: differences that are nearer are squared (Huber)."""

_FIRST, _SECOND = torch.combinations(torch.arange(FRAMES)).T


def draw_hands(
    clips: Sequence[HandClip], *, count: int, span: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw frames of episodes.

    Args:
        clips: of which to draw.
        count: E.
        span: frames of an episode in which the drawn ones lie.
        generator: draws.

    Returns:
        What a network reads, (E * F, 3, H, W); where commands led the hand, (E, F, 3) steps; and
        whether it was closed, (E, F), 0 or 1.
    """
    numbers = np.random.default_rng(int(torch.randint(2**31, (), generator=generator)))
    frames, places, closed = [], [], []
    for clip in (clips[place] for place in numbers.integers(len(clips), size=count)):
        length = len(clip.frames)
        start = numbers.integers(max(1, length - span + 1))
        chosen = start + numbers.integers(min(span, length), size=FRAMES)
        frames.append(clip.frames[chosen])
        places.append(clip.places_T3[chosen])
        closed.append(clip.closed_T[chosen])
    pixels = network_input(np.concatenate(frames)[:, None])
    return (
        pixels,
        torch.from_numpy(np.stack(places)).float(),
        torch.from_numpy(np.stack(closed)).float(),
    )


def hand_loss(read_B4: Tensor, places_EF3: Tensor, closed_EF: Tensor, *, closed: float) -> Tensor:
    """Return the Huber loss of all differences within an episode, and of being closed.

    Args:
        read_B4: what the network gives for E * F frames.
        places_EF3: where commands led the hand, in steps.
        closed_EF: 1 where it was told to close.
        closed: weight of the binary cross-entropy.
    """
    found_EF3 = read_B4[:, :3].unflatten(0, places_EF3.shape[:2])
    ways, told = (it[:, _SECOND] - it[:, _FIRST] for it in (found_EF3, places_EF3))
    moved = functional.smooth_l1_loss(ways, told, beta=BETA)
    entropy = functional.binary_cross_entropy_with_logits(read_B4[:, 3], closed_EF.flatten())
    return moved + closed * entropy
