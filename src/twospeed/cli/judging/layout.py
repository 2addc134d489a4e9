"""What `twospeed evaluate` prints: names, tables of scores, and what is missing."""

from collections.abc import Callable
from typing import Any

import typer
from rich.table import Column, Table

from twospeed.cli.saying import say
from twospeed.core.files import read_json
from twospeed.evaluation.matrix.judge import EXTRA
from twospeed.evaluation.matrix.paper import TABLES
from twospeed.evaluation.matrix.protocol import protocols
from twospeed.evaluation.matrix.table import MEMORIES
from twospeed.evaluation.videos.summary import METRICS

_MOST_COLUMNS = 5


def print_list() -> None:
    """Name protocols, memories, tables and metrics."""
    for name, path in protocols().items():
        typer.echo(f"protocol {name}: {read_json(path)['summary']}")
    for name, entry in MEMORIES.items():
        typer.echo(f"memory {name}: {entry.summary}")
    typer.echo(f"tables: {', '.join(TABLES)}")
    typer.echo(f"metrics: {', '.join((*METRICS, *EXTRA))}")


def table_of(arms: dict[str, Any]) -> Table:
    """Lay out a column for every arm; of many, a row, and means alone."""
    names = [name for name in next(iter(arms.values())) if any(map(_has(name), arms.values()))]
    if len(arms) <= _MOST_COLUMNS:
        table = Table(Column("metric", no_wrap=True), *arms, box=None)
        for name in names:
            table.add_row(name, *(_cell(it.get(name, {})) for it in arms.values()))
        return table
    table = Table("", *names, "s/chunk", "kB", box=None)
    for arm, found in arms.items():
        means = [_mean(found.get(name, {})) for name in names]
        costs = [found.get("seconds_per_chunk"), found.get("bytes", 0) / 1000]
        table.add_row(arm, *means, *("" if it is None else f"{it:.3g}" for it in costs))
    return table


def _has(name: str) -> Callable[[dict[str, Any]], bool]:
    return lambda arm: isinstance(arm.get(name), dict) and "mean" in arm[name]


def _mean(found: dict[str, Any]) -> str:
    return "-" if found.get("mean") is None else f"{found['mean']:.3g}"


def say_missing(arms: dict[str, Any]) -> None:
    """Say what was not computed, and why."""
    for name, found in next(iter(arms.values())).items():
        if isinstance(found, dict) and "not_computed" in found:
            say(f"{name}: not computed: {found['not_computed']}")


def _cell(found: dict[str, Any]) -> str:
    if found.get("mean") is None:
        return "-"
    return f"{found['mean']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"
