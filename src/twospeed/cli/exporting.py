"""``twospeed export``: shards as datasets of other formats."""

from pathlib import Path
from typing import Annotated

import typer

from twospeed.cli.targets import new_folder
from twospeed.data.exporters.lerobot import export_lerobot

app = typer.Typer(help="Write shards as a dataset of another format.", no_args_is_help=True)


@app.command()
def lerobot(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of shards.")],
    out: Annotated[Path, typer.Option(callback=new_folder, help="A folder that is not there yet.")],
) -> None:
    """Write a LeRobot dataset, version 3.0: Parquet tables and MP4 videos."""
    done = export_lerobot(folder, out)
    typer.echo(
        f"exported {done.num_episodes} episodes, {done.num_frames} frames, {done.num_tasks} tasks,"
        f" to {out}"
    )


@app.callback()
def _exports() -> None:
    """Write shards as a dataset of another format."""
