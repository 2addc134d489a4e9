"""``twospeed memory``: memories are files; look at them, fork, merge, compare, forget."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from twospeed.cli.targets import new_folder
from twospeed.core.folders import check_folder
from twospeed.memory import edits, files

app = typer.Typer(no_args_is_help=True, help="Look at memories, fork, merge, compare, forget.")

Source = Annotated[Path, typer.Argument(help="A memory folder.")]
Target = Annotated[
    Path, typer.Option("--out", callback=new_folder, help="Folder of the new memory.")
]


@app.command()
def show(
    memory: Source,
    last: Annotated[int, typer.Option(min=0, help="How many of the last writes to list.")] = 10,
) -> None:
    """Print what a memory belongs to, how it was written, and its last writes."""
    file = files.load_memory(memory)
    typer.echo(
        f"memory of slow weights {file.model_hash}: {len(file.records)} chunks,"
        f" rank {file.config.rank}, {len(file.up)} layers, norm {file.norm():.4g}"
    )
    table = Table("chunk", "loss before", "loss after", "norm", "seconds", "written", box=None)
    for it in file.records[max(0, len(file.records) - last) :]:
        table.add_row(
            str(it.chunk),
            f"{it.loss_before:.4f}",
            f"{it.loss_after:.4f}",
            f"{it.norm:.4g}",
            f"{it.seconds:.2f}",
            "yes" if it.written else "no",
        )
    Console(markup=False).print(table)


@app.command()
def fork(memory: Source, out: Target) -> None:
    """Copy a memory, so that both can go their own ways."""
    files.save_memory(files.load_memory(memory), out)
    typer.echo(f"forked {memory} to {out}")


@app.command()
def merge(
    first: Source,
    second: Source,
    out: Target,
    share: Annotated[float, typer.Option(help="Share of the first, 0 to 1.")] = 0.5,
) -> None:
    """Blend two memories of one model."""
    blend = edits.merge(files.load_memory(first), files.load_memory(second), share=share)
    files.save_memory(blend, out)
    typer.echo(f"merged {first} and {second} to {out}, rank {blend.config.rank}")


@app.command()
def diff(first: Source, second: Source) -> None:
    """Compare two memories layer by layer."""
    table = Table("layer", "norm 1", "norm 2", "distance", "cosine", box=None)
    compared = edits.difference(files.load_memory(first), files.load_memory(second))
    for layer, row in compared.items():
        table.add_row(
            layer, *(f"{row[name]:.4g}" for name in ("first", "second", "distance", "cosine"))
        )
    Console(markup=False).print(table)


@app.command()
def forget(
    memory: Source,
    share: Annotated[
        float, typer.Option(help="Share of the added weights that goes, 0 to 1.")
    ] = 1.0,
    out: Annotated[
        Path | None,
        typer.Option(
            callback=new_folder, help="Where to write; without it the memory itself changes."
        ),
    ] = None,
) -> None:
    """Let a memory forget a share of what it learned; without --share, all of it."""
    if out is None:
        check_folder(memory, files.MEMORY)
    less = edits.forget(files.load_memory(memory), share=share)
    files.save_memory(less, out or memory)
    typer.echo(f"forgot {share:.0%} of {memory}, norm is now {less.norm():.4g}, in {out or memory}")
