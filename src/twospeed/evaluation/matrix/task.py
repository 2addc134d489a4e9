"""One episode as a protocol wants it: true frames, actions, what is shown, where it comes again."""

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twospeed.core.video import Frames
from twospeed.data.recorder import explore_episode
from twospeed.data.recording import RecordingConfig
from twospeed.evaluation.matrix.protocol import EXPLORE, Protocol
from twospeed.evaluation.metrics.landmarks import Sighting, find_sightings
from twospeed.evaluation.protocols.base import world_for
from twospeed.evaluation.protocols.walks import Walk, draw_walks
from twospeed.worldmodel.model import WorldModel
from twospeed.worlds.base import World
from twospeed.worlds.registry import make_world


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Task:
    """An episode. Axes: T frames, 1 + those of all chunks."""

    world: str
    seed: int
    frames: Frames
    """(T, H, W, 3), the truth."""

    actions: tuple[str, ...]
    """One a chunk."""

    observed: int
    """True chunks that are shown before any is generated."""

    first_visit_T: NDArray[np.int64]
    """The frame that shows the same pose, -1 where none before the first generated one does."""

    walk: Walk | None = None
    """The route; None for an exploration."""

    @property
    def chunk_frames(self) -> int:
        """Frames of a chunk."""
        return (len(self.frames) - 1) // len(self.actions)

    @property
    def first_judged(self) -> int:
        """The first frame that is generated."""
        return 1 + self.chunk_frames * self.observed

    @property
    def places(self) -> int:
        """How many different poses were shown; 0 where poses are not known."""
        if self.walk is None:
            return 0
        poses = self.walk.route.poses[: self.first_judged]
        return len(np.unique(np.round(poses, 2), axis=0))

    def sightings(self) -> list[Sighting]:
        """Return the landmarks at generated revisits; none where a world does not tell them."""
        scene = self.walk.place.scene_of(self.seed) if self.walk else None
        if scene is None or self.walk is None:
            return []
        again = np.flatnonzero(self.first_visit_T >= 0)
        frames = again[again >= self.first_judged].tolist()
        size = self.frames.shape[1]
        return find_sightings(scene, self.walk.route.poses, frames, size=size, seed=self.seed)


def world_of(model: WorldModel, protocol: Protocol, world: str | None) -> str:
    """Return where a protocol is run: what is asked for, its own world, or the model's."""
    return world_for(model, world, protocol.world)


def draw_task(model: WorldModel, protocol: Protocol, world: str | None, seed: int) -> Task:
    """Walk the episode of a seed.

    Raises:
        UnknownNameError: when there is no such world.
        ConfigError: when the protocol's routes cannot be walked there.
        MissingExtraError: when its engine is not installed.
    """
    name = world_of(model, protocol, world)
    if protocol.episode == EXPLORE:
        return _explored(model, protocol, name, seed)
    size = model.settings.frame_size
    walk = draw_walks(protocol.episode, [seed], size=size, world=name)[0]
    route = walk.route
    first_visit = np.full(len(walk.frames), -1)
    first_visit[route.first_generated :] = route.first_visit
    return Task(
        world=name,
        seed=seed,
        frames=walk.frames,
        actions=route.actions,
        observed=route.seen if protocol.observed == "seen" else 0,
        first_visit_T=first_visit,
        walk=walk,
    )


def _explored(model: WorldModel, protocol: Protocol, world: str, seed: int) -> Task:
    settings = model.settings
    recording = RecordingConfig(
        world=world,
        episodes=1,
        first_seed=seed,
        chunks=protocol.chunks,
        chunk_frames=settings.chunk_frames,
        frame_size=settings.frame_size,
        policy=protocol.policy,
    )
    episode = explore_episode(recording, _world(world, settings.frame_size), seed)
    return Task(
        world=world,
        seed=seed,
        frames=episode.frames,
        actions=episode.actions,
        observed=protocol.shown,
        first_visit_T=np.full(len(episode.frames), -1),
    )


@functools.cache
def _world(name: str, size: int) -> World:
    return make_world(name, frame_size=size)
