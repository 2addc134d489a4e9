"""Frames to learn a hand reader from: where commands led the hand, and whether it was closed.

A hand follows its commands by half a step. A chunk in which nothing moves leads nowhere.
Axes: T frames of an episode, H and W pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twospeed.core.errors import DataError
from twospeed.core.video import Frames
from twospeed.data.episode import Episode
from twospeed.planning.hand.reader import FRAME_SIZE
from twospeed.planning.hand.ways import CLOSE, OPEN, way_of
from twospeed.planning.recorded import Places, is_still, read_parts
from twospeed.worlds.simulators.fetch import STEP_METRES

_TRUTH = "gripper"
_AXES = (1, 0, 2)  # of the simulator: to the right, nearer, up


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class HandClip:
    """One episode."""

    frames: Frames
    """uint8 (T, H, W, 3)."""

    places_T3: NDArray[np.float64]
    """Where commands led the hand, in steps from its first place."""

    closed_T: NDArray[np.bool_]
    """Whether it was told to close."""

    true_T3: NDArray[np.float64] | None
    """Where the simulator says that it was, in steps; None where it does not say."""

    world: str
    """Where it was recorded."""


def read_hand_clips(data: Places, *, most_episodes: int) -> tuple[list[HandClip], list[HandClip]]:
    """Read shards into episodes for training and for testing; both held-out parts are for testing.

    Args:
        data: of shards.
        most_episodes: read no more.

    Raises:
        DataError: as `read_parts`, when frames have another size than a reader takes, or no
            episode has commands of a hand.
    """
    parts = read_parts(data, most_episodes=most_episodes)
    episodes = parts["training"]
    if not any(action in (CLOSE, OPEN) for it in episodes for action in it.actions):
        raise DataError(
            f"no episode of {episodes[0].world} has commands of a hand, such as {CLOSE!r}: record"
            " a world with one, such as fetch"
        )
    size = episodes[0].frames.shape[1:3]
    if size != (FRAME_SIZE, FRAME_SIZE):
        raise DataError(
            f"a hand is read from {FRAME_SIZE} x {FRAME_SIZE} pixels, these recordings have"
            f" {size[0]} x {size[1]}: record them with --size {FRAME_SIZE}"
        )
    held_out = [it for part, those in parts.items() if part != "training" for it in those]
    return [hand_clip(it) for it in episodes], [hand_clip(it) for it in held_out]


def hand_clip(episode: Episode) -> HandClip:
    """Return an episode with what its commands say."""
    told_T3 = np.zeros((len(episode.frames), 3))
    closed_T = np.zeros(len(episode.frames), np.bool_)
    is_closed = False
    for index, action in enumerate(episode.actions):
        is_closed = {CLOSE: True, OPEN: False}.get(action, is_closed)
        chunk = episode.chunk_of(index)
        closed_T[chunk] = is_closed
        told_T3[chunk] = np.zeros(3) if is_still(episode, index) else way_of(action)
    led_T3 = told_T3.cumsum(0)
    led_T3[1:] = (led_T3[1:] + led_T3[:-1]) / 2
    return HandClip(
        frames=episode.frames,
        places_T3=led_T3,
        closed_T=closed_T,
        true_T3=_true_places(episode),
        world=episode.world,
    )


def world_of(clips: Sequence[HandClip]) -> str:
    """Return where clips were recorded; several names with + between."""
    return "+".join(sorted({clip.world for clip in clips}))


def _true_places(episode: Episode) -> NDArray[np.float64] | None:
    if episode.objects is None or any(_TRUTH not in it for it in episode.objects):
        return None
    places_T3 = np.array([it[_TRUTH] for it in episode.objects], np.float64)
    return places_T3[:, _AXES] / STEP_METRES
