"""`twospeed terminator`: compare with an archive, measure speed, look inside."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from twospeed.terminator.parity import TOLERANCE, compare_archive

app = typer.Typer(no_args_is_help=True, help="The Terminator vision network.")


@app.command()
def parity(
    file: Annotated[Path, typer.Argument(help="npz archive of a network's numbers")],
    tolerance: Annotated[float, typer.Option(help="largest relative error")] = TOLERANCE,
    worst: Annotated[int, typer.Option(help="how many of the largest errors to print")] = 10,
) -> None:
    """Rebuild the network of FILE in float64 and compare every array that it holds."""
    report = compare_archive(file, tolerance=tolerance)
    table = Table("array", "relative error")
    for name, error in report.worst(worst):
        table.add_row(name, f"{error:.2e}")
    Console().print(table)
    failures = report.failures
    print(f"{len(report.errors)} arrays compared, {len(failures)} beyond {tolerance:g}")
    if failures:
        print(f"first in the order of evaluation: {next(iter(failures))}")
        raise typer.Exit(1)
