"""``twospeed memory``: memories are files; write them, look at them, fork, merge, forget."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.table import Table

from twospeed.cli.large.sizing import take_size_
from twospeed.cli.memory_options import Preset
from twospeed.cli.options import AnySize, Device, DType, Model, Seed
from twospeed.cli.saying import say
from twospeed.cli.tables import print_table
from twospeed.cli.targets import new_folder
from twospeed.core.folders import check_folder, check_new
from twospeed.core.pictures import fit_frame
from twospeed.core.runs.locks import held_beside
from twospeed.core.video import read_video_at
from twospeed.memory import edits, files
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.presets import preset_of
from twospeed.memory.video import learn_video
from twospeed.worldmodel.model import WorldModel

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
    print_table(table)


@app.command()
def write(
    model: Model,
    video: Annotated[Path, typer.Argument(help="A video of the place.")],
    out: Target,
    preset: Preset = "default",
    action: Annotated[str, typer.Option(help="What is done in it; by default nothing said.")] = "",
    size: AnySize = None,
    seed: Seed = 0,
    device: Device = "cpu",
    dtype: DType = "float32",
) -> None:
    """Learn a whole video, so that what was filmed once can be dreamed in."""
    with _new(out):
        world_model = WorldModel.from_pretrained(model, device=device, torch_dtype=dtype)
        frames = read_video_at(video, world_model.settings.frames_per_second, say=say)
        take_size_(world_model, size, frames[0])
        fitted = np.stack([fit_frame(frame, world_model.settings.size) for frame in frames])
        memory = FastWeights(world_model, preset_of(world_model, preset), seeds=(seed,))
        records = list(learn_video(memory, fitted, [action]))
        files.save_memory(memory, out)
    typer.echo(
        f"learned {len(records)} chunks of {video}: loss {records[0].loss_before:.4f} at the first,"
        f" {records[-1].loss_after:.4f} after the last; memory in {out}"
    )


@app.command()
def fork(memory: Source, out: Target) -> None:
    """Copy a memory, so that both can go their own ways."""
    with _new(out):
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
    with _new(out):
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
    print_table(table)


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
    with held_beside(memory) if out is None else _new(out):
        less = edits.forget(files.load_memory(memory), share=share)
        files.save_memory(less, out or memory)
    typer.echo(f"forgot {share:.0%} of {memory}, norm is now {less.norm():.4g}, in {out or memory}")


@contextmanager
def _new(out: Path) -> Iterator[None]:
    """Hold the place of a new memory, of which another process may have made one meanwhile."""
    with held_beside(out):
        check_new(out)
        yield
