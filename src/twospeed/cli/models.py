"""``twospeed models``: what comes with the package."""

import typer
from rich.table import Table

from twospeed.cli.tables import print_table
from twospeed.worldmodel.catalogue import describe_packaged


def models() -> None:
    """List the packaged models with their size and what their card says first."""
    found = describe_packaged()
    if not found:
        typer.echo("no models are packaged: train one with `twospeed train`")
        return
    table = Table("model", "MB", "what it is", box=None)
    for model in found:
        table.add_row(model.name, f"{model.megabytes:.1f}", model.summary)
    print_table(table)
