"""``twospeed consolidate``: memories of many episodes become a skill of the slow weights."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from twospeed.cli.options import Device, Model, Report, Settings
from twospeed.cli.tables import print_table
from twospeed.cli.targets import new_folder
from twospeed.core.config import override
from twospeed.core.files import write_json
from twospeed.planning.consolidation.config import SlowFastRun
from twospeed.planning.consolidation.consolidate import consolidate as run
from twospeed.planning.consolidation.consolidate import run_folder
from twospeed.training.consolidation.config import WAYS
from twospeed.worldmodel.model import WorldModel


def consolidate(
    model: Model,
    memories: Annotated[
        Path, typer.Option(help="What twospeed plan ... --keep-memories left, of this model.")
    ],
    out: Annotated[
        Path,
        typer.Option(
            callback=new_folder, help="Folder of the new model; its run lies beside it, in OUT.run."
        ),
    ],
    how: Annotated[str, typer.Option(help=f"One of: {', '.join(WAYS)}.")] = "paper",
    minutes: Annotated[float | None, typer.Option(help="Learn about so long at most.")] = None,
    steps: Annotated[int | None, typer.Option(help="Gradient steps.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Of the gradient steps.")] = None,
    seed: Annotated[int, typer.Option(help="Decides all that is drawn.")] = 0,
    settings: Settings = None,
    json: Report = None,
    device: Device = "cpu",
) -> None:
    """Learn from memories; keep what breaks no bound of what the model could do before."""
    asked = [f'learning.how="{how}"', f"learning.loop.seed={seed}", f"matrix.seed={seed}"]
    asked += [] if steps is None else [f"learning.loop.steps={steps}"]
    asked += [] if learning_rate is None else [f"learning.loop.learning_rate={learning_rate}"]
    config = override(SlowFastRun(), *asked, *(settings or []))
    world_model = WorldModel.from_pretrained(model, device=device)
    report = run(world_model, memories, out, config, minutes=minutes)
    report["provenance"]["model"]["name"] = model
    if json is not None:
        write_json(json, report)
    print_table(_table(report))
    typer.echo(
        f"{report['verdict']}: {report['share']:.1%} of the way from the old weights to the new"
        f" ones; model in {out}, report in {run_folder(out) / 'index.html'}"
    )


def _table(report: dict[str, Any]) -> Table:
    table = Table("skill", "before", "after", "lost", "bound", title="What is kept")
    for row in report["matrix"]:
        name = f"{row['skill']}, {row['world']}"
        if row["missing"]:
            table.add_row(name, row["missing"], "", "", "")
            continue
        table.add_row(name, *(f"{row[it]:.4f}" for it in ("before", "after", "lost", "bound")))
    return table
