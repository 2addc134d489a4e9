"""Frames with their poses, kept on disk as they are: what a renderer learns from.

Holds: `PosedEpisode`, `PosedFrames`, `posed_frames`. Holds not: what is drawn from them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from twospeed.core.errors import ConfigError
from twospeed.core.files import read_json, write_json
from twospeed.core.folders import FolderKind, folder_aside, recover
from twospeed.core.untrusted import resuming
from twospeed.core.video import Frames
from twospeed.data.episode import Episode
from twospeed.training.data.sources import EpisodeSource, read_whole
from twospeed.worldmodel.codec import to_pixels

_FILES = ("frames.npy", "poses.npy", "episodes.json")

POSED = FolderKind(
    name="frames with poses",
    files=_FILES,
    sign=lambda folder: "episodes" in read_json(folder / _FILES[2]),
)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PosedEpisode:
    """One episode; T frames, one command every `chunk_frames` of them after the first."""

    frames: Frames
    """(T, S, S, 3), on disk."""

    poses_T3: Tensor
    """x and y in metres, heading in radians."""

    actions: tuple[str, ...]
    """One a chunk."""

    chunk_frames: int

    def pixels(self, numbers_F: Tensor) -> Tensor:
        """Return some of the frames, (F, 3, S, S) in [-1, 1]."""
        return to_pixels(self.frames[numbers_F.numpy()][None])

    def action_after(self, number: int) -> str:
        """Return the command of the step that follows a frame."""
        return self.actions[number // self.chunk_frames]


@dataclass(frozen=True, kw_only=True, slots=True)
class PosedFrames:
    """Episodes to train on, and others that nothing is trained on."""

    train: list[PosedEpisode]
    held_out: list[PosedEpisode]


def posed_frames(source: EpisodeSource, episodes: int, place: Path) -> PosedFrames:
    """Read about so many episodes into a folder, unless they are there, and return them.

    Raises:
        ConfigError: when they have no poses.
    """
    recover(place, POSED)
    if not place.exists():
        chosen = list(_spread(source, episodes))
        if not any(len(group) > 1 for group in chosen):
            raise ConfigError(
                "a renderer learns from episodes with poses, and these have none: record a world"
                " that knows them (twospeed worlds), or set rendering.loop.steps to 0"
            )
        _keep(chosen, place)
    return _read(place)


def _spread(source: EpisodeSource, episodes: int) -> Iterator[list[Episode]]:
    """Yield the posed episodes of groups that lie evenly among all, until there are enough."""
    names = list(source.groups())
    each = source.contents().num_episodes / max(len(names), 1)
    wanted = max(1, min(len(names), round(episodes / max(each, 1))))
    for name in (names[len(names) * index // wanted] for index in range(wanted)):
        yield [it for it in read_whole(source, name) if it.poses is not None]


def _keep(groups: list[list[Episode]], place: Path) -> None:
    kept = [(episode, episode is group[-1]) for group in groups for episode in group]
    with folder_aside(place, POSED) as aside:
        np.save(aside / _FILES[0], np.concatenate([it.frames for it, _ in kept]))
        np.save(
            aside / _FILES[1], np.concatenate([it.poses for it, _ in kept if it.poses is not None])
        )
        notes = [
            {"actions": it.actions, "chunk_frames": it.chunk_frames, "is_held_out": is_held_out}
            for it, is_held_out in kept
        ]
        write_json(aside / _FILES[2], {"episodes": notes})


def _read(place: Path) -> PosedFrames:
    with resuming(place):
        frames = np.load(place / _FILES[0], mmap_mode="r", allow_pickle=False)
        poses = np.load(place / _FILES[1], allow_pickle=False)
        poses_T3 = torch.from_numpy(poses.astype(np.float32))
        poses_T3[:, 2].deg2rad_()
        found = PosedFrames(train=[], held_out=[])
        first = 0
        for note in read_json(place / _FILES[2])["episodes"]:
            part = slice(first, first + 1 + note["chunk_frames"] * len(note["actions"]))
            episode = PosedEpisode(
                frames=frames[part],
                poses_T3=poses_T3[part],
                actions=tuple(note["actions"]),
                chunk_frames=note["chunk_frames"],
            )
            (found.held_out if note["is_held_out"] else found.train).append(episode)
            first = part.stop
    return found
