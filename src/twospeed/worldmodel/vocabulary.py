"""What may be said to a model: the actions that its weights were trained on, kept beside them.

``vocabulary.json`` in a model folder holds, for every action in its canonical text, the other ways
to say it that training used and the worlds whose recordings held it. A folder without it is read
as well; who asks then falls back to the table of the model's world.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from twospeed.core.config import from_json
from twospeed.core.errors import DataError, TwospeedError
from twospeed.core.fields import check_fields
from twospeed.core.files import StrPath, as_path, read_json, write_json

FILE = "vocabulary.json"
FORMAT = "twospeed-vocabulary-1"


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownAction:
    """What is known of one action beside its text."""

    paraphrases: tuple[str, ...] = ()
    """Other ways to say it, used in training."""

    worlds: tuple[str, ...] = ()
    """Names of the worlds or imports that it was recorded in; empty where that is not known."""

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The actions that a model was trained on.

    Raises:
        DataError: when there is none.
    """

    actions: Mapping[str, KnownAction]
    """Canonical text -> what is known of it."""

    def __post_init__(self) -> None:
        if not self.actions:
            raise DataError("a vocabulary needs at least one action")

    @property
    def worlds(self) -> tuple[str, ...]:
        """Names of all worlds and imports that its actions were recorded in, in order."""
        return tuple(sorted({world for it in self.actions.values() for world in it.worlds}))

    def sayings(self) -> dict[str, str]:
        """Return every saying -> its action's canonical text; canonical texts win."""
        known = {it: text for text, action in self.actions.items() for it in action.paraphrases}
        return known | {text: text for text in self.actions}

    def spoken_in(self, world: str) -> "Vocabulary":
        """Return the actions that were recorded in a world; all of them where none was."""
        there = {text: it for text, it in self.actions.items() if world in it.worlds}
        return Vocabulary(there or self.actions)

    def joined(self, other: "Vocabulary") -> "Vocabulary":
        """Return the actions of both; what both know has the worlds of both."""
        actions = dict(other.actions) | dict(self.actions)
        for text in self.actions.keys() & other.actions.keys():
            ours, theirs = self.actions[text], other.actions[text]
            actions[text] = KnownAction(
                paraphrases=tuple(dict.fromkeys(ours.paraphrases + theirs.paraphrases)),
                worlds=tuple(sorted({*ours.worlds, *theirs.worlds})),
            )
        return Vocabulary(actions)

    def save(self, folder: StrPath) -> None:
        """Write ``vocabulary.json`` into a model folder."""
        actions = {
            text: {"paraphrases": list(it.paraphrases), "worlds": list(it.worlds)}
            for text, it in self.actions.items()
        }
        write_json(as_path(folder) / FILE, {"format": FORMAT, "actions": actions})

    @classmethod
    def load(cls, folder: StrPath) -> "Vocabulary | None":
        """Read what `save` wrote; None for a folder from before there were vocabularies.

        Raises:
            DataError: when the file is damaged.
        """
        path = as_path(folder) / FILE
        if not path.exists():
            return None
        try:
            actions = read_json(path).get("actions")
            if not isinstance(actions, dict) or "" in map(str.strip, actions):
                raise DataError("it names no actions")
            return cls({text: from_json(KnownAction, it) for text, it in actions.items()})
        except TwospeedError as error:
            raise DataError(f"{path} is damaged: {error}") from error


def plain_text(text: str) -> str:
    """Return a text as it is compared: one Unicode form, small letters, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
