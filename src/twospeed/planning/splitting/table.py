"""All splitters, by what stands before the colon in ``--splitter``."""

from collections.abc import Callable, Mapping

from twospeed.core.errors import ConfigError, lookup
from twospeed.planning.splitting.base import SubgoalSplitter
from twospeed.planning.splitting.chat import ChatSplitter
from twospeed.planning.splitting.grammar import GrammarSplitter
from twospeed.planning.splitting.local import LocalSplitter

SPLITTERS: Mapping[str, Callable[[str], SubgoalSplitter]] = {
    "grammar": lambda name: GrammarSplitter(),  # noqa: ARG005
    "chat": ChatSplitter,
    "local": LocalSplitter,
}
"""Name -> splitter of what stands after the colon: a model's name at the endpoint, a folder."""


def splitter_of(text: str) -> SubgoalSplitter:
    """Return the splitter of ``grammar``, ``chat:MODEL`` or ``local:FOLDER``.

    Raises:
        UnknownNameError: for another one.
        ConfigError: when the model or the folder is missing, or no endpoint is set.
        DataError: when the folder holds no chat model.
    """
    name, _, rest = text.partition(":")
    make = lookup(SPLITTERS, name, "splitter")
    if (name == "grammar") == bool(rest):
        raise ConfigError(f"a splitter is grammar, chat:MODEL or local:FOLDER, got {text!r}")
    return make(rest)
