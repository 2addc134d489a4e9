"""``twospeed evaluate``: judge folders of videos, or memories on a model."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from twospeed.cli.options import Report, Seed
from twospeed.cli.saying import say
from twospeed.core.errors import ConfigError
from twospeed.core.files import write_json
from twospeed.evaluation.videos.evaluate import VideoConfig, evaluate_videos
from twospeed.evaluation.videos.summary import METRICS


def evaluate(
    targets: Annotated[
        list[str] | None,
        typer.Argument(help="REAL FAKE, two folders of videos; or FAKE alone."),
    ] = None,
    json: Report = None,
    weights: Annotated[
        Path | None, typer.Option(help="Folder of others' weights, for LPIPS, FVD and SRC.")
    ] = None,
    chunk: Annotated[int, typer.Option(help="Frames that the control copy repeats.")] = 4,
    out_and_back: Annotated[
        bool, typer.Option(help="Clips return the way they came: revisits are known.")
    ] = False,
    list_: Annotated[bool, typer.Option("--list", help="Name metrics, and stop.")] = False,
    seed: Seed = 0,
) -> None:
    """Judge videos between a floor and a ceiling, with every control beside them."""
    if list_:
        typer.echo(f"metrics: {', '.join(METRICS)}")
        return
    if not targets or len(targets) > 2:
        raise ConfigError("evaluate takes FAKE, or REAL FAKE: one or two folders of videos")
    *real, fake = map(Path, targets)
    config = VideoConfig(seed=seed, chunk_frames=chunk, out_and_back=out_and_back)
    report = evaluate_videos(real[0] if real else None, fake, config, weights=weights, say=say)
    for line in report["warnings"]:
        say(line)
    _say_missing(report["metrics"])
    if json is not None:
        write_json(json, report)
    Console(markup=False).print(_table(report), highlight=False)


def _table(report: dict[str, Any]) -> Table:
    arms = {"clips": report["metrics"], **report["controls"]}
    table = Table("metric", *arms, box=None)
    for name in METRICS:
        if any("mean" in it[name] for it in arms.values()):
            table.add_row(name, *(_cell(it[name]) for it in arms.values()))
    return table


def _say_missing(metrics: dict[str, Any]) -> None:
    for name, found in metrics.items():
        if "not_computed" in found:
            say(f"{name}: not computed: {found['not_computed']}")


def _cell(found: dict[str, Any]) -> str:
    if found.get("mean") is None:
        return "-"
    return f"{found['mean']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"
