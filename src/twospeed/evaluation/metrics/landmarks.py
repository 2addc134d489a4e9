"""Landmark recall: is the right object there? Judged by drawing what else could have been.

For a landmark that the truth shows, the scene is drawn again with each of `CANDIDATES` identities
in its place: the true one and others that the episode does not hold. A frame recalls it when the
true identity is the nearest in mean squared error over all pixels that any of them would cover.
Which landmarks are judged does not depend on which candidate is the true one, so whatever knows
nothing of the episode scores 1 / `CANDIDATES`, however blurred or sharp it is.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twospeed.core.video import Frames
from twospeed.worlds.rooms.looks import IDENTITIES
from twospeed.worlds.rooms.raycast import Scene, render

CANDIDATES = 8
"""Identities compared, the true one among them; chance is 1 / 8."""

LEAST_PIXELS = 25
"""Pixels of a 64x64 frame that every candidate would cover; in proportion for other sizes."""


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """A landmark in one frame, as it would look with each candidate identity."""

    frame: int
    """Index of the frame in the episode."""

    landmark: int
    """Index into `Scene.landmarks`."""

    true: int
    """Which candidate is the truth."""

    mask: NDArray[np.bool_]
    """(H, W): pixels that any candidate covers."""

    colours: NDArray[np.float32]
    """(candidates, pixels, 3): the candidates' colours on these pixels, 0 to 255."""

    def is_recalled_in(self, frame_HWC: NDArray[np.uint8]) -> bool:
        """Say whether the true identity is the nearest to this frame."""
        error_K = np.square(self.colours - frame_HWC[self.mask]).mean((1, 2))
        return int(error_K.argmin()) == self.true


def find_sightings(
    scene: Scene, poses_T3: NDArray[np.float32], frames: Sequence[int], *, size: int, seed: int
) -> list[Sighting]:
    """Find every landmark that covers enough pixels to be told from others in these frames.

    Args:
        scene: the episode's truth.
        poses_T3: of all frames of the episode.
        frames: indices of the frames to look at.
        size: height and width of a frame in pixels.
        seed: decides the false candidates.
    """
    if not len(frames):
        return []
    shown_FHW = render(scene, poses_T3[list(frames)], size=size).landmarks
    found: list[Sighting] = []
    for landmark in range(len(scene.landmarks)):
        counts = (shown_FHW == landmark).sum((1, 2))
        seen_in = [
            frame for frame, n in zip(frames, counts, strict=True) if n >= _least_pixels(size)
        ]
        if seen_in:
            found += _sightings_of(scene, landmark, poses_T3, seen_in, size=size, seed=seed)
    return found


def recalled(
    sightings: Sequence[Sighting], frames_THWC: Frames, *, first: int
) -> NDArray[np.float64]:
    """Return 1 or 0 for every sighting.

    Args:
        sightings: of `find_sightings`.
        frames_THWC: the frames to judge.
        first: index in the episode of their first one.
    """
    judged = [s.is_recalled_in(frames_THWC[s.frame - first]) for s in sightings]
    return np.array(judged, np.float64)


def _sightings_of(
    scene: Scene,
    landmark: int,
    poses_T3: NDArray[np.float32],
    frames: list[int],
    *,
    size: int,
    seed: int,
) -> list[Sighting]:
    """Draw one landmark with every candidate identity, in all frames at once."""
    candidates = draw_candidates(scene, landmark, seed=seed)
    pictures = [
        render(_with_identity(scene, landmark, identity), poses_T3[frames], size=size)
        for identity in candidates
    ]
    true = candidates.index(scene.landmarks[landmark].identity)
    sightings = []
    for index, frame in enumerate(frames):
        covers_KHW = np.stack([p.landmarks[index] == landmark for p in pictures])
        mask = np.asarray(covers_KHW.any(0))
        colours = np.stack([p.frames[index][mask] for p in pictures]).astype(np.float32)
        # half hidden shapes may look alike: then nobody can tell which it is
        are_distinct = len(np.unique(colours, axis=0)) == CANDIDATES
        if covers_KHW.sum((1, 2)).min() >= _least_pixels(size) and are_distinct:
            sightings.append(
                Sighting(frame=frame, landmark=landmark, true=true, mask=mask, colours=colours)
            )
    return sightings


def _least_pixels(size: int) -> float:
    return LEAST_PIXELS * (size / 64) ** 2


def draw_candidates(scene: Scene, landmark: int, *, seed: int) -> list[int]:
    """Return the true identity and `CANDIDATES` - 1 that the episode does not hold, shuffled."""
    held = {mark.identity for mark in scene.landmarks}
    free = [identity for identity in range(len(IDENTITIES)) if identity not in held]
    generator = np.random.default_rng([seed, landmark, 3])
    others = generator.choice(free, CANDIDATES - 1, replace=False).tolist()
    shuffled = generator.permutation([scene.landmarks[landmark].identity, *others])
    return [int(identity) for identity in shuffled]


def _with_identity(scene: Scene, landmark: int, identity: int) -> Scene:
    marks = list(scene.landmarks)
    marks[landmark] = dataclasses.replace(marks[landmark], identity=identity)
    return dataclasses.replace(scene, landmarks=tuple(marks))
