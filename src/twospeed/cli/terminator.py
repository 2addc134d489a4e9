"""`twospeed terminator`: compare with an archive, measure speed, look inside."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from twospeed.cli.options import Dataset, Device, Settings
from twospeed.cli.saying import say
from twospeed.cli.tables import print_table
from twospeed.cli.targets import folder_with, new_file
from twospeed.core.config import override
from twospeed.core.errors import lookup
from twospeed.core.fields import checked
from twospeed.core.files import write_json
from twospeed.core.ranges import Count, Steps
from twospeed.terminator.benchmarks.comparison import COMPARISON, VARIANTS, compare
from twospeed.terminator.benchmarks.scaling import ScalingRow, plot_scaling
from twospeed.terminator.benchmarks.speed import BenchConfig, run_bench
from twospeed.terminator.benchmarks.timing import CLOCKS
from twospeed.terminator.datasets.built_in import load_examples
from twospeed.terminator.fit.load import open_fit
from twospeed.terminator.fit.recipes import RECIPES, recipe_of
from twospeed.terminator.parity.compare import TOLERANCE, compare_archive
from twospeed.terminator.visualize import (
    DRAWINGS,
    draw_kernels,
    draw_means,
    draw_scores,
    layer_means,
    trace_network,
)

app = typer.Typer(no_args_is_help=True, help="The Terminator vision network.")


@app.command()
def parity(
    file: Annotated[Path, typer.Argument(help="npz archive of a network's numbers.")],
    tolerance: Annotated[float, typer.Option(help="Largest relative error.")] = TOLERANCE,
    worst: Annotated[int, typer.Option(help="How many of the largest errors to print.")] = 10,
) -> None:
    """Rebuild the network of FILE in float64 and compare every array that it holds."""
    checked(worst, Steps, "worst")
    report = compare_archive(file, tolerance=tolerance)
    table = Table("array", "relative error")
    for name, error in report.worst(worst):
        table.add_row(name, f"{error:.2e}")
    print_table(table)
    failures = report.failures
    print(f"{len(report.errors)} arrays compared, {len(failures)} beyond {tolerance:g}")
    if failures:
        print(f"first in the order of evaluation: {next(iter(failures))}")
        raise typer.Exit(1)


@app.command()
def bench(
    json: Annotated[Path, typer.Option(callback=new_file, help="Where the numbers are written.")],
    plot: Annotated[
        Path | None, typer.Option(callback=new_file, help="PNG of the scaling table.")
    ] = None,
    repeats: Annotated[int, typer.Option(help="Runs of which the median counts.")] = 7,
    scaling: Annotated[bool, typer.Option(help="Measure the scaling table too.")] = True,
    threads: Annotated[int, typer.Option(help="Threads of one operation.")] = 2,
    clock: Annotated[str, typer.Option(help=f"One of: {', '.join(CLOCKS)}.")] = "wall",
) -> None:
    """Measure inference and training in units of a 1024x1024x1024 matrix product."""
    if plot is not None and not scaling:
        raise typer.BadParameter("--plot draws the scaling table: leave --no-scaling away.")
    config = BenchConfig(repeats=repeats, scaling=scaling, threads=threads, clock=clock)
    with Console(stderr=True).status("measuring"):
        results = run_bench(config)
    write_json(json, results)
    if plot is not None:
        plot_scaling([ScalingRow(**row) for row in results["scaling"]], plot)
    for part in ("inference_over_matmul", "training_over_matmul"):
        figures = ", ".join(
            f"{name} {'not measured' if value is None else format(value, '.1f')}"
            for name, value in results[part].items()
        )
        print(f"{part.replace('_', ' ')}: {figures}")
    print(results["note"])
    print(f"largest difference to the plain evaluation {results['max_abs_difference']:.1e}")


@app.command()
def show(
    data: Dataset,
    fit: Annotated[Path, typer.Option(help="Folder that `twospeed fit` wrote.")],
    out: Annotated[
        Path, typer.Option(callback=folder_with(DRAWINGS), help="Folder of the pictures.")
    ] = Path("runs/show"),
    count: Annotated[int, typer.Option(help="How many test examples.")] = 4,
) -> None:
    """Draw hyper-kernels, scores by position, and the mean of the features by layer."""
    checked(count, Count, "count")
    examples = load_examples(data, say=say)
    saved = open_fit(fit, examples)
    inputs = saved.reader(examples.test.images[:count])
    means = layer_means(trace_network(saved.network, inputs))
    draw_kernels(saved.network, out / "kernels.png")
    draw_scores(saved.network, inputs, out / "scores.png")
    draw_means(means, out / "means.png")
    table = Table("block", "layer", "mean", "largest mean of a channel", "spread")
    for row in means:
        numbers = (row.mean, row.largest_channel_mean, row.std)
        table.add_row(str(row.block), row.layer, *(f"{number:.3g}" for number in numbers))
    print_table(table)
    print(f"kernels.png, scores.png and means.png are in {out}")


@app.command("compare")
def compare_variants(
    kind: Annotated[str, typer.Argument(help="One of: peers, ablations.")],
    recipe: Annotated[str, typer.Argument(help=f"One of: {', '.join(RECIPES)}.")],
    data: Dataset,
    out: Annotated[
        Path,
        typer.Option(callback=folder_with(COMPARISON), help="Folder; the same one goes on."),
    ] = Path("runs/compare"),
    seeds: Annotated[int, typer.Option(help="How many seeds, from 0.")] = 3,
    only: Annotated[
        list[str] | None, typer.Option(help="Variants to take; all by default.")
    ] = None,
    rates: Annotated[
        list[float] | None,
        typer.Option("--rate", help="A peak rate to try; each variant keeps its best."),
    ] = None,
    settings: Settings = None,
    device: Device = "cpu",
) -> None:
    """Fit a recipe beside its peers or its ablations, with equal budget, over several seeds."""
    config = override(recipe_of(recipe), *(settings or []))
    known = lookup(VARIANTS, kind, "comparison")(config)
    chosen = {name: lookup(known, name, "variant") for name in only or known}
    rows = compare(
        config, load_examples(data, say=say), chosen, out,
        seeds=range(seeds), rates=rates or (), device=device,
    )  # fmt: skip
    table = Table("variant", "test accuracy", "rate", "parameters", "processor seconds")
    for row in rows:
        accuracy = f"{row.mean:.2%} ± {row.spread:.2%}"
        seconds = f"{row.processor_seconds[-1]:.0f}"
        table.add_row(row.name, accuracy, f"{row.learning_rate:g}", f"{row.parameters:,}", seconds)
    print_table(table)
    count = "1 seed" if seeds == 1 else f"{seeds} seeds"
    print(f"{count}, {config.epochs} epochs each; table.md and curves.png are in {out}")
