"""A task in one's own words: commands that are carried out and seen, then what is asked.

Where the hand is lowered and closed, something is to be picked up: whoever plays the world then
leads the hand there, since a sentence does not say where that is.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from twospeed.core.errors import ConfigError
from twospeed.planning.splitting.base import COMMAND, HOME, PUT_BACK, REMEMBERED, WAY_BACK, SubGoal
from twospeed.planning.tasks.base import CHUNK_FRAMES, Begun, Task, repeat
from twospeed.planning.tasks.handling import MOST_CHUNKS, suggested
from twospeed.worlds.base import Observation, World

MEASURES = {WAY_BACK: "retrace", HOME: "return_home", PUT_BACK: "put_back"}
"""Kind of a sub-goal -> the task by whose truth it is measured."""

_PICK = ("lower the gripper", "close the gripper")
_STREAM = 17


class Told:
    """Commands of a sentence, then a sub-goal that only a memory can reach; see `Task`.

    Args:
        sentence: what was said.
        commands: what is done first, a chunk each.
        measure: the task whose distance counts.
    """

    def __init__(self, sentence: str, commands: Sequence[str], measure: Task) -> None:
        self.sentence, self.commands, self.measure = sentence, tuple(commands), measure
        self.success_metres = measure.success_metres
        self.world_options = measure.world_options
        if sum(map(self._picks, range(len(commands)))) > 1:
            raise ConfigError("a task in one's own words picks something up once")

    def begin(self, world: World, seed: int, *, off_path: bool) -> Begun | None:
        """Carry out the commands; see `Task`.

        Raises:
            ConfigError: when steps off the path are asked for.
        """
        if off_path:
            raise ConfigError("a task in one's own words says itself what is done off the path")
        shots, actions = [world.reset(seed)], list[str]()
        for command in self._done(world, seed):
            if len(actions) == MOST_CHUNKS + len(self.commands):
                return None
            actions.append(command)
            shots += [world.step(command) for _ in range(CHUNK_FRAMES)]
        return Begun(seed=seed, actions=tuple(actions), shots=tuple(shots))

    def restore(self, world: World, begun: Begun) -> None:
        """Carry them out again; see `Task`."""
        repeat(world, begun)

    def _picks(self, index: int) -> bool:
        return self.commands[index : index + len(_PICK)] == _PICK

    def _done(self, world: World, seed: int) -> Iterator[str]:
        """Yield what is done, each command after the one before was carried out."""
        generator = np.random.default_rng([seed, _STREAM])
        for index, command in enumerate(self.commands):
            if self._picks(index):  # lowering, too, is left to whoever plays the world
                yield from iter(lambda: suggested(world, generator), _PICK[1])
            else:
                yield command

    def distance(self, begun: Begun, acted: Sequence[Observation]) -> float:
        """Return the distance of the task that this one is like; see `Task`."""
        return self.measure.distance(begun, acted)


def parted(goals: Sequence[SubGoal]) -> tuple[list[str], list[SubGoal]]:
    """Part the commands that come first from the sub-goals that then are asked for.

    Raises:
        ConfigError: when there are no commands before, or nothing to remember after them.
    """
    first = next((i for i, goal in enumerate(goals) if goal.kind != COMMAND), len(goals))
    if first == 0 or first == len(goals):
        raise ConfigError(
            "a task in one's own words has commands and then something to remember, such as 'go"
            f" forward twice, turn left, then {REMEMBERED[WAY_BACK]}'"
        )
    return [goal.text for goal in goals[:first]], list(goals[first:])
