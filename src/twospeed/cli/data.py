"""``twospeed data``: look at recorded data."""

from pathlib import Path
from typing import Annotated

import typer

from twospeed.cli.targets import folder_with, new_file
from twospeed.core.config import to_json
from twospeed.core.files import write_json
from twospeed.data.page import REPORT, findings_of, line_of, write_report
from twospeed.data.statistics import statistics_of
from twospeed.data.survey import survey

app = typer.Typer(help="Look at recorded data.", no_args_is_help=True)


@app.callback()
def _data() -> None:
    """Look at recorded data."""


@app.command()
def show(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder with shards below it.")],
    json: Annotated[
        Path | None, typer.Option(callback=new_file, help="Write all numbers to this file.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            callback=folder_with(REPORT), help="Write a page, plots and contact sheets here."
        ),
    ] = None,
) -> None:
    """Count domains, actions, lengths; find split leaks, near-duplicates and damage."""
    found = survey(folder)
    numbers = statistics_of(found)
    typer.echo(line_of(numbers))
    for name, it in numbers.domains.items():
        typer.echo(
            f"  {name}: {it.num_episodes:,} episodes ({it.num_test_episodes:,} for testing),"
            f" {it.num_clips:,} clips, {it.num_scenes:,} scenes, {it.num_actions:,} actions"
        )
    shortest, median, longest = numbers.frames_of_episode
    typer.echo(f"episodes of {shortest} to {longest} frames, median {median:g}")
    for what, (count, lines) in findings_of(numbers).items():
        typer.echo("\n  ".join((f"{what}: {count}", *lines[:5])))
    if json is not None:
        write_json(json, to_json(numbers))
    if out is not None:
        files = write_report(found, numbers, out, title=f"Data in {folder.name}")
        typer.echo(f"page: {next(file for file in files if file.suffix == '.html')}")
