"""What commands say beside their result: lines on standard error."""

import typer


def say(line: str) -> None:
    """Say a line about what was left out or is not as usual."""
    typer.echo(line, err=True)
