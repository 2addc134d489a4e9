"""`twospeed fit`: train a classifier of pixels by a recipe."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from twospeed.cli.options import Dataset, Device, Settings
from twospeed.cli.saying import say
from twospeed.cli.tables import print_table
from twospeed.cli.targets import folder_with
from twospeed.core.config import override
from twospeed.terminator.datasets.built_in import load_examples
from twospeed.terminator.fit.loop import fit_examples
from twospeed.terminator.fit.plots import plot_confusion, plot_curves
from twospeed.terminator.fit.recipes import RECIPES, recipe_of
from twospeed.terminator.fit.result import FIT

app = typer.Typer(help="Train a classifier of pixels.")


@app.command("fit")
def fit(
    recipe: Annotated[str, typer.Argument(help=f"One of: {', '.join(RECIPES)}.")],
    data: Dataset,
    out: Annotated[
        Path,
        typer.Option(callback=folder_with(FIT), help="Folder of this fit; the same one goes on."),
    ] = Path("runs/fit"),
    settings: Settings = None,
    device: Device = "cpu",
) -> None:
    """Fit RECIPE on DATA; chosen by held-out examples, tested once at the end."""
    config = override(recipe_of(recipe), *(settings or []))
    examples = load_examples(data, say=say)
    result = fit_examples(config, examples, out, device=device)
    plot_curves({recipe: result}, out / "curves.png")
    plot_confusion(result, examples.classes, out / "confusion.png")
    table = Table("test accuracy", "parameters", "best epoch", "seconds")
    table.add_row(
        f"{result.accuracy:.2%}",
        f"{result.parameters:,}",
        f"{result.best_epoch} of {config.epochs}",
        f"{result.seconds[-1]:.0f}",
    )
    print_table(table)
    print(f"{len(examples.test)} test examples; weights, journal and pictures are in {out}")
