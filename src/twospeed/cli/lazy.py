"""Commands that are imported when they are called, so that `twospeed --help` is quick."""

import importlib
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperCommand

from twospeed.cli.numbers import check_numbers_


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """Where a command lives."""

    module: str
    """Module that holds it."""

    attribute: str
    """A function, or a `typer.Typer` with commands of its own."""

    summary: str
    """One line for ``twospeed --help``."""


class LazyCommand(TyperCommand):
    """Stands in the list of commands; becomes the real command when it is called.

    Args:
        name: how it is called on the command line.
        entry: where it lives.
    """

    def __init__(self, name: str, entry: Entry) -> None:
        super().__init__(name, help=entry.summary, short_help=entry.summary)
        self._entry = entry

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: Any = None,
        **extra: Any,
    ) -> Any:
        """Import the real command and let it read its arguments."""
        return self.load().make_context(info_name, args, parent=parent, **extra)

    def load(self) -> Any:
        """Import and return the real command."""
        found = getattr(importlib.import_module(self._entry.module), self._entry.attribute)
        if isinstance(found, typer.Typer):
            command: Any = typer.main.get_group(found)
        else:
            app = typer.Typer(add_completion=False)
            app.command(self.name)(found)
            command = typer.main.get_command(app)
        check_numbers_(command)
        return command
