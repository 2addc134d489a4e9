"""``twospeed worlds``: what can be recorded here, and how fast."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from twospeed.cli.tables import print_table
from twospeed.cli.targets import new_file
from twospeed.core.errors import DataError, MissingExtraError
from twospeed.core.files import write_json
from twospeed.worlds.registry import WORLDS, engine_version, is_installed
from twospeed.worlds.speed import CLOCK, frames_per_second


def worlds(
    json: Annotated[
        Path | None, typer.Option(callback=new_file, help="Write it to this file instead.")
    ] = None,
    seconds: Annotated[float, typer.Option(help="How long the speed of each is measured.")] = 1.0,
) -> None:
    """List the worlds: engine, commands, truth, speed, or the line that installs the engine."""
    found = {name: _facts_of(name, seconds) for name in WORLDS}
    if json is not None:
        write_json(json, found)
        ready = sum(fact["installed"] for fact in found.values())
        typer.echo(f"{len(found)} worlds, {ready} of them installed, in {json}")
        return
    table = Table("world", "domain", "engine", "commands", "truth", "frames/s", box=None)
    for name, facts in found.items():
        speed = facts["frames_per_second_64"]
        shown = f"{speed:.0f}" if speed else facts["problem"] or facts["install"]
        version = f" {facts['version']}" if facts["version"] else ""
        table.add_row(
            name,
            facts["domain"],
            facts["engine"] + version,
            str(len(facts["actions"])),
            ", ".join(facts["truth"]),
            shown,
        )
    print_table(table)
    typer.echo(f"frames/s at 64 pixels: {CLOCK}")


def _facts_of(name: str, seconds: float) -> dict[str, Any]:
    kind = WORLDS[name]
    about = kind.about
    speed, problem = None, None
    if is_installed(about):
        try:
            speed = round(frames_per_second(name, seconds=seconds), 1)
        except (MissingExtraError, DataError) as error:  # an engine that is there and cannot start
            problem = str(error)
    return {
        "name": name,
        "domain": about.domain,
        "engine": about.engine,
        "version": engine_version(about),
        "install": about.install,
        "installed": speed is not None,
        "problem": problem,
        "actions": list(kind.actions),
        "truth": list(about.truth),
        "policy": about.policy,
        "repeats": about.repeats,
        "frames_per_second_64": speed,
        "clock": CLOCK,
    }
