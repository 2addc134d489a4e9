"""The cheapest trick: undo all commands in reverse order, without looking."""

from collections.abc import Sequence

from twospeed.planning.acting.base import Acted, Decision
from twospeed.planning.splitting.base import SubGoal
from twospeed.planning.tasks.base import CHUNK_FRAMES, Begun
from twospeed.worlds.base import World
from twospeed.worlds.language import OPPOSITE
from twospeed.worlds.words.arm import ARM


class Undoing:
    """Keeps the list of commands and undoes it blindly; see `Executor`."""

    def act(self, world: World, begun: Begun, goals: Sequence[SubGoal], seed: int) -> Acted:  # noqa: ARG002
        """Act; see `Executor`."""
        acted = Acted(shots=[begun.shots[-1]])
        for action in reversed(begun.actions):
            command = UNDOES.get(action, action)
            acted.decisions.append(Decision(command=command, confidence=1.0, way="undone"))
            acted.shots += [world.step(command) for _ in range(CHUNK_FRAMES)]
        return acted


def _swapped(one: str, other: str) -> dict[str, str]:
    pairs = {text: text.replace(one, other) for text in ARM if one in text.split()}
    return pairs | {to: text for text, to in pairs.items()}


UNDOES = {
    **OPPOSITE,
    **_swapped("left", "right"),
    **_swapped("away", "nearer"),
    **_swapped("raise", "lower"),
    **_swapped("close", "open"),
}
"""Command -> the one that undoes it."""
