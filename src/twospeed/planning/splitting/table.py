"""All splitters, by what stands before the colon in ``--splitter``."""

from collections.abc import Callable, Mapping

from twospeed.core.errors import ConfigError, lookup
from twospeed.planning.splitting.base import SubGoal, SubgoalSplitter
from twospeed.planning.splitting.chat import ChatSplitter
from twospeed.planning.splitting.grammar import GrammarSplitter
from twospeed.planning.splitting.local import LocalSplitter
from twospeed.worlds.base import Action

SPLITTERS: Mapping[str, Callable[[str], SubgoalSplitter]] = {
    "grammar": lambda name: GrammarSplitter(),  # noqa: ARG005
    "chat": ChatSplitter,
    "local": LocalSplitter,
}
"""Name -> splitter of what stands after the colon: a model's name at the endpoint, a folder."""


class OnceSplitter:
    """Asks another splitter each task once, since an endpoint may be slow; see `SubgoalSplitter`.

    Args:
        splitter: is asked.
    """

    def __init__(self, splitter: SubgoalSplitter) -> None:
        self.splitter = splitter
        self._known: dict[str, list[SubGoal]] = {}

    def split(self, task: str, actions: Mapping[str, Action]) -> list[SubGoal]:
        """Return the sub-goals of a task; see `SubgoalSplitter`."""
        if task not in self._known:
            self._known[task] = self.splitter.split(task, actions)
        return self._known[task]


def splitter_of(text: str) -> SubgoalSplitter:
    """Return the splitter of ``grammar``, ``chat:MODEL`` or ``local:FOLDER``, for one world.

    Raises:
        UnknownNameError: for another one.
        ConfigError: when the model or the folder is missing, or no endpoint is set.
        DataError: when the folder holds no chat model.
    """
    name, _, rest = text.partition(":")
    make = lookup(SPLITTERS, name, "splitter")
    if (name == "grammar") == bool(rest):
        raise ConfigError(f"a splitter is grammar, chat:MODEL or local:FOLDER, got {text!r}")
    return OnceSplitter(make(rest))
