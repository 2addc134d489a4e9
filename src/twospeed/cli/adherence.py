"""``twospeed adherence``: whether a model obeys actions, in every domain of a recording."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from twospeed.cli.options import Device, DType, Model, Report, Seed
from twospeed.cli.tables import print_table
from twospeed.core.files import write_json
from twospeed.evaluation.adherence import AdherenceConfig, measure_adherence
from twospeed.worldmodel.model import WorldModel


def adherence(
    model: Model,
    data: Annotated[Path, typer.Option(help="A folder with shards below it.")],
    json: Report = None,
    episodes: Annotated[int, typer.Option(help="Test episodes of each domain.")] = 16,
    clips: Annotated[int, typer.Option(help="Clips of each episode.")] = 8,
    candidates: Annotated[int, typer.Option(help="Action texts tried for a clip.")] = 4,
    batch: Annotated[int, typer.Option(help="Clips side by side.")] = 8,
    seed: Seed = 0,
    device: Device = "cpu",
    dtype: DType = "float32",
) -> None:
    """Measure in how many clips the true action explains the new frames better than others do."""
    world_model = WorldModel.from_pretrained(model, device=device, torch_dtype=dtype)
    config = AdherenceConfig(
        episodes=episodes, clips=clips, candidates=candidates, seed=seed, batch_size=batch
    )
    report = measure_adherence(world_model, data, config)
    report["provenance"]["model"]["name"] = model
    if json is not None:
        write_json(json, report)
    print_table(_table(report["domains"]))


def _table(domains: dict[str, Any]) -> Table:
    table = Table(
        "domain", "obeyed", "95 % interval", "chance", "clips", "episodes", "sayings", box=None
    )
    for name, it in domains.items():
        found, sayings = it["accuracy"], it["held_out_sayings"]
        table.add_row(
            name,
            f"{found['mean']:.2f}",
            f"{found['low']:.2f} to {found['high']:.2f}",
            f"{it['chance']:.2f}",
            str(it["clips"]),
            f"{found['n']}" + ("" if it["of"] == "testing" else " (none kept for testing)"),
            f"{sayings['understood']:.0%} understood" if sayings else "",
        )
    return table
