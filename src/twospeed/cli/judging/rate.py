"""``twospeed rate``: people rate the clips of a run, blind; what they say together."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from twospeed.cli.options import Report
from twospeed.cli.tables import print_table
from twospeed.core.errors import require
from twospeed.core.files import write_json


def rate(
    run: Annotated[Path, typer.Argument(help="Folder of twospeed evaluate --protocol.")],
    results: Annotated[bool, typer.Option(help="Print what was answered, and stop.")] = False,
    port: Annotated[int, typer.Option(help="0 takes one that is free.")] = 8018,
    host: Annotated[
        str, typer.Option(help="Any but loopback lets others in, who need the token.")
    ] = "127.0.0.1",
    json: Report = None,
) -> None:
    """Let people rate clips from 0 to 1, in random order, not told which memory made them."""
    require("uvicorn", extra="play")
    require("starlette", extra="play")
    from twospeed.web.rating.answers import ASPECTS
    from twospeed.web.rating.server import Rating
    from twospeed.web.rating.serving import serve_rating

    rating = Rating(run)
    if not results:
        serve_rating(rating, host=host, port=port, say=typer.echo)
        return
    summary = rating.answers.summary()
    if json is not None:
        write_json(json, summary)
    table = Table("aspect", "alpha", "arm", "mean", "95 % interval", "clips", box=None)
    for aspect in ASPECTS:
        for arm, it in summary[aspect]["arms"].items():
            cells = (f"{it['mean']:.2f}", f"{it['low']:.2f} to {it['high']:.2f}", str(it["n"]))
            table.add_row(aspect, str(summary[aspect]["alpha"]), arm, *cells)
    print_table(table)
