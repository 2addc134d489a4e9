"""A task in one's own words: commands that are carried out and seen, then what is asked."""

from collections.abc import Sequence

from twospeed.core.errors import ConfigError
from twospeed.planning.splitting.base import COMMAND, HOME, PUT_BACK, REMEMBERED, WAY_BACK, SubGoal
from twospeed.planning.tasks.base import CHUNK_FRAMES, Begun, Task
from twospeed.worlds.base import Observation, World

MEASURES = {WAY_BACK: "retrace", HOME: "return_home", PUT_BACK: "put_back"}
"""Kind of a sub-goal -> the task by whose truth it is measured."""


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

    def begin(self, world: World, seed: int, *, off_path: bool) -> Begun:
        """Carry out the commands; see `Task`.

        Raises:
            ConfigError: when steps off the path are asked for.
        """
        if off_path:
            raise ConfigError("a task in one's own words says itself what is done off the path")
        shots = [world.reset(seed)]
        for command in self.commands:
            shots += [world.step(command) for _ in range(CHUNK_FRAMES)]
        return Begun(seed=seed, actions=self.commands, shots=tuple(shots))

    def restore(self, world: World, begun: Begun) -> None:
        """Carry them out again; see `Task`."""
        self.begin(world, begun.seed, off_path=False)

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
