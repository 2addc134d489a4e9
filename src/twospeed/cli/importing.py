"""``twospeed import``: recordings of other formats, as shards in a folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from twospeed.cli.options import FIRST_SEED, AnySize, Workers, workers_of
from twospeed.cli.saying import say
from twospeed.cli.targets import folder_claimed_by
from twospeed.data.importers.config import ImportConfig
from twospeed.data.importers.registry import FORMATS
from twospeed.data.importers.run import LINES, NOTE, import_recordings
from twospeed.data.recorder import TEST_SEEDS_FROM

_FORMATS = " | ".join(f"{name}: {it.summary}" for name, it in FORMATS.items())


def import_(
    format: Annotated[str, typer.Argument(help=_FORMATS)],  # noqa: A002
    source: Annotated[Path, typer.Argument(metavar="SRC", help="Where the recordings lie.")],
    out: Annotated[
        Path, typer.Option(callback=folder_claimed_by(NOTE), help="A folder of this import alone.")
    ],
    name: Annotated[str | None, typer.Option(help="What to call the data; the format.")] = None,
    size: AnySize = None,
    fps: Annotated[float, typer.Option(help="Frames per second.")] = 4.0,
    chunk_frames: Annotated[int, typer.Option(help="Frames of one action.")] = 4,
    first_seed: Annotated[int | None, typer.Option(help=FIRST_SEED)] = None,
    scenes: Annotated[
        str, typer.Option(help="all, train (nine of ten) or test (the rest).")
    ] = "all",
    camera: Annotated[str | None, typer.Option(help="Which of several cameras.")] = None,
    workers: Workers = 1,
) -> None:
    """Import recordings as shards; the same command goes on where it was stopped."""
    if first_seed is None:
        first_seed = TEST_SEEDS_FROM if scenes == "test" else 0
    config = ImportConfig(
        format=format,
        name=name or format,
        **(size.fields if size else {}),
        frames_per_second=fps,
        chunk_frames=chunk_frames,
        first_seed=first_seed,
        scenes=scenes,
        camera=camera,
    )
    said: list[str] = []
    done = import_recordings(
        config, source, out, workers=workers_of(workers), say=_say_and_note(said)
    )
    lines = f"; {len(said)} lines above" if said else ""
    if not set(done.lines) <= set(said):
        lines += f", all {len(done.lines)} in {out / LINES}"
    typer.echo(
        f"imported {done.num_episodes} of {done.num_planned} episodes, {done.num_frames} frames,"
        f" {done.num_bytes / 1e6:.1f} MB, in {out}; {done.num_chunks} chunks"
        f" ({done.seconds:.1f} of {done.seconds_listed:.1f} s) from {done.num_entries} of"
        f" {done.num_listed} {FORMATS[format].entries}{lines}"
    )
    if done.advice:
        say(done.advice)


def _say_and_note(said: list[str]) -> Callable[[str], None]:
    """Return what prints a line and adds it to `said`."""

    def say(line: str) -> None:
        said.append(line)
        typer.echo(line, err=True)

    return say
