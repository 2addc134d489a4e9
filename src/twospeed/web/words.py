"""What a player says, as the model is told it and as the true world can do it.

Any wording goes: the model gets the words, the true world the command that they mean.
"""

from dataclasses import dataclass

import torch

from twospeed.core.errors import UnknownNameError
from twospeed.generation.commands import place_commands
from twospeed.worldmodel.text import TextEncoder
from twospeed.worldmodel.vocabulary import Vocabulary, plain_text
from twospeed.worlds.registry import WORLDS

LONGEST = 200
"""Letters of one saying."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """One saying."""

    text: str
    """As the model is told it."""

    command: str
    """The model's action, in its canonical text, that it means."""


class Words:
    """Reads sayings.

    Args:
        vocabulary: of the model.
        text_encoder: of the model; it tells what an unknown wording is nearest to.
        is_open: whether the model takes any text; it is told it as it is.
    """

    def __init__(
        self, vocabulary: Vocabulary, text_encoder: TextEncoder, *, is_open: bool = False
    ) -> None:
        self.vocabulary, self.is_open = vocabulary, is_open
        self._encoder = text_encoder
        self._commands = _tested_sayings(vocabulary) | {
            plain_text(saying): text for saying, text in vocabulary.sayings().items()
        }

    @property
    def actions(self) -> tuple[str, ...]:
        """The model's actions in their canonical texts."""
        return tuple(self.vocabulary.actions)

    def meant(self, text: str) -> Said:
        """Return what a saying means.

        Raises:
            UnknownNameError: when it is near no command of the model, or too long.
        """
        if len(text) > LONGEST:
            raise UnknownNameError(f"a command has at most {LONGEST} letters, got {len(text):,}")
        (placed,) = [text] if self.is_open else place_commands([text], self.vocabulary)
        command = self._commands.get(plain_text(placed)) or self._nearest(placed)
        return Said(text=placed, command=command)

    def _nearest(self, text: str) -> str:
        """Return the action whose tokens, as the model reads them, are nearest."""
        mine, *others = (self._encoder.encode([it])[0].mean(0) for it in (text, *self.actions))
        distances = torch.stack([(mine - other).square().sum() for other in others])
        return self.actions[int(distances.argmin())]


def _tested_sayings(vocabulary: Vocabulary) -> dict[str, str]:
    """Return the sayings that no training saw, of the worlds' own actions -> canonical text."""
    known = (it for kind in WORLDS.values() for it in kind.actions.values())
    return {
        plain_text(saying): action.text
        for action in known
        if action.text in vocabulary.actions
        for saying in (*action.held_out, *action.paraphrases)
    }
