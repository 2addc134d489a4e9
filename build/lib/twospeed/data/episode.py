"""One recorded episode: frames, the command of every chunk, and the poses if the world knows them.

Frame 0 is the first observation; the chunk of action i then adds `chunk_frames` frames. So an
episode has ``1 + chunk_frames * len(actions)`` frames.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twospeed.core.errors import DataError
from twospeed.core.video import Frames

Poses = NDArray[np.float32]
"""(T, 3): x and y in metres, heading in degrees, as in `twospeed.worlds.base.Pose`."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Episode:
    """What was seen and done in one episode.

    Raises:
        DataError: when a size, a type or a number does not fit the others.
    """

    frames: Frames
    """uint8 (T, H, W, 3), sRGB, 0 to 255."""

    actions: tuple[str, ...]
    """One command a chunk, in canonical text."""

    poses: Poses | None = None
    """float32 (T, 3), one pose a frame; None when the world knows none."""

    world: str
    """The name of the world that it was recorded in."""

    seed: int
    """The seed that the world was reset with."""

    frames_per_second: float
    """How fast the frames are meant to be shown."""

    chunk_frames: int = 4
    """How many frames every action adds."""

    scene: str | None = None
    """The place that was filmed; no scene may be in training and in testing. None: the seed's."""

    objects: tuple[Mapping[str, tuple[float, ...]], ...] | None = None
    """For every frame what `twospeed.worlds.base.Observation.objects` says; None: nothing."""

    def __post_init__(self) -> None:
        frames, name = self.frames, f"episode {self.seed} of {self.world}"
        if frames.ndim != 4 or frames.shape[3] != 3 or frames.dtype != np.uint8:
            raise DataError(
                f"{name}: frames should be uint8 (T, H, W, 3), got {frames.dtype} {frames.shape}"
            )
        if self.chunk_frames < 1:
            raise DataError(f"{name}: chunk_frames must be at least 1, got {self.chunk_frames}")
        expected = 1 + self.chunk_frames * len(self.actions)
        if len(frames) != expected:
            raise DataError(
                f"{name}: {len(self.actions)} actions of {self.chunk_frames} frames after a first"
                f" frame make {expected} frames, got {len(frames)}"
            )
        if self.poses is not None and self.poses.shape != (len(frames), 3):
            raise DataError(f"{name}: poses should be ({len(frames)}, 3), got {self.poses.shape}")
        if self.objects is not None and len(self.objects) != len(frames):
            raise DataError(f"{name}: {len(frames)} frames, but objects of {len(self.objects)}")
        if not self.frames_per_second > 0:
            raise DataError(
                f"{name}: frames_per_second must be above 0, got {self.frames_per_second}"
            )

    def chunk_of(self, index: int) -> slice:
        """Return where the frames of the chunk of ``actions[index]`` lie in `frames`."""
        start = 1 + self.chunk_frames * index
        return slice(start, start + self.chunk_frames)
