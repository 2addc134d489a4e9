"""What stands side by side: who acts, and with what memory. All see the same episode.

on           fast weights that learned the episode: views that know their places
             (acting/homing.py), or chunks, told backwards, too (imagining/replay.py)
off          the same slow weights without memory
swap         fast weights of another episode
loop         as "on", with slow weights that learned from many episodes (consolidation)
last_frame   fast weights that learned the last chunk alone
first_frame  fast weights that learned the first chunk alone
lookup       raw chunks in a table instead of fast weights
by_number    raw chunks in a list, replayed by their numbers whatever is seen
undo         all commands undone in reverse order, without looking
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from twospeed.memory.config import FastLearningConfig, RidgeConfig, ViewConfig
from twospeed.memory.fast_weights import FastWeights
from twospeed.planning.acting.base import Executor
from twospeed.planning.acting.closed_loop import ClosedLoop
from twospeed.planning.acting.deciding import Decider
from twospeed.planning.acting.homing import Homing
from twospeed.planning.acting.reaching import Reaching
from twospeed.planning.acting.undoing import UNDOES, Undoing
from twospeed.planning.hand.reader import HandReader
from twospeed.planning.imagining.base import VideoPlanner
from twospeed.planning.imagining.handling import memory_of_handling
from twospeed.planning.imagining.remembering import (
    RememberingPlanner,
    learned,
    memory_of_seen,
)
from twospeed.planning.imagining.replay import Seen
from twospeed.planning.imagining.table import NumberedPlanner, TablePlanner
from twospeed.planning.inverse.base import InverseDynamics
from twospeed.planning.search.table import SEARCHES
from twospeed.planning.tasks.base import CHUNK_FRAMES, Begun
from twospeed.worldmodel.model import WorldModel
from twospeed.worlds.registry import WORLDS

EXACT_RIDGE = 1e-7
"""`RidgeConfig.ridge` of memories that a hand is led by."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Setting:
    """What an arm is made of."""

    model: WorldModel
    memory: FastLearningConfig
    inverse: InverseDynamics
    own: Begun
    other: Begun
    """The episode, and another one of the same task."""

    texts: tuple[str, ...]
    """Of the sub-goals that lead back."""

    seed: int
    consolidated: WorldModel | None = None
    """Slow weights of the arm "loop"."""

    search: str = "beam"
    """A name in `SEARCHES`."""

    hand: HandReader | None = None
    """Reads where a hand is, where things are to be handled."""

    replay: bool = True
    """Whether memories of chunks are told the walk backwards under the words of the sub-goals."""

    def seen(self, begun: Begun, model: WorldModel) -> Seen:
        """Return an episode in latents."""
        frames = begun.frames[: 1 + CHUNK_FRAMES * len(begun.actions)]
        latents = model.encode(frames[None]).to(model.device)
        return Seen(latents_1CTHW=latents, actions=begun.actions, frames=CHUNK_FRAMES)

    def remembering(self, model: WorldModel, seen: Seen) -> Executor:
        """Return who acts with a memory that learned an episode: by places, or by what it shows."""
        if isinstance(self.memory, ViewConfig):
            views = learned(FastWeights(model, self.memory, seeds=(self.seed,)), seen)
            return Homing(model, views, self.inverse.commands)
        memory = self.told(model, seen)
        planner = RememberingPlanner(model, memory)
        return self.acting(planner, model, memory)

    def acting(
        self, planner: VideoPlanner, model: WorldModel, memory: FastWeights | None
    ) -> Executor:
        """Return who acts by what is recalled or imagined: with a hand, or by commands."""
        if self.hand is not None:
            return Reaching(model, planner, self.hand, remembers=memory is not None)
        return self.closed_loop(planner, model=model, memory=memory)

    def replaying(self, planner: VideoPlanner) -> Executor:
        """Return who acts by a list of what was seen, which ends: with a hand, or by commands."""
        if self.hand is not None:
            return Reaching(self.model, planner, self.hand, remembers=True)
        return self.closed_loop(planner, searches=False)

    @property
    def _exact(self) -> FastLearningConfig:
        """The memory's configuration, so that a chunk comes back as it was."""
        if not isinstance(self.memory, RidgeConfig):
            return self.memory
        return replace(self.memory, ridge=EXACT_RIDGE)

    def told(self, model: WorldModel, seen: Seen) -> FastWeights:
        """Return the memory of chunks of an episode that is acted with."""
        if self.hand is not None:
            commands = tuple(WORLDS[self.model.settings.world].actions)
            return memory_of_handling(model, self._exact, seen, commands=commands, seed=self.seed)
        return self.walked(model, seen)

    def walked(self, model: WorldModel, seen: Seen) -> FastWeights:
        """Return a memory of an episode's chunks under their commands, and told the way back."""
        texts = self.texts if self.replay else ()
        return memory_of_seen(model, self.memory, seen, texts=texts, undoes=UNDOES, seed=self.seed)

    def closed_loop(
        self,
        planner: VideoPlanner,
        *,
        model: WorldModel | None = None,
        memory: FastWeights | None = None,
        searches: bool = True,
    ) -> Executor:
        """Return who acts by a planner."""
        model = model or self.model
        decider = Decider(
            model=model,
            inverse=self.inverse,
            search=SEARCHES[self.search](model, self.inverse.commands) if searches else None,
            memory=memory,
            undoes=UNDOES,
        )
        return ClosedLoop(planner, decider)


def _remembering(part: Callable[[Setting], tuple[Begun, Sequence[int] | None]]) -> "Maker":
    def make(setting: Setting) -> Executor:
        begun, chunks = part(setting)
        seen = setting.seen(begun, setting.model)
        seen = seen if chunks is None else seen.only(chunks)
        return setting.remembering(setting.model, seen)

    return make


def _off(setting: Setting) -> Executor:
    return setting.acting(RememberingPlanner(setting.model, None), setting.model, None)


def _loop(setting: Setting) -> Executor:
    model = setting.consolidated
    if model is None:
        raise AssertionError("the arm loop is left out without consolidated slow weights")
    return setting.remembering(model, setting.seen(setting.own, model))


def _lookup(setting: Setting) -> Executor:
    seen = setting.seen(setting.own, setting.model)
    return setting.closed_loop(TablePlanner(setting.model, seen), searches=False)


def _by_number(setting: Setting) -> Executor:
    seen = setting.seen(setting.own, setting.model)
    return setting.replaying(NumberedPlanner(setting.model, seen))


def _undo(setting: Setting) -> Executor:  # noqa: ARG001
    return Undoing()


Maker = Callable[[Setting], Executor]

ARMS: Mapping[str, Maker] = {
    "on": _remembering(lambda setting: (setting.own, None)),
    "off": _off,
    "swap": _remembering(lambda setting: (setting.other, None)),
    "loop": _loop,
    "last_frame": _remembering(lambda setting: (setting.own, [len(setting.own.actions) - 1])),
    "first_frame": _remembering(lambda setting: (setting.own, [0])),
    "lookup": _lookup,
    "by_number": _by_number,
    "undo": _undo,
}
"""Name -> who acts."""
