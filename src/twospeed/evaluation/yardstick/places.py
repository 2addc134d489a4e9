"""What is true of a clip of a world that is one place: where in it the camera stands and looks.

Holds: `PlaceLabels`, `Walks`, `record_walks`. Holds not: the network that learns to tell them
(network.py). Axes: E episodes, F frames of an episode, B clips, T frames of a clip.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from twospeed.core.errors import DataError
from twospeed.core.video import Frames
from twospeed.data.recorder import explore_episode
from twospeed.data.recording import RecordingConfig
from twospeed.evaluation.yardstick.labels import Array, Labels, moved_between

CHUNKS, CHUNK_FRAMES = 9, 4


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class PlaceLabels(Labels):
    """The truth of a batch of clips of one place."""

    place_BT2: Array
    """Where the camera stands, from the middle of all walks, in their deviations."""

    heading_BT4: Array
    """Sine and cosine of where it looks, and of twice that angle."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Walks:
    """Episodes of one length, and where their frames were seen from."""

    frames_EFHWC: Frames
    poses_EF3: Array
    """Metres, metres, degrees."""

    def clips(self, picks: Sequence[int]) -> tuple[Frames, Array]:
        """Return chunks, counted through all episodes, with the frame before: clips and poses."""
        episodes, chunks = np.divmod(np.asarray(picks)[:, None], CHUNKS)
        places = episodes, CHUNK_FRAMES * chunks + np.arange(CHUNK_FRAMES + 1)
        return self.frames_EFHWC[places], self.poses_EF3[places]

    @property
    def num_clips(self) -> int:
        """Chunks of all episodes."""
        return len(self.frames_EFHWC) * CHUNKS

    def labels(self, poses_BT3: Array) -> PlaceLabels:
        """Return what is true of clips seen from these poses, among these walks."""
        places_EF2, angle = self.poses_EF3[..., :2], np.radians(poses_BT3[..., 2])
        middle, spread = places_EF2.mean((0, 1)), places_EF2.std((0, 1))
        sides = [turn(times * angle) for times in (1, 2) for turn in (np.sin, np.cos)]
        return PlaceLabels(
            moved_BS3=moved_between(poses_BT3),
            place_BT2=(poses_BT3[..., :2] - middle) / np.where(spread > 0, spread, 1),
            heading_BT4=np.stack(sides, axis=-1).astype(np.float32),
        )


def record_walks(world: str, seeds: range, *, size: int = 64) -> Walks:
    """Walk one episode a seed as explorers do, nine chunks of four frames.

    Args:
        world: a name in `WORLDS`, of a world with poses.
        seeds: that follow one another.
        size: height and width of the frames in pixels.

    Raises:
        DataError: when the world has no poses.
    """
    recording = RecordingConfig(
        world=world,
        episodes=len(seeds),
        first_seed=seeds.start,
        chunks=CHUNKS,
        chunk_frames=CHUNK_FRAMES,
        frame_size=size,
    )
    with closing(recording.make_world()) as engine:
        episodes = [explore_episode(recording, engine, seed) for seed in seeds]
    poses = [it.poses for it in episodes if it.poses is not None]
    if not poses:
        raise DataError(f"{world} does not say where its frames are seen from")
    return Walks(
        frames_EFHWC=np.stack([it.frames for it in episodes]),
        poses_EF3=np.stack(poses).astype(np.float32),
    )
