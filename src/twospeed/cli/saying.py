"""What commands say: their result, once for all processes; beside it, lines on standard error."""

import typer

from twospeed.core.progress import speaks


def say(line: str) -> None:
    """Say a line about what was left out or is not as usual."""
    typer.echo(line, err=True)


def tell(line: str) -> None:
    """Print a line of a result, unless it is another process's to do so."""
    if speaks():
        typer.echo(line)
