"""``twospeed record``: episodes of a world, or of all of them, as shards in a folder."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from twospeed.cli.options import FirstSeed, FrameSize, Workers, workers_of
from twospeed.cli.tables import print_table
from twospeed.cli.targets import any_folder
from twospeed.core.config import read_options
from twospeed.core.errors import ConfigError, lookup
from twospeed.data import preset as presets
from twospeed.data import recorder
from twospeed.data.preset import Forecast, Job
from twospeed.data.recorder import Recording
from twospeed.data.recording import RecordingConfig
from twospeed.worlds.registry import WORLDS


def record(
    world: Annotated[str | None, typer.Argument(help="The world, such as rooms or doom.")] = None,
    episodes: Annotated[int | None, typer.Option(help="How many episodes.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(callback=any_folder, help="A folder of this recording alone."),
    ] = None,
    first_seed: FirstSeed = 0,
    workers: Workers = 1,
    chunks: Annotated[
        int | None, typer.Option(help="Actions of one episode, 4 frames each.")
    ] = None,
    size: FrameSize = 64,
    policy: Annotated[
        str | None,
        typer.Option(
            help="Who acts: explore, revisit, random, scripted, roam; a+b draws one each time."
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="What the world takes, such as blocks=2 of fetch; may be repeated.",
        ),
    ] = None,
    preset: Annotated[str | None, typer.Option(help="Record all installed worlds: 200k.")] = None,
    engine: Annotated[
        str, typer.Option(help="Who shares the work out: processes, or ray, over machines.")
    ] = "processes",
    share: Annotated[float, typer.Option(help="The part of the preset, above 0 to 1.")] = 1.0,
) -> None:
    """Record episodes of a world; the same command goes on where it was stopped."""
    if world is None and preset is None:
        raise typer.BadParameter("Missing argument 'WORLD', or --preset 200k for all of them.")
    if out is None:
        raise typer.BadParameter("Missing option '--out'.")
    workers = workers_of(workers)
    try:
        if preset is not None:
            if world is not None:
                raise ConfigError(f"a preset records all worlds: leave {world!r} away, or --preset")
            if option:
                raise ConfigError("--option is of one world: leave it away, or --preset")
            jobs = _jobs_of(preset, share=share, size=size)
            _record_preset(jobs, out, workers=workers, engine=engine)
            return
        if share != 1.0:
            raise ConfigError(f"--share is the part of a preset, got {share} without --preset")
        config = _config_of(str(world), episodes, first_seed, chunks, size, policy, option or [])
        done = recorder.record(config, out, workers=workers, engine=engine)
    except KeyboardInterrupt:
        typer.echo(
            f"twospeed: stopped; what is whole is in {out}, the same command goes on", err=True
        )
        raise typer.Exit(130) from None
    typer.echo(_line_of(done, out))


def _config_of(
    world: str,
    episodes: int | None,
    first_seed: int,
    chunks: int | None,
    size: int,
    policy: str | None,
    options: list[str],
) -> RecordingConfig:
    about = lookup(WORLDS, world, "world").about
    if episodes is None:
        raise typer.BadParameter("Missing option '--episodes'.")
    return RecordingConfig(
        world=world,
        episodes=episodes,
        first_seed=first_seed,
        chunks=about.chunks if chunks is None else chunks,
        frame_size=size,
        policy=policy or about.policy,
        world_options=read_options(options),
    )


def _jobs_of(preset: str, *, share: float, size: int) -> list[Job]:
    clips = lookup(presets.PRESETS, preset, "preset")
    jobs, missing = presets.plan(clips, share=share, frame_size=size)
    for absent, install in missing.items():
        typer.echo(f"{absent} is left out, its engine is not installed: {install}")
    return jobs


def _record_preset(jobs: list[Job], out: Path, *, workers: int, engine: str) -> None:
    _show(presets.forecast(jobs, workers=workers), jobs)
    total = 0
    for job, done in presets.record_all(jobs, out, workers=workers, engine=engine):
        total += job.clips
        typer.echo(f"{job.split}: {_line_of(done, job.folder(out))}")
    typer.echo(f"{total} clips in {out}")


def _show(found: list[Forecast], jobs: list[Job]) -> None:
    """Print what the recording will take, before it begins."""
    table = Table("world", "clips", "frames/s", "kB a clip", "hours", "GB", box=None)
    for it in found:
        table.add_row(
            it.world,
            str(it.clips),
            f"{it.frames_per_second:.0f}",
            f"{it.bytes_per_clip / 1e3:.1f}",
            f"{it.seconds / 3600:.2f}",
            f"{it.num_bytes / 1e9:.3f}",
        )
    hours, disk = sum(it.seconds for it in found) / 3600, sum(it.num_bytes for it in found) / 1e9
    clips = sum(job.clips for job in jobs)
    table.add_row("all", str(clips), "", "", f"{hours:.2f}", f"{disk:.3f}")
    print_table(table)


def _line_of(done: Recording, out: Path) -> str:
    earlier = f" ({done.num_episodes_before} of them before)" if done.num_episodes_before else ""
    return (
        f"recorded {done.num_episodes} episodes{earlier}, {done.num_frames} frames,"
        f" {done.num_bytes / 1e6:.1f} MB, {done.frames_per_second:.0f} frames/s, in {out}"
    )
