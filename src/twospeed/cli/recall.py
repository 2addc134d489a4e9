"""``twospeed recall``: what a model's memory recalls, against the truth and all controls."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from twospeed.cli.memory_options import PresetOrMemory
from twospeed.cli.options import Device, DType, FirstSeed, Model, Report, Seed, Settings
from twospeed.cli.saying import say
from twospeed.cli.tables import print_table
from twospeed.core.config import override
from twospeed.core.errors import DataError
from twospeed.core.files import read_json, write_json
from twospeed.evaluation.protocols.base import ProtocolConfig
from twospeed.evaluation.recall import (
    FIRST_TEST_SEED,
    GENERATED,
    OBSERVED,
    PROTOCOLS,
    RecallConfig,
    measure_recall,
)
from twospeed.memory.presets import preset_of
from twospeed.worldmodel.model import WorldModel
from twospeed.worlds.routes.base import EXACT, KINDS


def recall(
    model: Model,
    json: Report = None,
    episodes: Annotated[int, typer.Option(help="Episodes of each kind of route.")] = 64,
    first_seed: FirstSeed = FIRST_TEST_SEED,
    routes: Annotated[
        str | None,
        typer.Option(help=f"With commas: {', '.join(KINDS)}; by default all that fit."),
    ] = None,
    world: Annotated[str | None, typer.Option(help="Where; the model's own by default.")] = None,
    protocol: Annotated[
        str, typer.Option(help=f"{OBSERVED} or {GENERATED}: what comes before the way back.")
    ] = OBSERVED,
    preset: PresetOrMemory = "default",
    settings: Settings = None,
    write_on_return: Annotated[
        bool, typer.Option(help="Let memories learn on the way back, too.")
    ] = False,
    unseen: Annotated[
        int, typer.Option(help="Also, or without --routes only: places never seen, episodes.")
    ] = 0,
    drift: Annotated[int, typer.Option(help="Also dream 1,000 frames of so many episodes.")] = 0,
    batch: Annotated[int, typer.Option(help="Episodes side by side.")] = 8,
    seed: Seed = 0,
    table: Annotated[bool, typer.Option(help="Print a table.")] = True,
    device: Device = "cpu",
    dtype: DType = "float32",
) -> None:
    """Measure what memory recalls at revisits of unseen episodes, with every control."""
    world_model = WorldModel.from_pretrained(model, device=device, torch_dtype=dtype)
    fast = override(preset_of(world_model, preset), *(settings or []))
    config = RecallConfig(
        routes=_kinds(routes, protocol, unseen=unseen),
        episodes=episodes,
        first_seed=first_seed,
        world=world,
        protocol=protocol,
        settings=ProtocolConfig(
            memory=fast, seed=seed, batch_size=batch, write_on_return=write_on_return
        ),
        drift_episodes=drift,
        unseen_episodes=unseen,
    )
    report = measure_recall(world_model, config, earlier=_earlier(json))
    report["provenance"]["model"]["name"] = model
    report["provenance"]["memory_preset"] = preset
    if json is not None:
        write_json(json, report)
    if table:
        _print_tables(report)
    for kind, route in report["routes"].items():
        typer.echo(f"{kind}: {_line(route)}")
    if "partial" in report:
        _say_partial(report["partial"], json)
        raise typer.Exit(130)


def _earlier(json: Path | None) -> dict[str, Any] | None:
    """Return the report that lies there, if it is one that Ctrl-C ended."""
    try:
        found = read_json(json) if json is not None and json.exists() else {}
    except DataError:  # any other file is replaced
        return None
    return found if "partial" in found else None


def _say_partial(partial: dict[str, Any], json: Path | None) -> None:
    again = f"in {json}; the same command goes on with the other routes" if json else "above"
    say(
        f"stopped in {partial['route']} after {partial['episodes']} of {partial['of']} episodes;"
        f" what was measured is {again}"
    )


def _print_tables(report: dict[str, Any]) -> None:
    routes = report["routes"]
    for metric in ("psnr_db", "ssim", "landmark_recall"):
        if routes and all(metric in route for route in routes.values()):
            print_table(_table(routes, metric))
    if "unseen" in report:
        print_table(_unseen_table(report["unseen"]))


def _unseen_table(unseen: dict[str, Any]) -> Table:
    arms = [name for name in next(iter(unseen.values())) if name != "over_truth"]
    title = "Fréchet distance from true clips, chunks after the last true frame"
    table = Table("chunk", *arms, "model over truth", title=title)
    for chunk, row in unseen.items():
        table.add_row(chunk, *(f"{row[arm]:.2f}" for arm in arms), _cell(row["over_truth"]))
    return table


def _kinds(routes: str | None, protocol: str, *, unseen: int) -> tuple[str, ...]:
    if routes is None:
        known = EXACT if PROTOCOLS.get(protocol) == GENERATED else KINDS
        return () if unseen else known
    return tuple(kind.strip() for kind in routes.split(",") if kind.strip())


def _table(routes: dict[str, Any], metric: str) -> Table:
    arms = list(next(iter(routes.values()))[metric])
    table = Table("route", *arms, title=f"{metric} at revisits, mean and 95 % interval")
    for kind, route in routes.items():
        table.add_row(kind, *(_cell(route[metric][arm]) for arm in arms))
    return table


def _line(route: dict[str, Any]) -> str:
    names = {"off": "off", "swap": "another episode's memory", "lookup": "a look-up table"}
    gains = [
        f"{_cell(route[key])} dB over {name}"
        for arm, name in names.items()
        if (key := f"gain_over_{arm}_db") in route
    ]
    return f"memory on gains {', '.join(gains)} ({route['episodes']} episodes)"


def _cell(interval: dict[str, Any]) -> str:
    if interval["mean"] is None:
        return "-"
    return f"{interval['mean']:.2f} [{interval['low']:.2f}, {interval['high']:.2f}]"
